"""Where Fashion-MNIST comes from: a named folder, its official page, Debian's package."""

import contextlib
import functools
import gzip
import hashlib
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from fashion_mnist_samples import (
    CONTENTS,
    DATA,
    FILES,
    contents_of,
    use_scratch,
    write_packed,
    write_plain,
)
from torchvision.datasets import FashionMNIST

from reproduce.base.errors import ReproduceError
from reproduce.data.acquire import acquire
from reproduce.data.fashion_mnist import official_files
from reproduce.data.fashion_mnist.official_files import OFFICIAL_FILES, fetch_debian_package, fetch_official, find_files
from reproduce.data.official import SourceError


@pytest.fixture(autouse=True)
def scratch(tmp_path, monkeypatch) -> Path:
    return use_scratch(tmp_path, monkeypatch)


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "data" / "fashion_mnist"


@pytest.fixture
def place(tmp_path) -> Path:
    """An empty folder to fetch into."""
    (tmp_path / "place").mkdir()
    return tmp_path / "place"


# A folder the user names


@pytest.mark.parametrize("write", [write_plain, write_packed])
@pytest.mark.parametrize("below", [".", "FashionMNIST/raw"])
def test_every_layout_of_a_named_folder_gives_the_same_files(tmp_path, folder, monkeypatch, write, below):
    monkeypatch.setenv("REPRODUCE_FASHION_MNIST", str(tmp_path / "other"))
    write(tmp_path / "other" / below)
    acquire(replace(DATA, sources=()), folder)
    assert contents_of(folder) == CONTENTS


def test_files_packed_and_unpacked_may_stand_side_by_side(tmp_path, folder):
    (tmp_path / "named" / "t10k-images-idx3-ubyte.gz").unlink()
    (tmp_path / "named" / "t10k-images-idx3-ubyte").write_bytes(CONTENTS["t10k-images-idx3-ubyte"])
    acquire(replace(DATA, sources=()), folder)
    assert contents_of(folder) == CONTENTS


def _empty(named):
    for path in named.iterdir():
        path.unlink()


def _one_short(named):
    (named / "t10k-images-idx3-ubyte.gz").unlink()


def _truncated(named):
    path = named / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-9])


def _page(named):
    (named / "train-labels-idx1-ubyte.gz").write_bytes(b"<html>please log in</html>")


def _broken_stream(named):
    path = named / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:10] + b"\xff" * 40)


def _endless(named):
    (named / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(bytes(1 << 25)))


def _gone(named):
    shutil.rmtree(named)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (_empty, "named holds none of train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte"),
        (_one_short, "named lacks t10k-images-idx3-ubyte;"),
        (_truncated, "train-images-idx3-ubyte.gz cannot be read: Compressed file ended"),
        (_page, "train-labels-idx1-ubyte.gz cannot be read: Not a gzipped file"),
        (_broken_stream, "train-images-idx3-ubyte.gz cannot be read: Error -3 while decompressing"),
        (_endless, "train-labels-idx1-ubyte.gz holds more than the "),
        (_gone, "named is not a folder"),
    ],
)
def test_unusable_named_folder_is_an_error_and_no_other_source_is_tried(tmp_path, folder, damage, reason):
    damage(tmp_path / "named")
    with pytest.raises(ReproduceError) as caught:
        acquire(replace(DATA, sources=[("never", pytest.fail)]), folder)
    assert str(caught.value).startswith(f"REPRODUCE_FASHION_MNIST={tmp_path / 'named'} cannot be used: ")
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(folder.parent.iterdir()) == []


# The official download


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        pass


@contextlib.contextmanager
def _serving(folder: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_QuietHandler, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_download_is_checked_by_torchvisions_sums_and_unpacked(tmp_path, place, monkeypatch):
    named = tmp_path / "named"
    sums = [(path.name, hashlib.md5(path.read_bytes()).hexdigest()) for path in sorted(named.iterdir())]
    monkeypatch.setattr(FashionMNIST, "resources", sums)
    with _serving(named) as url:
        monkeypatch.setattr(FashionMNIST, "mirrors", [f"{url}/"])
        assert dict(find_files(fetch_official(place), FILES)) == CONTENTS
        monkeypatch.setattr(FashionMNIST, "resources", [(sums[0][0], "0" * 32)])
        with pytest.raises(SourceError, match=r"t10k-images-idx3-ubyte\.gz: File not found or corrupted"):
            fetch_official(place)


# Debian's package


def _install_apt_get(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put a stand-in for apt-get first on the path."""
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "apt-get").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "tools" / "apt-get").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'tools'}{os.pathsep}{os.environ['PATH']}")


def _build_package(tmp_path: Path) -> Path:
    """Build a package with the files where Debian's has them."""
    tree = tmp_path / "tree"
    write_packed(tree / "usr" / "share" / "datasets" / "fashion-mnist")
    (tree / "DEBIAN").mkdir()
    control = "Package: dataset-fashion-mnist\nVersion: 1\nArchitecture: all\nMaintainer: a <a@b>\nDescription: tiny\n"
    (tree / "DEBIAN" / "control").write_text(control)
    command = ["dpkg-deb", "--build", "--root-owner-group", tree, tmp_path / "tiny.deb"]
    subprocess.run(command, check=True, capture_output=True)
    return tmp_path / "tiny.deb"


needs_dpkg = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg-deb is absent: not a Debian system")


@pytest.mark.parametrize("installed", [True, False])
def test_installed_package_comes_first_and_its_absence_is_a_reason(tmp_path, folder, monkeypatch, capsys, installed):
    monkeypatch.delenv("REPRODUCE_FASHION_MNIST")
    monkeypatch.setattr(official_files, "_INSTALLED", tmp_path / "datasets")
    if installed:
        write_packed(tmp_path / "datasets")
    acquire(replace(DATA, sources=[DATA.sources[0], ("a mirror", lambda place: write_plain(place))]), folder)
    assert contents_of(folder) == CONTENTS
    assert ("datasets is not a folder" in capsys.readouterr().out) == (not installed)


@needs_dpkg
def test_downloaded_package_is_unpacked(tmp_path, place, monkeypatch):
    log = tmp_path / "arguments"
    _install_apt_get(tmp_path, monkeypatch, f'echo "$@" > {log}; cp "{_build_package(tmp_path)}" .')
    assert dict(find_files(fetch_debian_package(place), FILES)) == CONTENTS
    assert log.read_text().endswith(" download dataset-fashion-mnist\n")


@needs_dpkg
@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (
            "echo 'W: slow' >&2; echo 'E: Unable to locate package dataset-fashion-mnist' >&2; exit 100",
            "`apt-get download dataset-fashion-mnist` failed: Unable to locate package dataset-fashion-mnist; "
            "`apt-get update` may help",
        ),
        ("exit 100", "`apt-get download dataset-fashion-mnist` failed: it gave no reason"),
        ("exit 0", "`apt-get download dataset-fashion-mnist` left 0 packages, expected 1"),
    ],
)
def test_what_apt_get_complains_of_is_passed_on_in_one_line(tmp_path, place, monkeypatch, script, reason):
    _install_apt_get(tmp_path, monkeypatch, script)
    with pytest.raises(SourceError) as caught:
        fetch_debian_package(place)
    assert str(caught.value) == reason


@needs_dpkg
def test_damaged_package_is_a_reason(tmp_path, place, monkeypatch):
    _install_apt_get(tmp_path, monkeypatch, "echo no package > tiny.deb")
    with pytest.raises(SourceError, match=r"^`dpkg-deb --extract` failed: error: .*is not a Debian format archive"):
        fetch_debian_package(place)


def test_without_apt_get_the_message_says_so(tmp_path, place, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SourceError, match="^apt-get and dpkg-deb not installed$"):
        fetch_debian_package(place)


def test_files_are_torchvisions():
    assert [f"{file.name}.gz" for file in OFFICIAL_FILES] == [name for name, _ in FashionMNIST.resources]
