"""Reading run folders: the listed ones and no others, nothing dropped, one-line errors."""

import numpy as np
import pandas as pd
import pytest
from collect_support import FakeRunId, FakeStudy, write_run

from reproduce.runs.run_files import read_predictions
from reproduce.runs.table import COLUMNS, published_runs, read_histories, read_runs


def test_reads_exactly_the_listed_runs_in_order(tmp_path):
    for seed in (1, 2, 3):
        write_run(tmp_path, FakeRunId(seed=seed), error=26.0 + seed / 10)
    frame = read_runs([FakeRunId(seed=3), FakeRunId(seed=1)], tmp_path)
    assert frame["seed"].tolist() == [3, 1]
    assert frame["test_top1_error_percent"].tolist() == [26.3, 26.1]
    row = frame.iloc[0]
    assert row["run_id"] == "nets/80sec/epochs11/seed3"
    assert (row["status"], row["cpu"], row["threads"], row["views"], row["test_images"]) == (
        "finished",
        "Some CPU",
        2,
        1,
        10000,
    )
    assert (row["epochs"], row["git_commit"], row["training_seconds"]) == (11, "a" * 40, 120.0)
    assert frame["git_dirty"].tolist() == [False, False]


def test_a_missing_run_stays_as_a_row(tmp_path):
    write_run(tmp_path, FakeRunId(seed=1))
    frame = read_runs([FakeRunId(seed=1), FakeRunId(seed=2)], tmp_path)
    assert frame["status"].tolist() == ["finished", "missing"]
    assert frame["seed"].tolist() == [1, 2]
    assert np.isnan(frame["test_top1_error_percent"].iloc[1])
    assert pd.isna(frame["updates"].iloc[1])


def test_all_missing_keeps_the_columns(tmp_path):
    frame = read_runs([FakeRunId()], tmp_path)
    assert list(frame.columns) == COLUMNS
    assert frame["test_loss_nats"].dtype == "float64"


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_a_run_with_a_metric_that_is_no_number_stays_as_diverged(tmp_path, value):
    write_run(tmp_path, FakeRunId(), metrics={"test_loss_nats": value})
    frame = read_runs([FakeRunId()], tmp_path)
    assert frame["status"].tolist() == ["diverged"]


def test_a_diverged_run_without_metrics_stays(tmp_path):
    folder = write_run(tmp_path, FakeRunId(), status="diverged")
    (folder / "metrics.json").unlink()
    frame = read_runs([FakeRunId()], tmp_path)
    assert frame["status"].tolist() == ["diverged"]
    assert frame["cpu"].tolist() == ["Some CPU"]


def test_further_metrics_become_columns(tmp_path):
    write_run(tmp_path, FakeRunId(), metrics={"test_top5_error_percent": 1.5})
    frame = read_runs([FakeRunId(), FakeRunId(seed=2)], tmp_path)
    assert frame["test_top5_error_percent"].iloc[0] == 1.5
    assert list(frame.columns) == [*COLUMNS, "test_top5_error_percent"]


def test_histories_carry_their_run(tmp_path):
    write_run(tmp_path, FakeRunId(seed=1), error=26.0)
    write_run(tmp_path, FakeRunId(seed=2), error=27.0)
    frame = read_histories([FakeRunId(seed=2), FakeRunId(seed=5), FakeRunId(seed=1)], tmp_path)
    assert frame["seed"].tolist() == [2, 2, 1, 1]
    assert frame["epoch"].tolist() == [1, 2, 1, 2]
    assert frame["epochs"].unique().tolist() == [11]
    assert frame["test_error_percent"].tolist() == [28.0, 27.0, 27.0, 26.0]
    assert read_histories([FakeRunId(seed=5)], tmp_path).empty


def test_predictions_are_read_as_they_were_written(tmp_path):
    write_run(tmp_path, FakeRunId())
    arrays = read_predictions(FakeRunId(), tmp_path)
    assert arrays["test_predicted"].shape == (10000,) and arrays["test_predicted"].dtype == np.uint8


def test_a_full_schedule_once_begun_is_listed_with_all_its_seeds(tmp_path):
    short, full = FakeRunId(epochs=2), [FakeRunId(seed=seed) for seed in (1, 2, 3)]
    study = FakeStudy("nets", [short], full_run_ids=full)
    assert published_runs(study, tmp_path) == [short]
    write_run(tmp_path, full[1])
    assert published_runs(study, tmp_path) == [short, *full]


def test_a_length_of_the_full_profile_is_not_listed_because_another_has_begun(tmp_path):
    short, full = FakeRunId(epochs=11), FakeRunId(epochs=140)
    write_run(tmp_path, short)
    study = FakeStudy("nets", [], full_run_ids=[short, full])
    assert published_runs(study, tmp_path) == [short]


def test_seeds_that_standard_lists_of_the_full_schedule_are_those_published(tmp_path):
    planned = [FakeRunId(seed=seed) for seed in (1, 2, 3)]
    write_run(tmp_path, planned[0])
    study = FakeStudy("nets", planned[:2], full_run_ids=planned)
    assert published_runs(study, tmp_path) == planned[:2]
