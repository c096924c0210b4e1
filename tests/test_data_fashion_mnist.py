import contextlib
import functools
import gzip
import hashlib
import json
import os
import shutil
import struct
import subprocess
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from torchvision.datasets import FashionMNIST

from reproduce import cli
from reproduce.data import fashion_mnist_sources as sources
from reproduce.data.fashion_mnist import (
    FASHION_MNIST_FOLDER,
    STATISTICS_FOLDER,
    load_fashion_mnist,
    prepare_fashion_mnist,
)
from reproduce.data.fashion_mnist_sources import (
    OFFICIAL_FILES,
    acquire_fashion_mnist,
    fetch_debian_package,
    fetch_installed_package,
    fetch_official,
)
from reproduce.data.official import OfficialFile, SourceError
from reproduce.data.statistics import mean_image
from reproduce.errors import ReproduceError
from reproduce.files import exclusive_lock, file_digest

# Three training and two test images of 2 x 3 pixels, encoded here apart from the package's own code.
TRAINING_IMAGES = np.array([[[0, 10, 20], [30, 40, 50]], [[1, 10, 20], [30, 40, 255]], [[2, 10, 20], [30, 40, 0]]])
TEST_IMAGES = np.array([[[9, 8, 7], [6, 5, 4]], [[3, 2, 1], [0, 255, 128]]])
CONTENTS = {
    "train-images-idx3-ubyte": struct.pack(">BBBBIII", 0, 0, 8, 3, 3, 2, 3) + bytes(TRAINING_IMAGES.ravel().tolist()),
    "train-labels-idx1-ubyte": struct.pack(">BBBBI", 0, 0, 8, 1, 3) + bytes([9, 0, 3]),
    "t10k-images-idx3-ubyte": struct.pack(">BBBBIII", 0, 0, 8, 3, 2, 2, 3) + bytes(TEST_IMAGES.ravel().tolist()),
    "t10k-labels-idx1-ubyte": struct.pack(">BBBBI", 0, 0, 8, 1, 2) + bytes([7, 2]),
}
FILES = tuple(OfficialFile(name, len(content), hashlib.md5(content).hexdigest()) for name, content in CONTENTS.items())
needs_the_data = pytest.mark.skipif(
    not FASHION_MNIST_FOLDER.is_dir(), reason="Fashion-MNIST is absent: run `python -m reproduce data fashion_mnist`"
)


def write_plain(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in CONTENTS.items():
        (folder / name).write_bytes(content)
    return folder


def write_packed(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in CONTENTS.items():
        (folder / f"{name}.gz").write_bytes(gzip.compress(content))
    return folder


def contents_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(autouse=True)
def scratch(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("REPRODUCE_SCRATCH", str(tmp_path / "scratch"))
    monkeypatch.setenv("REPRODUCE_FASHION_MNIST", str(write_packed(tmp_path / "named")))
    (tmp_path / "scratch").mkdir()
    return tmp_path / "scratch"


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "data" / "fashion_mnist"


@pytest.fixture
def staging(tmp_path) -> Path:
    (tmp_path / "staging").mkdir()
    return tmp_path / "staging"


# Reading


def test_images_come_channels_last_with_one_channel(tmp_path):
    data = load_fashion_mnist(write_plain(tmp_path / "plain"), FILES)
    np.testing.assert_array_equal(data.training_images, TRAINING_IMAGES[..., None])
    np.testing.assert_array_equal(data.test_images, TEST_IMAGES[..., None])
    assert data.training_labels.tolist() == [9, 0, 3]
    assert data.test_labels.tolist() == [7, 2]
    assert data.training_images.dtype == data.test_images.dtype == np.uint8
    assert data.training_labels.dtype == data.test_labels.dtype == np.int64
    assert data.training_images.flags.writeable and data.training_images.flags.c_contiguous


def test_missing_folder_names_the_command(tmp_path):
    with pytest.raises(ReproduceError, match=r"nowhere is missing; run `python -m reproduce data fashion_mnist`$"):
        load_fashion_mnist(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (CONTENTS["t10k-labels-idx1-ubyte"][:-1], "t10k-labels-idx1-ubyte has 9 bytes, expected 10; run"),
        (b"\0" * 10, f"has MD5 a63c90cc3684ad8b0a2176a6a8fe9005, expected {FILES[3].md5}; run"),
        (None, "t10k-labels-idx1-ubyte cannot be read (No such file or directory); run"),
    ],
)
def test_file_that_is_not_the_official_one_is_named(tmp_path, content, message):
    plain = write_plain(tmp_path / "plain")
    (plain / "t10k-labels-idx1-ubyte").unlink()
    if content is not None:
        (plain / "t10k-labels-idx1-ubyte").write_bytes(content)
    with pytest.raises(ReproduceError) as caught:
        load_fashion_mnist(plain, FILES)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


# Preparing


def test_preparation_writes_manifest_and_mean_of_the_training_images(tmp_path, folder, scratch):
    published = tmp_path / "results"
    prepare_fashion_mnist(folder, published, FILES)
    assert contents_of(folder) == CONTENTS
    manifest = json.loads((published / "manifest.json").read_text())
    assert manifest["dataset"] == "Fashion-MNIST"
    assert [(f["name"], f["bytes"], f["md5"]) for f in manifest["files"]] == [(f.name, f.bytes, f.md5) for f in FILES]
    assert [f["sha256"] for f in manifest["files"]] == [hashlib.sha256(c).hexdigest() for c in CONTENTS.values()]
    mean = np.load(published / "mean_image.npy")
    assert mean.dtype == np.dtype("<f8")
    assert mean.tolist() == [[[1.0, 10.0, 20.0], [30.0, 40.0, 305 / 3]]]
    assert sorted(path.name for path in published.iterdir()) == [
        "color_covariance.npy",
        "manifest.json",
        "mean_image.npy",
    ]


def test_second_preparation_touches_no_file_and_rewrites_a_wrong_one(tmp_path, folder):
    published = tmp_path / "results"
    prepare_fashion_mnist(folder, published, FILES)
    files = [*folder.iterdir(), *published.iterdir()]
    mean = (published / "mean_image.npy").read_bytes()
    for path in files:
        os.utime(path, (1, 1))
    (published / "mean_image.npy").write_bytes(b"not an array")
    prepare_fashion_mnist(folder, published, FILES)
    assert (published / "mean_image.npy").read_bytes() == mean
    assert all(path.stat().st_mtime == 1 for path in files if path.name != "mean_image.npy")


def test_damaged_data_are_fetched_again(tmp_path, folder, capsys):
    write_plain(folder)
    (folder / "train-labels-idx1-ubyte").write_bytes(b"\0" * 11)
    prepare_fashion_mnist(folder, tmp_path / "results", FILES)
    assert contents_of(folder) == CONTENTS
    assert "Fashion-MNIST is fetched again: train-labels-idx1-ubyte has MD5" in capsys.readouterr().out


def test_second_preparation_at_the_same_time_is_refused(tmp_path, folder, scratch):
    with (
        exclusive_lock(scratch / "fashion_mnist.lock", busy="never"),
        pytest.raises(ReproduceError, match="another preparation of Fashion-MNIST holds"),
    ):
        prepare_fashion_mnist(folder, tmp_path / "results", FILES)
    assert not folder.parent.exists()


def test_the_command_refuses_the_options_of_ilsvrc(capsys):
    assert cli.main(["data", "fashion_mnist", "--subset"]) == 2
    assert "are for the ILSVRC data; leave them out for fashion_mnist" in capsys.readouterr().err


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


# What is official, what is committed


def test_files_and_address_are_torchvisions():
    assert [f"{file.name}.gz" for file in OFFICIAL_FILES] == [name for name, _ in FashionMNIST.resources]
    assert f"{sources.OFFICIAL_URL}/" in FashionMNIST.mirrors


def test_committed_manifest_lists_the_official_files():
    manifest = json.loads((STATISTICS_FOLDER / "manifest.json").read_text())
    listed = [(file["name"], file["bytes"], file["md5"]) for file in manifest["files"]]
    assert listed == [(file.name, file.bytes, file.md5) for file in OFFICIAL_FILES]


@needs_the_data
def test_real_data_have_their_known_counts_mean_and_committed_statistics():
    data = load_fashion_mnist()
    assert data.training_images.shape == (60000, 28, 28, 1)
    assert data.test_images.shape == (10000, 28, 28, 1)
    assert np.bincount(data.training_labels).tolist() == [6000] * 10
    assert np.bincount(data.test_labels).tolist() == [1000] * 10
    mean = mean_image(data.training_images)
    assert mean.shape == (1, 28, 28)
    # 0.2860 of the gray scale and a standard deviation of 0.3530, as usually printed for this data set
    np.testing.assert_allclose(mean.mean() / 255, 0.2860, atol=5e-5)
    np.testing.assert_allclose(data.training_images.std() / 255, 0.3530, atol=5e-5)
    np.testing.assert_array_equal(mean, np.load(STATISTICS_FOLDER / "mean_image.npy"))
    covariance = np.load(STATISTICS_FOLDER / "color_covariance.npy")
    np.testing.assert_allclose(covariance, [[data.training_images.astype(np.float64).var()]], rtol=1e-12)
    manifest = json.loads((STATISTICS_FOLDER / "manifest.json").read_text())
    for file in manifest["files"]:
        assert file_digest(FASHION_MNIST_FOLDER / file["name"]) == file["sha256"]


@needs_the_data
def test_torchvision_reads_the_same_images_and_labels(tmp_path):
    raw = tmp_path / "FashionMNIST" / "raw"
    raw.parent.mkdir()
    raw.symlink_to(FASHION_MNIST_FOLDER.resolve())
    data = load_fashion_mnist()
    for train, images, labels in (
        (True, data.training_images, data.training_labels),
        (False, data.test_images, data.test_labels),
    ):
        theirs = FashionMNIST(tmp_path, train=train)
        np.testing.assert_array_equal(theirs.data.numpy(), images[..., 0])
        np.testing.assert_array_equal(theirs.targets.numpy(), labels)
