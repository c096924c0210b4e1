"""Fashion-MNIST in memory and its committed statistics: 28 x 28 gray photographs of ten kinds of clothing."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from reproduce.base.paths import DATA, RESULTS
from reproduce.data.fashion_mnist_sources import FASHION_MNIST, OFFICIAL_FILES, acquire_fashion_mnist
from reproduce.data.official import OfficialFile, check_folder, read_checked
from reproduce.data.prepare import prepare
from reproduce.data.statistics import image_sums

FASHION_MNIST_FOLDER = DATA / FASHION_MNIST.name
STATISTICS_FOLDER = RESULTS / "data" / FASHION_MNIST.name


@dataclass(frozen=True)
class FashionMnist:
    """The data set as bytes, channels last, in the official order.

    Attributes:
        training_images: uint8, shape (60000, 28, 28, 1), gray levels; 0 is the background.
        training_labels: int64, shape (60000,), 0 to 9.
        test_images: uint8, shape (10000, 28, 28, 1).
        test_labels: int64, shape (10000,).
    """

    training_images: np.ndarray
    training_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


def load_fashion_mnist(
    folder: Path = FASHION_MNIST_FOLDER, files: Sequence[OfficialFile] = OFFICIAL_FILES
) -> FashionMnist:
    """Read and check the four files in ``folder``: training images and labels, test images and labels.

    Raises:
        ReproduceError: the folder or a file is missing, or has the wrong size or MD5.
    """
    check_folder(folder, FASHION_MNIST)
    contents = [_parse_idx(read_checked(folder / file.name, file, FASHION_MNIST)) for file in files]
    training_images, training_labels, test_images, test_labels = contents
    return FashionMnist(
        training_images[..., None].copy(),
        training_labels.astype(np.int64),
        test_images[..., None].copy(),
        test_labels.astype(np.int64),
    )


def _parse_idx(content: bytes) -> np.ndarray:
    """Return the bytes of an idx file as an array over ``content``, uint8.

    The format (http://yann.lecun.com/exdb/mnist): two zero bytes, the type (8: unsigned byte), the number of
    dimensions, each dimension as a big-endian 32-bit integer, then the values, the last dimension fastest.
    """
    dimensions = content[3]
    shape = np.frombuffer(content, dtype=">u4", count=dimensions, offset=4).tolist()
    return np.frombuffer(content, np.uint8, count=math.prod(shape), offset=4 + 4 * dimensions).reshape(shape)


def prepare_fashion_mnist(
    folder: Path = FASHION_MNIST_FOLDER,
    statistics_folder: Path = STATISTICS_FOLDER,
    files: Sequence[OfficialFile] = OFFICIAL_FILES,
) -> None:
    """Get the files where they are not yet, then write their manifest and statistics.

    ``manifest.json`` lists name, bytes, MD5 and SHA-256 of each unpacked file; ``mean_image.npy`` is float64
    (1, 28, 28) over the training images, and ``color_covariance.npy``, float64 (1, 1), the variance of their gray
    levels. A file whose bytes are right is not touched.

    Raises:
        ReproduceError: the data cannot be had or fails its sums, or a folder cannot be written.
    """
    prepare(FASHION_MNIST, folder, statistics_folder, files, load_fashion_mnist, acquire_fashion_mnist, _statistics)


def _statistics(data: FashionMnist) -> dict[str, np.ndarray]:
    sums = image_sums(data.training_images)
    return {"mean_image.npy": sums.mean_image(), "color_covariance.npy": sums.color_covariance()}
