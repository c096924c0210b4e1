"""Data sets by name, and the options that a variant may ask for of those in memory."""

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
import torch

from reproduce.base.errors import ReproduceError
from reproduce.data import registry
from reproduce.data.cifar10.batch_sources import CIFAR10_FILES
from reproduce.data.cifar10.batches import OFFICIAL_BATCHES
from reproduce.data.fashion_mnist.official_files import OFFICIAL_FILES
from reproduce.data.in_memory import enlarged, enlarged_mean
from reproduce.data.official import ImageArrays
from reproduce.data.opening import DataOptions, open_dataset
from reproduce.data.pixel_statistics import npy_bytes
from reproduce.data.registry import CIFAR10, DATASETS, FASHION_MNIST
from reproduce.study import claims
from reproduce.study.study import DatasetName

CPU = torch.device("cpu")
RANDOM = np.random.default_rng(2)
IMAGES = RANDOM.integers(0, 256, (25, 8, 8, 3), dtype=np.uint8)
LABELS = np.arange(25) % 5
MEAN, COVARIANCE = RANDOM.random((3, 8, 8)), np.diag([1.0, 2.0, 3.0])


@pytest.fixture(autouse=True)
def cifar10(tmp_path, monkeypatch):
    """Stand in for CIFAR-10: 20 training images of five classes in five files, 5 test images."""
    arrays = ImageArrays(IMAGES[:20], LABELS[:20], IMAGES[20:], LABELS[20:])
    stand_in = replace(CIFAR10_FILES, files=(), parse=lambda contents: arrays)
    monkeypatch.setitem(DATASETS, "cifar10", replace(CIFAR10, official=lambda: stand_in))
    (tmp_path / "cifar10").mkdir()
    monkeypatch.setattr(registry, "DATA", tmp_path)
    monkeypatch.setattr(registry, "RESULTS", tmp_path)
    folder = tmp_path / "data" / "cifar10"
    folder.mkdir(parents=True)
    for name, array in (("mean_image.npy", MEAN), ("color_covariance.npy", COVARIANCE)):
        (folder / name).write_bytes(npy_bytes(array))
    return folder


def test_a_data_set_is_opened_whole_with_its_statistics():
    data = open_dataset("cifar10", CPU)
    assert np.array_equal(data.training_images, IMAGES[:20]) and data.test_labels.tolist() == LABELS[20:].tolist()
    assert np.array_equal(data.mean_image, MEAN) and np.array_equal(data.color_covariance, COVARIANCE)
    assert (data.files, data.held_out, data.image_side) == (5, None, 8)


def test_a_balanced_part_is_trained_on_and_the_rest_held_out():
    data = open_dataset("cifar10", CPU, DataOptions(training_images=10))
    assert np.array_equal(data.training_images, IMAGES[:10]) and data.files == 1
    held_out = data.validation([1])
    assert np.array_equal(held_out.images, IMAGES[10:20]) and held_out.labels.tolist() == LABELS[10:20].tolist()
    assert np.array_equal(data.mean_image, MEAN), "that of the whole training set"
    message = "cifar10: 12 images cannot be shared equally by 5 classes; choose another training_images"
    with pytest.raises(ReproduceError, match=message):
        open_dataset("cifar10", CPU, DataOptions(training_images=12))


def test_part_of_the_rest_is_held_out_and_the_test_images_wait_for_the_end():
    data = open_dataset("cifar10", CPU, DataOptions(training_images=10, held_out_images=5))
    held_out = data.validation([1])
    assert np.array_equal(held_out.images, IMAGES[10:15]) and held_out.labels.tolist() == LABELS[10:15].tolist()
    assert not data.tests_every_epoch
    message = "cifar10: 7 images cannot be shared equally by 5 classes; choose another held_out_images"
    with pytest.raises(ReproduceError, match=message):
        open_dataset("cifar10", CPU, DataOptions(training_images=10, held_out_images=7))


def test_images_and_their_mean_are_enlarged_when_read():
    data = open_dataset("cifar10", CPU, DataOptions(training_images=10, image_side=12))
    assert data.image_side == 12 and np.array_equal(data.mean_image, enlarged_mean(MEAN, 12))
    for found, images in (
        (data.training(), IMAGES[:10]),
        (data.test(), IMAGES[20:]),
        (data.validation([1]), IMAGES[10:20]),
    ):
        (read, _), *rest = found.batches(range(len(found)))
        assert torch.equal(read, enlarged(torch.from_numpy(images), 12)) and not rest


def test_missing_statistics_are_named_with_the_command(cifar10):
    (cifar10 / "color_covariance.npy").unlink()
    with pytest.raises(
        ReproduceError, match=r"color_covariance.npy is missing; run `python -m reproduce data cifar10`"
    ):
        open_dataset("cifar10", CPU)


def test_names_are_those_a_study_may_use_and_titles_those_a_claim_may_use():
    assert set(DATASETS) == set(get_args(DatasetName))
    assert all(name == dataset.name for name, dataset in DATASETS.items())
    assert {"CIFAR-10", "Fashion-MNIST", "ILSVRC-2010", "ILSVRC-2012"} <= set(get_args(claims.Dataset))


def test_sizes_are_those_of_the_official_files():
    """A binary batch holds 3073 bytes an image; an idx file has 8 or 16 bytes before labels or images."""
    counts = [file.bytes // (1 + CIFAR10.channels * CIFAR10.image_side**2) for file in OFFICIAL_BATCHES]
    assert (sum(counts[:-1]), counts[-1], len(set(counts))) == (CIFAR10.training_images, CIFAR10.test_images, 1)
    assert len(counts) == CIFAR10.training_files + 1
    images, labels, test_images, test_labels = (file.bytes for file in OFFICIAL_FILES)
    assert (labels - 8, test_labels - 8) == (FASHION_MNIST.training_images, FASHION_MNIST.test_images)
    pixels = FASHION_MNIST.channels * FASHION_MNIST.image_side**2
    assert (images - 16, test_images - 16) == ((labels - 8) * pixels, (test_labels - 8) * pixels)


def test_editions_are_tested_and_watched_on_their_official_splits():
    """The paper, section 2, and the contest's own counts; a subset is as large as its user has it."""
    found = {name: (DATASETS[name].test_images, DATASETS[name].images_watched) for name in ("ilsvrc2010", "ilsvrc2012")}
    assert found == {"ilsvrc2010": (150_000, 50_000), "ilsvrc2012": (50_000, 50_000)}
    subset = DATASETS["ilsvrc2012_subset"]
    assert (subset.test_images, subset.images_watched, subset.classes) == (None, None, None)
    assert subset.command == "python -m reproduce data ilsvrc2012 --subset"


def test_packed_images_are_not_read_whole():
    with pytest.raises(ReproduceError, match="ILSVRC-2012 is read batch by batch from packed images, not whole"):
        DATASETS["ilsvrc2012"].read()
