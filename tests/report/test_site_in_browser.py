"""The whole site, built from the committed tables: every link followed, every page opened in a real Chromium."""

import re
from html.parser import HTMLParser
from urllib.parse import unquote, urldefrag

import pandas as pd
import pytest
from browser_support import chromium, complaints, requested, set_width, skip_without_chromium
from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select
from selenium.webdriver.support.wait import WebDriverWait

from reproduce.base.paths import REPO_ROOT, RESULTS
from reproduce.report.build import NOTEBOOKS
from reproduce.report.site.make_site import site_stage

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
VERDICTS = pd.read_csv(RESULTS / "tables" / "verdicts.csv")
LOADED = {"link": "href", "script": "src", "img": "src", "source": "src", "iframe": "src"}


class Page(HTMLParser):
    """The addresses that a page loads and links to, its ids, and its pictures without words."""

    def __init__(self, path):
        super().__init__()
        self.loads, self.links, self.ids, self.wordless = [], [], set(), []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if given.get("id"):
            self.ids.add(given["id"])
        if given.get(LOADED.get(tag)):
            self.loads.append(given[LOADED[tag]])
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag == "img" and not (given.get("alt") or "").strip():
            self.wordless.append(given.get("src"))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report") / "site"
    assert site_stage(folder) == [folder / "index.html"]
    return folder


@pytest.fixture(scope="module")
def pages(site):
    return {path: Page(path) for path in sorted(site.rglob("*.html"))}


@pytest.fixture
def browser(tmp_path):
    skip_without_chromium()
    with chromium(tmp_path / "profile") as driver:
        set_width(driver, 1280)
        yield driver


def test_every_claim_notebook_and_page_is_there(site, pages):
    names = {path.relative_to(site).as_posix() for path in pages}
    wanted = {f"claims/{claim}.html" for claim in VERDICTS["claim_id"]}
    wanted |= {f"results/notebooks/{notebook.stem}.html" for notebook in NOTEBOOKS.glob("*.ipynb")}
    wanted |= {f"paper_notes/{page.stem}.html" for page in (REPO_ROOT / "paper_notes").glob("*.md")}
    wanted |= {
        f"experiments/{page.parent.name}/README.html" for page in (REPO_ROOT / "experiments").glob("*/README.md")
    }
    assert wanted <= names
    assert {"index.html", "verdicts.html", "README.html"} <= names


def test_every_link_leads_to_a_file_and_a_place_in_it(pages):
    wrong = []
    for path, page in pages.items():
        for address in page.links + page.loads:
            if re.match(r"[a-z]+:", address):
                continue
            file, place = urldefrag(address)
            target = (path.parent / unquote(file.partition("?")[0])).resolve() if file else path
            if not target.is_file() or (place and target in pages and not is_place(place, pages[target])):
                wrong.append((path.name, address))
    assert wrong == []


def is_place(place, page):
    return "=" in place or unquote(place) in page.ids  # of the verdict table, a filter


def test_nothing_is_loaded_from_elsewhere_and_every_picture_has_words(pages):
    assert [address for page in pages.values() for address in page.loads if re.match(r"[a-z]+:|//", address)] == []
    assert [address for page in pages.values() for address in page.wordless] == []


def test_no_page_complains_asks_the_network_or_overflows_a_narrow_screen(site, pages, browser):
    found = []
    set_width(browser, 400)
    for path in pages:
        browser.get(path.as_uri())
        width = browser.execute_script("return document.documentElement.scrollWidth")
        found += [(path.name, message) for message in complaints(browser)]
        found += [(path.name, address) for address in requested(browser) if re.match("(http|ws)s?:", address)]
        found += [(path.name, f"{width} pixels wide")] if width > 400 else []
    assert found == []


def shown(browser, column):
    """Return the words of a column in the rows of the verdict table that are shown."""
    script = """
        const rows = [...document.querySelectorAll("table.verdicts tbody tr")].filter((row) => row.offsetParent);
        return rows.map((row) => row.cells[arguments[0]].innerText.trim());
    """
    return browser.execute_script(script, column)


@pytest.mark.parametrize("width", [1280, 400])
def test_the_verdict_table_sorts_both_ways(site, browser, width):
    set_width(browser, width)
    browser.get((site / "verdicts.html").as_uri())
    before = shown(browser, 0)
    assert len(before) == len(VERDICTS)
    button = browser.find_element(By.CSS_SELECTOR, "th[data-sort=seeds] button")
    head = browser.find_element(By.CSS_SELECTOR, "th[data-sort=seeds]")
    for order, direction in (("ascending", 1), ("descending", -1)):
        button.click()
        assert head.get_attribute("aria-sort") == order
        seeds = browser.execute_script("return [...document.querySelectorAll('tbody tr')].map(r => +r.dataset.seeds)")
        assert seeds == sorted(VERDICTS["n_seeds"], reverse=direction < 0)
    browser.find_element(By.CSS_SELECTOR, "th[data-sort=statement] button").click()
    assert head.get_attribute("aria-sort") is None
    after = shown(browser, 0)
    assert sorted(after) == sorted(before)
    assert after == browser.execute_script("return arguments[0].sort((a, b) => a.localeCompare(b))", before)


def test_the_verdict_table_filters_and_the_address_remembers(site, browser):
    browser.get((site / "verdicts.html").as_uri())
    form = browser.find_element(By.CSS_SELECTOR, "form.filters")
    count = form.find_element(By.TAG_NAME, "output")
    assert count.text == f"{len(VERDICTS)} claims"
    Select(form.find_element(By.NAME, "verdict")).select_by_visible_text("not run")
    not_run = VERDICTS[VERDICTS["verdict"].eq("not run")]
    assert set(shown(browser, 0)) == set(not_run["statement"])
    Select(form.find_element(By.NAME, "evidence")).select_by_visible_text("ImageNet")
    both = not_run[not_run["scale"].eq("imagenet") & ~not_run["kind"].isin(["arithmetic", "source_check"])]
    assert count.text == f"{len(both)} of {len(VERDICTS)} claims"
    address = browser.current_url
    form.find_element(By.CSS_SELECTOR, "button[type=reset]").click()
    WebDriverWait(browser, 10).until(lambda _: len(shown(browser, 0)) == len(VERDICTS))  # the form empties itself first
    browser.get("about:blank")
    browser.get(address)
    assert set(shown(browser, 0)) == set(both["statement"])
    assert browser.find_element(By.NAME, "verdict").get_attribute("value") == "not run"
    browser.get((site / "verdicts.html").as_uri())
    browser.find_element(By.NAME, "text").send_keys("NASNET")
    named = VERDICTS[VERDICTS["statement"].str.contains("nasnet", case=False)]
    assert set(shown(browser, 0)) >= set(named["statement"])
    assert 0 < len(shown(browser, 0)) < len(VERDICTS)
    assert complaints(browser) == []


def test_a_count_of_the_first_page_opens_the_table_filtered(site, browser):
    browser.get((site / "index.html").as_uri())
    row = browser.find_element(By.XPATH, "//table[contains(@class, 'meanings')]//tr[contains(., 'source check')]")
    link = row.find_element(By.TAG_NAME, "a")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", link)
    link.click()
    assert len(shown(browser, 0)) == VERDICTS["verdict"].eq("source check").sum()


def test_the_site_is_searched_without_the_network(site, browser):
    browser.get((site / "search.html").as_uri() + "?q=overlapping")
    browser.implicitly_wait(10)
    assert browser.find_elements(By.CSS_SELECTOR, "#search-results li a")
    assert complaints(browser) == []
