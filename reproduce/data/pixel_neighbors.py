"""The training images of CIFAR-10 that lie nearest to test images in pixels, a statistic of the data.

The images nearest in a net's features are compared with these. The paper shows five queries with six neighbors each
(6.1, Figure 4; deviation D47).
"""

from pathlib import Path

import numpy as np

from reproduce.base.files import write_bytes
from reproduce.data.balanced import balanced_subset
from reproduce.data.pixel_statistics import npy_bytes
from reproduce.data.registry import CIFAR10

QUERIES = 1_000  # the first test images
NEIGHBORS = 6  # of each query, as in Figure 4
SUBSET_IMAGES = 20_000  # balanced; the reduced AlexNet trains on them
PIXEL_FILE = "pixel_neighbors.npy"
_IMAGES_AT_ONCE = 1_000


def nearest_in_pixels(queries: np.ndarray, images: np.ndarray, count: int) -> np.ndarray:
    """Return, for each query, the rows of the ``count`` nearest images by Euclidean distance, nearest first.

    Squared distances of bytes are whole numbers below 2**53, so float64 holds them exactly and every machine finds the
    same rows; of equally near images the first in order counts as nearer.

    Args:
        queries: uint8 (queries, ...).
        images: uint8 (images, ...), each of the shape of a query.
        count: neighbors wanted.

    Returns:
        uint16 (queries, count).
    """
    flat, wanted = images.reshape(len(images), -1), queries.reshape(len(queries), -1).astype(np.float64)
    distances = np.empty((len(queries), len(images)))  # without the query's own square, the same for every image
    for start in range(0, len(images), _IMAGES_AT_ONCE):
        rows = slice(start, start + _IMAGES_AT_ONCE)
        block = flat[rows].astype(np.float64)
        distances[:, rows] = np.square(block).sum(axis=1) - 2 * wanted @ block.T
    return np.argsort(distances, axis=1, kind="stable")[:, :count].astype(np.uint16)


def write_pixel_neighbors() -> Path:
    """Write ``pixel_neighbors.npy``, the six neighbors of each of the first 1,000 test images, and return its path.

    Raises:
        ReproduceError: the images are missing or not the official ones, or the folder cannot be written.
    """
    data = CIFAR10.read()
    chosen, _ = balanced_subset(data.training_labels, SUBSET_IMAGES)
    rows = nearest_in_pixels(data.test_images[:QUERIES], data.training_images[chosen], NEIGHBORS)
    path = CIFAR10.statistics_folder() / PIXEL_FILE
    write_bytes(path, npy_bytes(rows))
    return path
