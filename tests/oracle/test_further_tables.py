"""Recomputed intervals of views, averaged nets and designs agree with the tables; a false table is found."""

import shutil

import numpy as np
import pandas as pd
import pytest

from oracle.further_tables import _contrast, rederived_tables
from oracle.intervals import agree
from reproduce.report.records import TABLES

NAMES = ("views", "ensembles", "factorials", "validation_gaps")


@pytest.mark.parametrize("name", NAMES)
def test_a_table_that_says_otherwise_is_found(published_counts, tmp_path, name):
    for each in NAMES:
        shutil.copy(TABLES / f"{each}.csv", tmp_path)
    table = pd.read_csv(tmp_path / f"{name}.csv")
    table.loc[table["low"].notna().idxmax(), "low"] += 2e-4
    table.to_csv(tmp_path / f"{name}.csv", index=False)
    found = rederived_tables(published_counts, tmp_path)
    assert not agree(found) and set(found.loc[found["largest_difference"] > 1e-4, "table"]) == {name}


def test_a_contrast_of_equal_cells_by_hand():
    """Four cells of deviation 1, three seeds: variance of the interaction 4 / 3, 8 degrees of freedom, t 2.306004."""
    cells = [np.array([m - 1.0, m, m + 1.0]) for m in (10.0, 9.0, 8.0, 5.0)]
    low, high = _contrast(cells, np.array([-1.0, 1.0, 1.0, -1.0]))
    half = 2.306004 * (4 / 3) ** 0.5
    assert (low, high) == (pytest.approx(2 - half, abs=1e-5), pytest.approx(2 + half, abs=1e-5))
