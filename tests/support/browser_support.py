"""A real headless Chromium, where the machine has one (Debian: ``apt install chromium chromium-driver``)."""

import contextlib
import json
import shutil

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

_FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars"),
)
PROGRAMS = ("chromium", "chromedriver")


def skip_without_chromium():
    """Skip the test where a program is missing, and say which."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        pytest.skip(f"no {' and no '.join(missing)} here; on Debian: apt install chromium chromium-driver")


@contextlib.contextmanager
def chromium(profile):
    """Yield a driver of a new Chromium that keeps its profile in the folder ``profile`` and notes its requests."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in (*_FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, Service(shutil.which("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()


def set_width(driver, width_pixels, height_pixels=900):
    """Show pages as wide as a device of ``width_pixels``, since a desktop window cannot be narrower than 500 pixels."""
    size = {"width": width_pixels, "height": height_pixels, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def complaints(driver):
    """Return the messages of the browser's console since the last call."""
    return [entry["message"] for entry in driver.get_log("browser")]


def requested(driver):
    """Return the addresses asked for since the last call."""
    messages = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    return [
        message["params"]["request"]["url"] for message in messages if message["method"] == "Network.requestWillBeSent"
    ]
