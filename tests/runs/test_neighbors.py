"""The share of a run's neighbors that have the query's class, beside that of the neighbors in pixels."""

import numpy as np
import pandas as pd
import pytest
from collect_support import FakeRunId, write_run
from stored_runs import edit_json, write_labels

from reproduce.base.errors import ReproduceError
from reproduce.runs import neighbors
from reproduce.runs.neighbors import neighbor_purity, purity_percent
from reproduce.runs.table import read_runs

RUN = FakeRunId("small", "base")


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
    with pytest.raises(ReproduceError, match=r"small/base/epochs11/seed1 must keep 2 neighbors of 3 test"):
        purity(small)


def test_missing_pixel_neighbors_name_the_command(small):
    (small / "data" / "cifar10" / "pixel_neighbors.npy").unlink()
    with pytest.raises(ReproduceError, match=r"is missing; run `python -m reproduce data neighbors`$"):
        purity(small)


def test_runs_without_neighbors_need_no_data(tmp_path):
    write_run(tmp_path / "runs", RUN)
    table = purity(tmp_path)
    assert isinstance(table, pd.DataFrame) and table.empty
