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
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from fashion_mnist_samples import (
    CONTENTS,
    FILES,
    contents_of,
    use_scratch,
    write_packed,
    write_plain,
)
from torchvision.datasets import FashionMNIST

from reproduce.base.errors import ReproduceError
from reproduce.data import fashion_mnist_sources as sources
from reproduce.data.fashion_mnist_sources import (
    OFFICIAL_FILES,
    acquire_fashion_mnist,
    fetch_debian_package,
    fetch_installed_package,
    fetch_official,
)
from reproduce.data.official import SourceError


@pytest.fixture(autouse=True)
def scratch(tmp_path, monkeypatch) -> Path:
    return use_scratch(tmp_path, monkeypatch)


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "data" / "fashion_mnist"


@pytest.fixture
def staging(tmp_path) -> Path:
    (tmp_path / "staging").mkdir()
    return tmp_path / "staging"


# A folder the user names


@pytest.mark.parametrize("write", [write_plain, write_packed])
@pytest.mark.parametrize("below", [".", "FashionMNIST/raw"])
def test_every_layout_of_a_named_folder_gives_the_same_files(tmp_path, folder, monkeypatch, write, below):
    monkeypatch.setenv("REPRODUCE_FASHION_MNIST", str(tmp_path / "other"))
    write(tmp_path / "other" / below)
    acquire_fashion_mnist(folder, FILES, sources=())
    assert contents_of(folder) == CONTENTS


def test_files_packed_and_unpacked_may_stand_side_by_side(tmp_path, folder):
    (tmp_path / "named" / "t10k-images-idx3-ubyte.gz").unlink()
    (tmp_path / "named" / "t10k-images-idx3-ubyte").write_bytes(CONTENTS["t10k-images-idx3-ubyte"])
    acquire_fashion_mnist(folder, FILES, sources=())
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
        (_gone, "named is not a folder"),
    ],
)
def test_unusable_named_folder_is_an_error_and_no_other_source_is_tried(tmp_path, folder, damage, reason):
    damage(tmp_path / "named")
    with pytest.raises(ReproduceError) as caught:
        acquire_fashion_mnist(folder, FILES, sources=[("never", pytest.fail)])
    assert str(caught.value).startswith(f"REPRODUCE_FASHION_MNIST={tmp_path / 'named'} cannot be used: ")
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(folder.parent.iterdir()) == []


def test_wrong_sum_names_file_and_both_sums_and_leaves_nothing(tmp_path, folder):
    (tmp_path / "named" / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(b"\0" * 11))
    with pytest.raises(ReproduceError) as caught:
        acquire_fashion_mnist(folder, FILES)
    zeros_md5 = hashlib.md5(b"\0" * 11).hexdigest()
    assert f"train-labels-idx1-ubyte from REPRODUCE_FASHION_MNIST={tmp_path / 'named'} has MD5 {zeros_md5}" in str(
        caught.value
    )
    assert f"expected {FILES[1].md5}" in str(caught.value)
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


def test_download_is_unpacked_and_removed(tmp_path, staging, scratch):
    with _serving(tmp_path / "named") as url:
        fetch_official(staging, scratch, FILES, url)
    assert contents_of(staging) == CONTENTS
    assert list(scratch.iterdir()) == []


def test_download_that_lacks_a_file_keeps_what_came_for_the_next_call(tmp_path, staging, scratch):
    last = tmp_path / "named" / "t10k-labels-idx1-ubyte.gz"
    last.rename(tmp_path / "aside")
    with _serving(tmp_path / "named") as url:
        with pytest.raises(SourceError, match=r"t10k-labels-idx1-ubyte\.gz: HTTP status 404"):
            fetch_official(staging, scratch, FILES, url)
        assert list(staging.iterdir()) == []
        assert sorted(path.name for path in scratch.iterdir()) == sorted(
            f"fashion_mnist-{file.name}.gz.part" for file in FILES[:3]
        )
        (tmp_path / "aside").rename(last)
        fetch_official(staging, scratch, FILES, url)
    assert contents_of(staging) == CONTENTS
    assert list(scratch.iterdir()) == []


def test_page_in_place_of_a_file_is_a_reason_and_the_next_call_starts_afresh(tmp_path, staging, scratch):
    _page(tmp_path / "named")
    with _serving(tmp_path / "named") as url:
        with pytest.raises(SourceError, match="Not a gzipped file"):
            fetch_official(staging, scratch, FILES, url)
        assert list(scratch.iterdir()) == []
        write_packed(tmp_path / "named")
        fetch_official(staging, scratch, FILES, url)
    assert contents_of(staging) == CONTENTS


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


def test_installed_package_is_unpacked(tmp_path, staging, scratch):
    write_packed(tmp_path / "usr" / "share" / "datasets" / "fashion-mnist")
    fetch_installed_package(staging, scratch, FILES, root=tmp_path)
    assert contents_of(staging) == CONTENTS


def test_absent_package_is_a_reason(tmp_path, staging, scratch):
    with pytest.raises(SourceError, match=r"usr/share/datasets/fashion-mnist is absent$"):
        fetch_installed_package(staging, scratch, FILES, root=tmp_path)


@needs_dpkg
def test_downloaded_package_is_unpacked_and_removed(tmp_path, staging, scratch, monkeypatch):
    log = tmp_path / "arguments"
    _install_apt_get(tmp_path, monkeypatch, f'echo "$@" > {log}; cp "{_build_package(tmp_path)}" .')
    fetch_debian_package(staging, scratch, FILES)
    assert contents_of(staging) == CONTENTS
    assert list(scratch.iterdir()) == []
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
def test_what_apt_get_complains_of_is_passed_on_in_one_line(tmp_path, staging, scratch, monkeypatch, script, reason):
    _install_apt_get(tmp_path, monkeypatch, script)
    with pytest.raises(SourceError) as caught:
        fetch_debian_package(staging, scratch, FILES)
    assert str(caught.value) == reason
    assert list(scratch.iterdir()) == []


@needs_dpkg
def test_damaged_package_is_a_reason(tmp_path, staging, scratch, monkeypatch):
    _install_apt_get(tmp_path, monkeypatch, "echo no package > tiny.deb")
    with pytest.raises(SourceError, match=r"^`dpkg-deb --extract` failed: error: .*is not a Debian format archive"):
        fetch_debian_package(staging, scratch, FILES)
    assert list(scratch.iterdir()) == []


def test_without_apt_get_the_message_says_so(tmp_path, staging, scratch, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SourceError, match="^apt-get and dpkg-deb not installed$"):
        fetch_debian_package(staging, scratch, FILES)


def test_leftovers_of_a_killed_preparation_are_removed(folder, scratch):
    write_plain(folder.with_name(".fashion_mnist.part"))
    write_plain(scratch / "fashion_mnist-temporary-99")
    acquire_fashion_mnist(folder, FILES)
    assert [path.name for path in folder.parent.iterdir()] == ["fashion_mnist"]
    assert list(scratch.iterdir()) == []


def test_files_and_address_are_torchvisions():
    assert [f"{file.name}.gz" for file in OFFICIAL_FILES] == [name for name, _ in FashionMNIST.resources]
    assert f"{sources.OFFICIAL_URL}/" in FashionMNIST.mirrors
