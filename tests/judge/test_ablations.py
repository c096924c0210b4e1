"""The table of ablations: which claims it takes in, what of them it says, and its families of tests."""

import pandas as pd
import pytest
from collect_support import FakeRunId, FakeStudy, claim, difference_claim, write_run

from reproduce.judge.ablations import AblationRow, ablation_rows
from reproduce.judge.collect import collect
from reproduce.judge.row_tables import table_of
from reproduce.judge.verdicts import judge
from reproduce.runs.table import read_runs

ERRORS = {"without": [13.0, 13.2, 13.1], "with": [11.0, 11.1], "undropped": [11.9, 12.1], "unlogged": [None]}


def targets(published=None, log=None, unit="percentage_points"):
    given = {"published": published, "authors_log": log}
    return [{"value": v, "unit": unit, "kind": kind, "where": "x"} for kind, v in given.items() if v is not None]


def credited(ablation, **changes):
    return difference_claim(**({"ablation": ablation} | changes))


CLAIMS = [
    credited("normalization", id="lrn", targets=targets(2.0, 1.9), seeds_planned=2, seeds_planned_by_arm=[3, 2]),
    credited("dropout", id="dropout", arms=["undropped", "with"], targets=targets(log=0.5)),
    claim(id="net-error"),
    credited("normalization", id="lrn-later", arms=["unlogged", "with"], dataset="ILSVRC-2012", scale="imagenet"),
    credited("dropout", id="dropout-time", kind="ratio", targets=[], margin=None, margin_why=None),
]


@pytest.fixture
def run_ids(tmp_path):
    ids = []
    for variant, errors in ERRORS.items():
        for seed, error in enumerate(errors, 1):
            ids.append(FakeRunId(variant=variant, seed=seed))
            if error is not None:
                write_run(tmp_path / "runs", ids[-1], error=error)
    return ids


@pytest.fixture
def table(tmp_path, run_ids):
    runs = read_runs(run_ids, tmp_path / "runs")
    return table_of(ablation_rows(CLAIMS, judge(CLAIMS, runs), runs), AblationRow).set_index("claim")


def test_rows_of_one_ablation_stand_together_and_other_claims_do_not(table):
    assert list(zip(table["ablation"], table.index, strict=True)) == [
        ("normalization", "lrn"),
        ("normalization", "lrn-later"),
        ("dropout", "dropout"),
        ("dropout", "dropout-time"),
    ]


def test_a_row_has_each_kind_of_figure_in_its_own_column(table):
    row = table.loc["lrn"]
    assert (row["published"], row["authors_log"]) == (2.0, 1.9)
    assert row["estimate"] == pytest.approx(13.1 - 11.05)
    assert row["low"] < row["estimate"] < row["high"]
    assert (row["n_first"], row["n_second"], row["verdict"]) == (3, 2, "reproduced")
    assert (row["unit"], row["scale"], row["schedule"], row["dataset"]) == (
        "percentage_points",
        "own",
        "full",
        "CIFAR-10",
    )
    assert len(row["runs"]) == 5
    assert table["published"].isna().to_dict() == {
        "lrn": False,
        "lrn-later": False,
        "dropout": True,
        "dropout-time": True,
    }


def test_without_runs_a_row_stays(table):
    row = table.loc["lrn-later"]
    assert (row["verdict"], row["published"], row["n_first"], row["n_second"]) == ("not run", 2.0, 0, 0)
    assert (row["scale"], row["dataset"]) == ("imagenet", "ILSVRC-2012")
    assert row[["estimate", "low", "p_value", "p_value_holm", "seeds_to_settle"]].isna().all()


def test_the_data_set_is_that_of_the_runs(tmp_path, run_ids):
    elsewhere = [credited("normalization", dataset="ILSVRC-2012", scale="reduced")]
    runs = read_runs(run_ids, tmp_path / "runs")
    (row,) = table_of(ablation_rows(elsewhere, judge(elsewhere, runs), runs), AblationRow).to_dict("records")
    assert (row["dataset"], row["scale"]) == ("CIFAR-10", "reduced")


def test_holms_family_is_the_study(table):
    """Three tests, two of errors and one of a ratio of errors, and a claim whose runs are still to come."""
    tested = table["p_value"].dropna().sort_values()
    assert len(tested) == 3
    smallest, middle, largest = tested
    expected = [4 * smallest, max(4 * smallest, 3 * middle)]
    expected.append(min(1.0, max(*expected, 2 * largest)))
    assert table.loc[tested.index, "p_value_holm"].tolist() == pytest.approx(expected)


def test_the_table_is_written_with_whole_numbers_of_seeds(tmp_path, run_ids):
    collect([FakeStudy("nets", run_ids, unlisted=["80sec"])], tmp_path, tmp_path / "runs", CLAIMS)
    lines = (tmp_path / "tables" / "ablations.csv").read_text().splitlines()
    assert len(lines) == 5
    written = pd.read_csv(tmp_path / "tables" / "ablations.csv", dtype=str).set_index("claim")
    assert written.loc["lrn", ["n_first", "n_second", "arms"]].tolist() == ["3", "2", "without;with"]


def test_an_effect_within_one_arm_has_no_second(tmp_path, run_ids):
    """As what ten views gain over the center's: two errors of one net."""
    within = [claim(id="views", ablation="ten views", arms=["with"], targets=[], margin=None, margin_why=None)]
    runs = read_runs(run_ids, tmp_path / "runs")
    (row,) = table_of(ablation_rows(within, judge(within, runs), runs), AblationRow).to_dict("records")
    assert (row["n_first"], row["arms"], row["estimate"]) == (2, ["with"], pytest.approx(11.05))
    assert pd.isna(row["n_second"]) and pd.isna(row["p_value"])


def test_no_claim_with_an_ablation_gives_an_empty_table(tmp_path, run_ids):
    runs = read_runs(run_ids, tmp_path / "runs")
    assert table_of(ablation_rows([claim()], judge([claim()], runs), runs), AblationRow).empty
