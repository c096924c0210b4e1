"""Runs' records counted again: epochs from histories, updates from losses and held-out errors, purity from labels."""

import math

import numpy as np
import pandas as pd
import pytest
from collect_support import FakeRunId
from stored_runs import answers, write_labels, write_stored

from oracle import kept as oracle_kept
from oracle.kept import KEPT, counted_kept

LABELS = [0, 1, 2, 3]
RUN = FakeRunId("small", "base", 4, 1)
PLATEAU = {"until": "validation_error_plateau", "plateau_epochs": 2}


def kept(folder, config, history=None, arrays=None, status="finished"):
    """Write one run with a history and arrays, and return the quantities counted from its files."""
    write_labels(folder, LABELS)
    history = pd.DataFrame(history or {"epoch": [1], "phase": [1]})
    rest = {"arrays": arrays or {}, "config": config, "metrics": {"epochs": len(history)}}
    made = write_stored(folder, RUN, answers(LABELS, right=[0]), LABELS, **rest)
    history.to_csv(made / "history.csv", index=False)
    run = {
        "run_id": str(RUN),
        "status": status,
        "dataset": "cifar10",
        "updates": 700,
        "training_top1_error_percent": 6.0,
    }
    table = counted_kept(pd.DataFrame([run]), folder / "runs")
    return table.loc[str(RUN)] if len(table) else table


def test_epochs_lie_on_the_line_between_two_ends(tmp_path):
    history = {"epoch": [1, 2, 3], "training_error_percent": [40, 30, 20], "clean_training_error_percent": [30, 29, 26]}
    found = kept(tmp_path, {}, history)
    assert found["epochs_to_25_percent_training_error"] == pytest.approx(2.5)
    assert math.isnan(found["epochs_to_25_percent_clean_training_error"])
    assert found["training_top1_error_percent"] == 6.0 and list(found.index) == KEPT


def test_an_error_reached_in_the_first_epoch_or_on_the_target_counts_its_epochs(tmp_path):
    history = {"epoch": [1, 2], "training_error_percent": [24, 20], "clean_training_error_percent": [30, 25]}
    found = kept(tmp_path, {}, history)
    assert found[["epochs_to_25_percent_training_error", "epochs_to_25_percent_clean_training_error"]].tolist() == [
        1,
        2,
    ]


def test_updates_to_leave_chance_end_the_first_hundred_below(tmp_path):
    level = 6 / 7 * math.log(10)
    losses = np.array([level + 1] * 100 + [level - 0.9] * 150, np.float32)  # 53 times 0.9 is more than 47
    found = kept(tmp_path, {"diagnostics": ["update_losses"]}, arrays={"update_losses_nats": losses})
    assert found["updates_to_leave_chance"] == 153
    assert math.isnan(oracle_kept._first_below(losses[:120]))


def test_updates_to_converge_are_those_to_each_rates_best(tmp_path):
    history = {
        "epoch": range(1, 8),
        "phase": [1, 1, 1, 1, 2, 2, 2],
        "validation_error_percent": [50, 40, 41, 42, 30, 31, 32],
    }
    found = kept(tmp_path, {"phases": [PLATEAU, PLATEAU]}, history)
    assert (found["updates_to_converge"], found["updates_to_converge_at_first_rate"]) == (300, 200)
    cut_off = kept(tmp_path / "cut_off", {"phases": [PLATEAU, PLATEAU | {"plateau_epochs": 3}]}, history)
    assert math.isnan(cut_off["updates_to_converge"]) and math.isnan(cut_off["updates_to_converge_at_first_rate"])
    unsaid = kept(tmp_path / "unsaid", {"phases": [PLATEAU, {"until": PLATEAU["until"]}]}, history)  # three epochs
    assert math.isnan(unsaid["updates_to_converge"])


def test_updates_to_the_held_out_level_end_the_first_five_epochs_below_it_on_average(tmp_path):
    """Means of five epochs: 26.4, 26.0 and, at the seventh, 25.4."""
    errors = [30, 26, 26, 25, 25, 28, 23, 24]
    history = {"epoch": range(1, 9), "phase": [1] * 7 + [2], "validation_error_percent": errors}
    found = kept(tmp_path, {"held_out_images": 10}, history)
    assert found["updates_to_held_out_level"] == 7 * 700 / 8
    history["phase"] = [1] * 6 + [2] * 2
    assert math.isnan(kept(tmp_path / "later", {"held_out_images": 10}, history)["updates_to_held_out_level"])


def test_purity_is_of_the_querys_own_class(tmp_path, monkeypatch):
    monkeypatch.setattr(oracle_kept, "balanced_subset", lambda labels, images: (np.arange(4), None))
    write_labels(tmp_path, LABELS)
    folder = tmp_path / "data" / "cifar10"
    np.save(folder / "training_labels.npy", np.array(LABELS, np.uint8))
    np.save(folder / "pixel_neighbors.npy", np.array([[1, 0], [2, 3], [3, 3], [1, 1]], np.uint16))
    near = {"neighbor_rows": np.array([[0, 0], [1, 2], [3, 3], [3, 0]], np.uint16)}
    found = kept(tmp_path, {"diagnostics": ["nearest_neighbors"]}, arrays=near)
    assert found["neighbor_purity_gain_percent"] == pytest.approx(100 * (4 / 8 - 1 / 8))


def test_runs_that_gave_no_value_have_no_row(tmp_path):
    assert kept(tmp_path, {}, status="diverged").empty
