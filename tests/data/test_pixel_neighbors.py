"""Nearest images on a line, against scipy's distances, and the committed rows against the images."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from reproduce.data.balanced import balanced_subset
from reproduce.data.pixel_neighbors import PIXEL_FILE, SUBSET_IMAGES, nearest_in_pixels
from reproduce.data.registry import CIFAR10


def test_nearest_first_and_of_equals_the_first_in_order():
    images = np.array([[[10]], [[0]], [[30]], [[20]]], dtype=np.uint8)
    assert nearest_in_pixels(np.array([[[20]], [[0]]], dtype=np.uint8), images, 3).tolist() == [[3, 0, 2], [1, 0, 3]]


def test_distances_are_euclidean_over_all_pixels():
    random = np.random.default_rng(3)
    queries, images = (random.integers(0, 256, (n, 4, 4, 3), dtype=np.uint8) for n in (150, 40))
    expected = cdist(queries.reshape(150, -1).astype(float), images.reshape(40, -1).astype(float)).argsort(axis=1)
    found = nearest_in_pixels(queries, images, 6)
    np.testing.assert_array_equal(found, expected[:, :6])
    assert found.dtype == np.uint16


@pytest.mark.skipif(not CIFAR10.folder().is_dir(), reason="CIFAR-10 is absent: run `python -m reproduce data cifar10`")
def test_the_committed_pixel_neighbors_are_those_of_the_images():
    data, committed = CIFAR10.read(), np.load(CIFAR10.statistic(PIXEL_FILE))
    chosen, _ = balanced_subset(data.training_labels, SUBSET_IMAGES)
    query, images = data.test_images[999].astype(np.int64), data.training_images[chosen]
    distances = [np.square(image - query).sum() for image in images]
    assert committed[999].tolist() == np.argsort(distances, kind="stable")[:6].tolist()
    assert committed.shape == (1000, 6)
