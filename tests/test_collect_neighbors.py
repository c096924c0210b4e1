"""Nearest images on a line, against scipy's distances, and the share that have the query's class."""

import numpy as np
import pandas as pd
import pytest
from collect_support import FakeRunId, write_run
from scipy.spatial.distance import cdist
from stored_runs import edit_json, write_labels

from reproduce.base.errors import ReproduceError
from reproduce.data.in_memory import balanced_subset
from reproduce.data.registry import CIFAR10
from reproduce.runs import neighbors
from reproduce.runs.neighbors import nearest_rows, neighbor_purity, purity_percent
from reproduce.runs.table import read_runs

RUN = FakeRunId("small", "base")


def test_nearest_first_and_of_equals_the_first_in_order():
    images = np.array([[[10]], [[0]], [[30]], [[20]]], dtype=np.uint8)
    assert nearest_rows(np.array([[[20]], [[0]]], dtype=np.uint8), images, 3).tolist() == [[3, 0, 2], [1, 0, 3]]


def test_distances_are_euclidean_over_all_pixels():
    random = np.random.default_rng(3)
    queries, images = (random.integers(0, 256, (n, 4, 4, 3), dtype=np.uint8) for n in (150, 40))
    expected = cdist(queries.reshape(150, -1).astype(float), images.reshape(40, -1).astype(float)).argsort(axis=1)
    found = nearest_rows(queries, images, 6)
    np.testing.assert_array_equal(found, expected[:, :6])
    assert found.dtype == np.uint16


def test_purity_is_the_share_of_the_querys_class():
    rows = np.array([[0, 1, 2], [3, 0, 1]])
    # query 0 of class 5: rows of classes 5, 5, 6; query 1 of class 7: classes 6, 5, 5
    assert purity_percent(rows, np.array([5, 7]), np.array([5, 5, 6, 6])) == pytest.approx(100 * 2 / 6)


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A run with two neighbors of each of three queries, among four images: two of class 0, two of class 1."""
    for name, value in (("QUERIES", 3), ("NEIGHBORS", 2), ("SUBSET_IMAGES", 4)):
        monkeypatch.setattr(neighbors, name, value)
    write_labels(tmp_path, [0, 1, 1, 0], "test")
    write_labels(tmp_path, [1, 1, 1, 0, 0, 0], "training")  # the subset is rows 0, 1, 3, 4
    np.save(tmp_path / "data" / "cifar10" / "pixel_neighbors.npy", np.array([[0, 1], [0, 2], [2, 3]], dtype=np.uint16))
    folder = write_run(tmp_path / "runs", RUN, config={"training_images": 4})
    rows = np.array([[2, 3], [0, 1], [1, 2]], dtype=np.uint16)
    np.savez(folder / "arrays.npz", conv1_weights=np.zeros((2, 3, 1, 1)), neighbor_rows=rows)
    return tmp_path


def purity(results, *listed):
    return neighbor_purity(read_runs([RUN, *listed], results / "runs"), results / "runs")


def test_a_row_a_run_that_kept_its_neighbors(small):
    without = FakeRunId("small", "other")
    folder = write_run(small / "runs", without)
    np.savez(folder / "arrays.npz", conv1_weights=np.zeros((2, 3, 1, 1)))
    (row,) = purity(small, without, FakeRunId("small", "base", 11, 2)).to_dict("records")
    # features: 0 0, 1 1, 1 0 for classes 0, 1, 1: five of six; pixels: 1 1, 1 0, 0 0: one of six
    assert row["run_id"] == str(RUN)
    assert (row["feature_purity_percent"], row["pixel_purity_percent"]) == pytest.approx((500 / 6, 100 / 6))
    assert row["difference_percentage_points"] == pytest.approx(400 / 6)


def test_a_run_on_other_images_is_refused(small):
    edit_json(small / "runs" / str(RUN) / "run.json", config={"training_images": 5})
    with pytest.raises(ReproduceError, match=r"small/base/epochs11/seed1: its neighbors are not 2 neighbors of 3 test"):
        purity(small)


def test_missing_pixel_neighbors_name_the_command(small):
    (small / "data" / "cifar10" / "pixel_neighbors.npy").unlink()
    with pytest.raises(ReproduceError, match=r"is missing; run `python -m reproduce report neighbors`$"):
        purity(small)


def test_runs_without_neighbors_need_no_data(tmp_path):
    write_run(tmp_path / "runs", RUN)
    table = purity(tmp_path)
    assert isinstance(table, pd.DataFrame) and table.empty


@pytest.mark.skipif(not CIFAR10.folder().is_dir(), reason="CIFAR-10 is absent: run `python -m reproduce data cifar10`")
def test_the_committed_pixel_neighbors_are_those_of_the_images():
    data, committed = CIFAR10.read(), np.load(CIFAR10.statistic(neighbors.PIXEL_FILE))
    chosen, _ = balanced_subset(data.training_labels, neighbors.SUBSET_IMAGES)
    query, images = data.test_images[999].astype(np.int64), data.training_images[chosen]
    distances = [np.square(image - query).sum() for image in images]
    assert committed[999].tolist() == np.argsort(distances, kind="stable")[:6].tolist()
    assert committed.shape == (1000, 6)
