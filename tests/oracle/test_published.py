"""Every interval of the published tables is recomputed by scipy from the files of the published runs."""

import pandas as pd
import pytest

from oracle.further_tables import rederived_tables
from oracle.intervals import TABLE_DECIMALS, rederived
from reproduce.report.records import TABLES, load_records

BY_CHANCE = {"small-columns-divide-color"}  # random deals of filters say what chance gives the color index
FURTHER = ("views", "ensembles", "factorials", "validation_gaps")


@pytest.fixture(scope="module")
def made_again(published_counts):
    return pd.concat([rederived(load_records(), published_counts), rederived_tables(published_counts)])


def stored(name):
    table = pd.read_csv(TABLES / f"{name}.csv")
    return table[table["low"].notna()]


def test_no_interval_differs_from_its_table(made_again):
    rounding = 0.5 * 10**-TABLE_DECIMALS + 1e-9
    different = made_again[made_again["largest_difference"].gt(rounding)]
    assert different.to_dict("records") == []


def test_no_interval_is_left_out(made_again):
    counts = made_again["table"].value_counts()
    assert {name: counts[name] for name in FURTHER} == {name: len(stored(name)) for name in FURTHER}
    assert counts["summary"] == len(stored("summary"))
    assert counts["comparisons"] == len(stored("comparisons"))
    judged = made_again.loc[made_again["table"].eq("verdicts"), "quantity"]
    assert {*judged, *BY_CHANCE} == set(stored("verdicts")["claim_id"])


def test_intervals_of_ablations_are_those_of_their_verdicts():
    ablations = stored("ablations").set_index("claim")[["low", "high"]]
    verdicts = stored("verdicts").set_index("claim_id")[["low", "high"]].reindex(ablations.index)
    pd.testing.assert_frame_equal(ablations, verdicts, check_names=False)
