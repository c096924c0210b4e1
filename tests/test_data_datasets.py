"""Data sets by name, and the options that a variant may ask for of those in memory."""

from types import SimpleNamespace
from typing import get_args

import numpy as np
import pytest
import torch

from reproduce.base.errors import ReproduceError
from reproduce.data import datasets
from reproduce.data.datasets import DATASETS, DataOptions, open_dataset
from reproduce.data.in_memory import enlarged, enlarged_mean
from reproduce.data.statistics import npy_bytes
from reproduce.study.study import DatasetName

CPU = torch.device("cpu")
RANDOM = np.random.default_rng(2)
IMAGES = RANDOM.integers(0, 256, (25, 8, 8, 3), dtype=np.uint8)
LABELS = np.arange(25) % 5
MEAN, COVARIANCE = RANDOM.random((3, 8, 8)), np.diag([1.0, 2.0, 3.0])


@pytest.fixture(autouse=True)
def cifar10(tmp_path, monkeypatch):
    """Stand in for CIFAR-10: 20 training images of five classes in five files, 5 test images."""
    arrays = {"training_images": IMAGES[:20], "training_labels": LABELS[:20]}
    arrays |= {"test_images": IMAGES[20:], "test_labels": LABELS[20:]}
    monkeypatch.setattr(datasets, "load_cifar10", lambda: SimpleNamespace(**arrays))
    monkeypatch.setattr(datasets, "STATISTICS_FOLDER", tmp_path)
    for name, array in (("mean_image.npy", MEAN), ("color_covariance.npy", COVARIANCE)):
        (tmp_path / name).write_bytes(npy_bytes(array))
    return tmp_path


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


def test_names_are_those_a_study_may_use():
    assert DATASETS.keys() <= set(get_args(DatasetName))
    assert all(name == dataset.name for name, dataset in DATASETS.items())
