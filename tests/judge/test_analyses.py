"""The numbers that may be cited from the analyses, and that every table is made."""

import numpy as np
import pandas as pd
import pytest
from collect_support import FakeRunId, FakeStudy, write_run
from stored_runs import answers, config_of, write_labels, write_stored

from reproduce.judge.analyses import analyze, numbers_of
from reproduce.judge.collect import collect
from reproduce.judge.numbers import cited_number, read_numbers
from reproduce.runs.table import read_runs

LABELS = [0, 1, 2, 3]
RUNS = [FakeRunId("small", "base", 11, seed) for seed in (1, 2, 3, 4)]


@pytest.fixture
def results(tmp_path):
    """Four seeds of ten views with validation images, whose filters are split between columns in all but one."""
    write_labels(tmp_path, LABELS)
    opposed = np.array([[1, -1, 0]] * 8)
    colors = np.concatenate([np.ones((8, 3)), opposed])[:, :, None, None].astype(np.float16)
    for run in RUNS:
        weights = np.concatenate([colors[::2], colors[1::2]]) if run.seed == 4 else colors
        metrics = {"views": 10, "test_center_top1_error_percent": 60.0, "validation_top1_error_percent": 30.0}
        changes = {"metrics": metrics, "config": config_of("alexnet_paper", training_images=20000)}
        right = [[0, 1], [2, 3], [1, 2, 3], [1, 2, 3]][run.seed - 1]
        write_stored(tmp_path, run, answers(LABELS, right), LABELS, arrays={"conv1_weights": weights}, **changes)
    return tmp_path


def test_every_number_names_its_runs_and_has_its_interval(results):
    collect([FakeStudy("small", RUNS)], results, results / "runs", [])
    numbers = read_numbers(results / "numbers.json")
    gain = numbers["small.base.mean_of_2_nets.gain"]
    assert gain["value"] == 25 and gain["runs"] == [str(run) for run in RUNS] and gain["n_images"] == 4
    assert gain["low"] is None  # of two groups there is none
    assert numbers["small.base.mean_of_4_nets.test_top1_error_percent"]["value"] == 0
    assert numbers["small.base.ten_views_minus_center.difference"]["value"] == pytest.approx(37.5 - 60)
    assert numbers["small.base.validation_and_test.difference"]["value"] == pytest.approx((20 + 20 + 5 + 5) / 4)
    split = numbers["small.base.color_specialization.runs_split"]
    assert (split["value"], split["n_seeds"]) == (3, 4)
    assert cited_number(split) == "3 (4 seeds)"
    kept = {name.split(".")[2] for name in numbers if ".mean_of_" in name}
    assert kept == {"mean_of_2_nets", "mean_of_4_nets"}  # not one net, and of the others only two and all
    assert cited_number(numbers["small.base.color_specialization.mean"]).startswith("0.75 (95 % interval")


def test_a_length_that_is_not_a_variants_first_is_in_the_ids_of_its_analyses(results):
    """One run of the first length, so that averages of nets exist at the second length alone."""
    first = FakeRunId("small", "base", 5, 1)
    metrics = {"views": 10, "test_center_top1_error_percent": 80.0}
    write_run(results / "runs", first, error=70.0, metrics=metrics)
    collect([FakeStudy("small", [first, *RUNS])], results, results / "runs", [])
    numbers = read_numbers(results / "numbers.json")
    assert numbers["small.base.ten_views_minus_center.difference"]["value"] == pytest.approx(-10)
    assert numbers["small.base.epochs11.ten_views_minus_center.difference"]["value"] == pytest.approx(37.5 - 60)
    assert {name for name in numbers if name.endswith("nets.gain")} == {
        f"small.base.epochs11.mean_of_{nets}_nets.gain" for nets in (2, 4)
    }


def test_purities_are_means_over_seeds(results):
    tables = analyze(read_runs(RUNS, results / "runs"), results / "runs")
    place = {
        "study": "small",
        "variant": "base",
        "epochs": 11,
        "dataset": "cifar10",
        "scale": "own",
        "schedule": "full",
    }
    purities = [(60.0, 25.0, 35.0), (64.0, 25.0, 39.0)]
    columns = ["feature_purity_percent", "pixel_purity_percent", "difference_percentage_points"]
    rows = [
        place | {"run_id": str(run)} | dict(zip(columns, p, strict=True))
        for run, p in zip(RUNS, purities, strict=False)
    ]
    tables["neighbor_purity"] = pd.DataFrame(rows)
    entries = {number.id: number for number in numbers_of(tables, read_runs(RUNS, results / "runs"))}
    gap = entries["small.base.neighbors.difference_percentage_points"]
    # 35 and 39: mean 37, standard error 2, t(1) = 12.7062
    assert (gap.value, gap.high, gap.unit) == (
        37,
        pytest.approx(37 + 2 * 12.7062, rel=1e-5),
        "percentage_points",
    )
    pixels = entries["small.base.neighbors.pixel_purity_percent"]
    assert (pixels.value, pixels.low) == (25, None)


def test_runs_that_stored_nothing_else_give_empty_tables(tmp_path):
    write_run(tmp_path / "runs", RUNS[0])
    tables = analyze(read_runs(RUNS, tmp_path / "runs"), tmp_path / "runs")
    assert len(tables) >= 5
    assert all(table.empty and len(table.columns) for table in tables.values())
    assert numbers_of(tables, read_runs(RUNS, tmp_path / "runs")) == []
