"""CIFAR-10 in memory and its committed statistics.

The official order of files and images is kept: the 2012 nets were trained file by file without reshuffling.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from reproduce.base.paths import DATA, RESULTS
from reproduce.data.batches import CIFAR10, OFFICIAL_BATCHES, RECORD_BYTES, SIDE, BatchFile
from reproduce.data.cifar10_sources import acquire_cifar10
from reproduce.data.official import check_folder, read_checked
from reproduce.data.prepare import prepare
from reproduce.data.statistics import color_covariance, mean_image

CIFAR10_FOLDER = DATA / CIFAR10.name
STATISTICS_FOLDER = RESULTS / "data" / CIFAR10.name


@dataclass(frozen=True)
class Cifar10:
    """The data set as bytes, channels last, in the official order.

    Attributes:
        training_images: uint8, shape (50000, 32, 32, 3); file k is rows 10000 (k - 1) to 10000 k.
        training_labels: int64, shape (50000,), 0 to 9.
        test_images: uint8, shape (10000, 32, 32, 3).
        test_labels: int64, shape (10000,).
    """

    training_images: np.ndarray
    training_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


def load_cifar10(folder: Path = CIFAR10_FOLDER, batches: Sequence[BatchFile] = OFFICIAL_BATCHES) -> Cifar10:
    """Read and check the batches in ``folder``; the last of ``batches`` is the test set.

    Raises:
        ReproduceError: the folder or a file is missing, or has the wrong size or MD5.
    """
    check_folder(folder, CIFAR10)
    *training, test = batches
    return Cifar10(*_read(folder, training), *_read(folder, [test]))


def _read(folder: Path, batches: Sequence[BatchFile]) -> tuple[np.ndarray, np.ndarray]:
    """Return images, uint8 (n, 32, 32, 3), and labels, int64 (n,), of the batches one after the other."""
    count = sum(batch.images for batch in batches)
    images = np.empty((count, SIDE, SIDE, 3), dtype=np.uint8)
    labels = np.empty(count, dtype=np.int64)
    start = 0
    for batch in batches:
        content = read_checked(folder / batch.name, batch, CIFAR10)
        records = np.frombuffer(content, dtype=np.uint8).reshape(-1, RECORD_BYTES)
        rows = slice(start, start + batch.images)
        labels[rows] = records[:, 0]
        images[rows] = records[:, 1:].reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)
        start = rows.stop
    return images, labels


def prepare_cifar10(
    folder: Path = CIFAR10_FOLDER,
    statistics_folder: Path = STATISTICS_FOLDER,
    batches: Sequence[BatchFile] = OFFICIAL_BATCHES,
) -> None:
    """Get the batches where they are not yet, then write their manifest, mean image, color covariance and labels.

    ``manifest.json`` lists name, bytes, MD5 and SHA-256 of each file; ``mean_image.npy`` is float64 (3, 32, 32) and
    ``color_covariance.npy`` float64 (3, 3), both over the training images. ``training_labels.npy`` and
    ``test_labels.npy``, uint8, let stored predictions be judged where there are no images. A file whose bytes are right
    is not touched.

    Raises:
        ReproduceError: the data cannot be had or fails its sums, or a folder cannot be written.
    """
    prepare(CIFAR10, folder, statistics_folder, batches, load_cifar10, acquire_cifar10, _statistics)


def _statistics(data: Cifar10) -> dict[str, np.ndarray]:
    return {
        "mean_image.npy": mean_image(data.training_images),
        "color_covariance.npy": color_covariance(data.training_images),
        "training_labels.npy": data.training_labels.astype(np.uint8),
        "test_labels.npy": data.test_labels.astype(np.uint8),
    }
