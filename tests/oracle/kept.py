"""Quantities counted from a run's committed history, losses and neighbors, without the code under test."""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from reproduce.base.files import read_arrays, read_json
from reproduce.data.balanced import balanced_subset
from reproduce.runs import places
from reproduce.runs.labels import read_labels
from reproduce.runs.neighbors import read_pixel_neighbors
from reproduce.runs.run_files import read_history

_CROSSINGS = {  # of 25 %, by column of the history
    "epochs_to_25_percent_training_error": "training_error_percent",
    "epochs_to_25_percent_clean_training_error": "clean_training_error_percent",
}
_RECORDED = ["training_top1_error_percent"]  # predictions of training images are not kept
KEPT = [
    *(*_RECORDED, *_CROSSINGS, "updates_to_leave_chance", "updates_to_converge"),
    *("updates_to_converge_at_first_rate", "updates_to_held_out_level", "neighbor_purity_gain_percent"),
]
_TARGET_PERCENT, _WINDOW, _CLASSES = 25.0, 100, 10
_HELD_OUT_PERCENT, _HELD_OUT_EPOCHS = 26.0, 5
_PLATEAU = "validation_error_plateau"
_WAIT_UNLESS_RECORDED = 3  # epochs; a recorded phase leaves this value out


def counted_kept(runs: pd.DataFrame, runs_root: Path | None = None) -> pd.DataFrame:
    """Return the quantities of ``KEPT``, one row per finished run on CIFAR-10; nan where a run has none.

    - Epochs to 25 %: interpolated linearly between the ends of two epochs.
    - Updates to leave chance: until the mean of 100 losses is below 6/7 ln 10 (D41).
    - Updates to converge: until each rate's lowest held-out error (D40).
    - Updates to the held-out level: until five epochs at the first rate average less than 26 % (D40).
    - Purity: over six neighbors (D47).
    - Training error: as recorded.

    Args:
        runs: the table of runs.
        runs_root: the folder of all run folders.

    Raises:
        ReproduceError: a run's files or the committed labels cannot be read.
    """
    finished = runs[runs["status"].eq("finished") & runs["dataset"].eq("cifar10")]
    rows = [_kept(run, places.found_at(run["run_id"], runs_root), runs_root) for run in finished.to_dict("records")]
    return pd.DataFrame(rows, columns=["run_id", *KEPT]).set_index("run_id").astype("float64")


def recorded_values(run_ids: Iterable[str], runs_root: Path | None = None) -> pd.DataFrame:
    """Return the numbers of each run's metrics.json and run.json (losses, seconds), indexed by run."""
    rows = {}
    for run_id in run_ids:
        folder = places.found_at(run_id, runs_root)
        rows[run_id] = read_json(folder / "run.json") | read_json(folder / "metrics.json")
    return pd.DataFrame.from_dict(rows, orient="index").select_dtypes("number")


def _kept(run: Mapping[str, Any], folder: Path, runs_root: Path) -> dict[str, Any]:
    config, history = read_json(folder / "run.json").get("config", {}), read_history(folder / "history.csv")
    row = {"run_id": run["run_id"]} | {name: run.get(name) for name in _RECORDED}
    for name, column in _CROSSINGS.items():
        if column in history:
            row[name] = _crossing(history[column].to_numpy())
    diagnostics, phases = config.get("diagnostics", []), config.get("phases", [])
    if "update_losses" in diagnostics:
        row["updates_to_leave_chance"] = _first_below(read_arrays(folder / "arrays.npz")["update_losses_nats"])
    if phases and all(phase.get("until") == _PLATEAU for phase in phases):
        waits = [phase.get("plateau_epochs", _WAIT_UNLESS_RECORDED) for phase in phases]
        at_rates = _best_of_each_rate(history, waits) * run["updates"] / len(history)
        row["updates_to_converge"], row["updates_to_converge_at_first_rate"] = at_rates.sum(), at_rates[0]
    if config.get("held_out_images"):
        row["updates_to_held_out_level"] = _epochs_to_held_out_level(history) * run["updates"] / len(history)
    if "nearest_neighbors" in diagnostics:
        row["neighbor_purity_gain_percent"] = _purity_gain(
            read_arrays(folder / "arrays.npz")["neighbor_rows"], runs_root
        )
    return row


def _crossing(errors: np.ndarray) -> float:
    """Return the number of epochs, with a fraction, until ``errors`` (at each epoch's end) first reach 25 %, or nan."""
    reached = np.flatnonzero(errors <= _TARGET_PERCENT)
    if not reached.size:
        return math.nan
    last = int(reached[0])
    if last == 0:
        return 1.0
    return float(np.interp(-_TARGET_PERCENT, -errors[last - 1 : last + 1], [last, last + 1]))


def _first_below(losses: np.ndarray) -> float:
    sums = np.cumsum(np.concatenate([[0.0], losses.astype(np.float64)]))
    below = np.flatnonzero((sums[_WINDOW:] - sums[:-_WINDOW]) / _WINDOW < 6 / 7 * math.log(_CLASSES))
    return float(below[0] + _WINDOW) if below.size else math.nan


def _best_of_each_rate(history: pd.DataFrame, waits: list[int]) -> np.ndarray:
    """Return by rate the epochs to its lowest held-out error; all nan if any rate ended before its wait was over."""
    best = []
    for (_, of_rate), wait in zip(history.groupby("phase"), waits, strict=True):
        at = int(of_rate["validation_error_percent"].reset_index(drop=True).idxmin()) + 1
        best.append(at if len(of_rate) - at >= wait else math.nan)
    return np.array(best) if not np.isnan(best).any() else np.full(len(best), math.nan)


def _epochs_to_held_out_level(history: pd.DataFrame) -> float:
    """Return the epochs until five successive ones at the first rate average below the level; nan if they never do."""
    errors = history.loc[history["phase"] == 1, "validation_error_percent"].to_numpy()
    ends = range(_HELD_OUT_EPOCHS, len(errors) + 1)
    return next((end for end in ends if errors[end - _HELD_OUT_EPOCHS : end].mean() < _HELD_OUT_PERCENT), math.nan)


def _purity_gain(rows: np.ndarray, runs_root: Path) -> float:
    training, tested = (read_labels("cifar10", part, runs_root) for part in ("training", "test"))
    among = training[balanced_subset(training, 20_000)[0]]
    pixels = read_pixel_neighbors(runs_root)
    same = [(among[near] == tested[: len(near), None]).mean() for near in (rows, pixels)]
    return 100 * float(same[0] - same[1])
