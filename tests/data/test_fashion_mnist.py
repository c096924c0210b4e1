"""Fashion-MNIST read, prepared and committed."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from fashion_mnist_samples import (
    CONTENTS,
    DATA,
    FILES,
    TEST_IMAGES,
    TRAINING_IMAGES,
    contents_of,
    use_scratch,
    write_plain,
)
from torchvision.datasets import FashionMNIST

from reproduce.base.files import file_digest
from reproduce.data.acquire import prepare
from reproduce.data.fashion_mnist.official_files import OFFICIAL_FILES
from reproduce.data.pixel_statistics import image_sums
from reproduce.data.registry import FASHION_MNIST

needs_the_data = pytest.mark.skipif(
    not FASHION_MNIST.folder().is_dir(), reason="Fashion-MNIST is absent: run `python -m reproduce data fashion_mnist`"
)


@pytest.fixture(autouse=True)
def scratch(tmp_path, monkeypatch) -> Path:
    return use_scratch(tmp_path, monkeypatch)


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "data" / "fashion_mnist"


# Reading


def test_images_come_channels_last_with_one_channel(tmp_path):
    data = DATA.load(write_plain(tmp_path / "plain"))
    np.testing.assert_array_equal(data.training_images, TRAINING_IMAGES[..., None])
    np.testing.assert_array_equal(data.test_images, TEST_IMAGES[..., None])
    assert data.training_labels.tolist() == [9, 0, 3]
    assert data.test_labels.tolist() == DATA.test_labels(tmp_path / "plain").tolist() == [7, 2]
    assert data.training_images.dtype == data.test_images.dtype == np.uint8
    assert data.training_labels.dtype == data.test_labels.dtype == np.int64
    assert data.training_images.flags.writeable and data.training_images.flags.c_contiguous


# Preparing


def test_preparation_writes_manifest_and_mean_of_the_training_images(tmp_path, folder, scratch):
    published = tmp_path / "results"
    prepare(DATA, folder, published)
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


# What is official, what is committed


def test_committed_manifest_lists_the_official_files():
    manifest = json.loads(FASHION_MNIST.manifest().read_text())
    listed = [(file["name"], file["bytes"], file["md5"]) for file in manifest["files"]]
    assert listed == [(file.name, file.bytes, file.md5) for file in OFFICIAL_FILES]


@needs_the_data
def test_real_data_have_their_known_counts_mean_and_committed_statistics():
    data = FASHION_MNIST.read()
    assert data.training_images.shape == (60000, 28, 28, 1)
    assert data.test_images.shape == (10000, 28, 28, 1)
    assert np.bincount(data.training_labels).tolist() == [6000] * 10
    assert np.bincount(data.test_labels).tolist() == [1000] * 10
    mean = image_sums(data.training_images).mean_image()
    assert mean.shape == (1, 28, 28)
    # 0.2860 of the gray scale and a standard deviation of 0.3530, as usually printed for this data set
    np.testing.assert_allclose(mean.mean() / 255, 0.2860, atol=5e-5)
    np.testing.assert_allclose(data.training_images.std() / 255, 0.3530, atol=5e-5)
    np.testing.assert_array_equal(mean, np.load(FASHION_MNIST.statistic("mean_image.npy")))
    covariance = np.load(FASHION_MNIST.statistic("color_covariance.npy"))
    np.testing.assert_allclose(covariance, [[data.training_images.astype(np.float64).var()]], rtol=1e-12)
    manifest = json.loads(FASHION_MNIST.manifest().read_text())
    for file in manifest["files"]:
        assert file_digest(FASHION_MNIST.folder() / file["name"]) == file["sha256"]


@needs_the_data
def test_torchvision_reads_the_same_images_and_labels(tmp_path):
    raw = tmp_path / "FashionMNIST" / "raw"
    raw.parent.mkdir()
    raw.symlink_to(FASHION_MNIST.folder().resolve())
    data = FASHION_MNIST.read()
    for train, images, labels in (
        (True, data.training_images, data.training_labels),
        (False, data.test_images, data.test_labels),
    ):
        theirs = FashionMNIST(tmp_path, train=train)
        np.testing.assert_array_equal(theirs.data.numpy(), images[..., 0])
        np.testing.assert_array_equal(theirs.targets.numpy(), labels)
