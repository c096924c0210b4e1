"""Intervals recomputed from predictions agree with the collected tables, and a false table is found."""

import json

import numpy as np
import pandas as pd
import pytest
from collect_support import FakeRunId, FakeStudy, claim, difference_claim, write_run
from report_support import BF16_AGAINST_FP32
from stored_runs import write_labels

from oracle.intervals import agree, counted_errors, interval, rederived
from reproduce.judge.collect import collect
from reproduce.report.records import load_records

LABELS = [0] * 5000 + [1] * 5000
ERRORS = {"80sec": [26.0, 25.5, 25.9], "80sec_bf16": [26.4, 25.0], "18pct": [18.5]}


@pytest.fixture
def results(tmp_path):
    """Collect runs whose predicted classes give ``ERRORS``. Their center view errs on 100 images more."""
    write_labels(tmp_path, LABELS)
    run_ids = [
        FakeRunId(variant=name, seed=seed) for name, errors in ERRORS.items() for seed in range(1, len(errors) + 1)
    ]
    for run in run_ids:
        error = ERRORS[run.variant][run.seed - 1]
        folder = write_run(tmp_path / "runs", run, error, {"test_center_top1_error_percent": error + 1})
        predicted = {name: np.array(LABELS, np.uint8) for name in ("test_predicted", "test_center_predicted")}
        for name, wrong in (("test_predicted", error), ("test_center_predicted", error + 1)):
            predicted[name][: round(100 * wrong)] = 9
        np.savez_compressed(folder / "predictions.npz", **predicted)
    return collected(tmp_path, run_ids)


def collected(folder, run_ids):
    claims = [
        claim(),
        claim(
            id="one-seed",
            arms=["18pct"],
            targets=[{"value": 18.0, "unit": "percent", "kind": "published", "where": "x"}],
        ),
        difference_claim(arms=["80sec_bf16", "80sec"]),
        difference_claim(id="ratio", kind="ratio", arms=["80sec_bf16", "80sec"], value=None, margin=None),
        claim(id="on-training", estimand="training_top1_error_percent"),
        difference_claim(id="gap", arms=["80sec_bf16", "80sec"], estimand="center_generalization_gap_percent"),
    ]
    collect(
        [FakeStudy("nets", run_ids, [BF16_AGAINST_FP32], unlisted=["18pct", "80sec_bf16"])],
        folder,
        folder / "runs",
        claims,
    )
    return folder, claims


def again(results):
    folder, claims = results
    records = load_records(folder / "tables", claims)
    return rederived(records, counted_errors(records.runs, folder / "runs"))


def test_every_interval_of_a_test_error_is_made_again_and_agrees(results):
    found = again(results)
    assert found["quantity"].tolist() == [
        *("cifar10-80sec-error", "one-seed", "gain", "ratio", "gap"),
        *("nets.80sec.test_top1_error_percent", "nets.80sec.test_center_top1_error_percent"),
        *("nets.80sec_bf16.test_top1_error_percent", "nets.80sec_bf16.test_center_top1_error_percent"),
        "nets.bf16-minus-fp32",
    ]
    assert found["method"].tolist()[:5] == ["t", "Wilson, over images", "Welch", "Welch, of logs", "Welch"]
    assert agree(found) and found["largest_difference"].max() > 0  # the table is rounded


def test_a_table_that_says_otherwise_is_found(results):
    path = results[0] / "tables" / "summary.csv"
    table = pd.read_csv(path)
    table.loc[table["metric"].eq("test_top1_error_percent"), "low"] += 2e-4
    table.to_csv(path, index=False)
    found = again(results)
    assert not agree(found)
    assert set(found.loc[found["largest_difference"] > 1e-4, "table"]) == {"summary"}


def test_metrics_that_the_predictions_do_not_give_are_found(results):
    folder, _ = results
    path = folder / "runs" / str(FakeRunId(seed=1)) / "metrics.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"test_top1_error_percent": 26.1}))
    run_ids = [FakeRunId(seed=seed) for seed in (1, 2, 3)]
    assert not agree(again(collected(folder, run_ids)))


def test_equal_runs_have_an_interval_of_no_width():
    assert interval([np.array([89.7, 89.7])]) == ("t", 89.7, 89.7)


def test_hits_kept_in_place_of_classes_count_too(results):
    folder, claims = results
    run = FakeRunId(variant="18pct")
    right = np.arange(10000) >= 1850
    bits = {f"{kind}_top1_correct_bits": np.packbits(right) for kind in ("test", "test_center")}
    np.savez_compressed(folder / "runs" / str(run) / "predictions.npz", **bits)
    errors = counted_errors(load_records(folder / "tables", claims).runs, folder / "runs").loc[str(run)]
    assert errors["test_top1_error_percent"] == pytest.approx(18.5)


def test_intervals_worked_by_hand():
    # mean 2, standard error 1 / sqrt(3), t(2) = 4.302653
    assert interval([np.array([1.0, 2.0, 3.0])]) == (
        "t",
        pytest.approx(2 - 4.302653 / 3**0.5),
        pytest.approx(2 + 4.302653 / 3**0.5),
    )
    # equal spreads and sizes: Welch's degrees of freedom are 4, t(4) = 2.776445, standard error sqrt(2 / 3)
    _, low, high = interval([np.array([3.0, 4.0, 5.0]), np.array([1.0, 2.0, 3.0])])
    assert (low, high) == (pytest.approx(2 - 2.776445 * (2 / 3) ** 0.5), pytest.approx(2 + 2.776445 * (2 / 3) ** 0.5))
    ones = [np.exp([3.0, 4.0, 5.0]), np.exp([1.0, 2.0, 3.0])]
    assert interval(ones, in_logs=True)[1:] == (pytest.approx(np.exp(low)), pytest.approx(np.exp(high)))
