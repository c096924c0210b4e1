"""Gains from averaging, computed from stored predictions: several nets against one, ten views against one.

The distance between validation and test error is computed here too. Nothing here trains or reads an image.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from reproduce.data.registry import DATASETS
from reproduce.runs import places, statistics
from reproduce.runs.labels import read_labels
from reproduce.runs.run_files import read_predictions, read_record
from reproduce.study.run_id import RunId

LEAST_SEEDS = 4  # fewer nets of a variant are not averaged
LEAST_GROUPS = 3  # two groups that happen to have the same gain would give an interval of no width
_TEST, _CENTER, _VALIDATION = (
    f"{name}_top1_error_percent" for name in ("test", "test_center", "validation")
)  # columns of the table of runs
_IDENTITY = ["study", "variant", "epochs", "dataset", "scale", "schedule", "precision", "views"]
_INTERVAL = ["low", "high", "method"]
ENSEMBLE_COLUMNS = [
    *(*_IDENTITY, "n_listed", "n_seeds", "nets", "groups", "member_error_percent", "ensemble_error_percent"),
    *("gain_percentage_points", *_INTERVAL, "p_value", "gain_percent_of_member_error", "runs"),
]
VIEW_COLUMNS = [
    *(*_IDENTITY, "n_seeds", "ten_view_error_percent", "center_error_percent", "difference_percentage_points"),
    *(*_INTERVAL, "p_value", "by_seed_percentage_points", "runs"),
]
VALIDATION_COLUMNS = [
    *(*_IDENTITY, "n_seeds", "validation_images", "test_images", "validation_error_percent", "test_error_percent"),
    *("absolute_difference_percentage_points", *_INTERVAL, "sampling_standard_error_percentage_points"),
    *("sampling_mean_absolute_percentage_points", "by_seed_percentage_points", "runs"),
]


def mean_error_percent(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Return the error of the nets' mean probabilities.

    Stored probabilities are whole 255ths, so classes may share the largest mean. Such an image counts with the
    probability that one of them drawn at random is wrong, so the order of the classes does not matter (deviation D45).

    Args:
        probabilities: uint8 (nets, images, classes), probability times 255.
        labels: (images,).
    """
    sums = probabilities.sum(axis=0, dtype=np.int64)
    largest = sums == sums.max(axis=1, keepdims=True)
    right = largest[np.arange(len(labels)), labels] / largest.sum(axis=1)
    return 100 * float(np.mean(1 - right))


def ensemble_gains(runs: pd.DataFrame, runs_root: Path | None = None) -> pd.DataFrame:
    """Return the gain from averaging k nets, for every variant with at least four finished seeds and every k.

    Groups of k seeds are disjoint and taken in the order of the seeds; the remaining seeds are not used at that k.
    ``member_error_percent`` is the mean error of single members over all groups. ``gain_percentage_points`` is this
    error minus the mean error of the averages, with an interval where there are three groups or more. At k = 1 no nets
    are averaged, so the gain shows only the rounding of stored probabilities to 255ths.

    Args:
        runs: as ``table.read_runs`` gives them; only those on data sets whose labels are committed count.
        runs_root: the folder of all run folders.

    Raises:
        ReproduceError: predictions or labels cannot be read.
    """
    rows = []
    for identity, arm, listed in _arms(runs):
        if len(arm) < LEAST_SEEDS or not DATASETS[identity["dataset"]].labels_committed:
            continue
        stored = [_probabilities(run_id, runs_root) for run_id in arm["run_id"]]
        if any(part is None for part in stored):
            continue
        labels = read_labels(identity["dataset"], runs_root=runs_root)[: len(stored[0])]
        identity |= {"n_listed": listed, "n_seeds": len(arm)}
        rows += [identity | _gain(nets, arm, np.stack(stored), labels) for nets in range(1, len(arm) + 1)]
    return _frame(rows, ENSEMBLE_COLUMNS)


def _probabilities(run_id: str, runs_root: Path) -> np.ndarray | None:
    """Return the run's uint8 (images, classes); None where it kept none."""
    return read_predictions(RunId.parse(run_id), runs_root).get("test_probabilities")


def _gain(nets: int, arm: pd.DataFrame, stored: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    groups = [slice(nets * group, nets * (group + 1)) for group in range(len(arm) // nets)]
    members = [float(arm[_TEST].iloc[group].mean()) for group in groups]
    averages = [mean_error_percent(stored[group], labels) for group in groups]
    gain = statistics.paired_difference(members, averages)
    method = f"t-interval over {gain.n} groups that share no seed"
    if len(groups) < LEAST_GROUPS:
        gain, method = replace(gain, low=None, high=None, p_value=None), f"groups that share no seed: {len(groups)}"
    return {
        "nets": nets,
        "groups": len(groups),
        "member_error_percent": float(np.mean(members)),
        "ensemble_error_percent": float(np.mean(averages)),
        "gain_percentage_points": gain.value,
        "gain_percent_of_member_error": 100 * gain.value / float(np.mean(members)),
        "runs": arm["run_id"].iloc[: nets * len(groups)].tolist(),
    } | _interval(gain, method)


def view_gains(runs: pd.DataFrame) -> pd.DataFrame:
    """Return ten-view error minus center error of the same nets, paired over seeds, for variants tested by both."""
    rows = []
    for identity, arm, _ in _arms(runs[runs["views"].eq(10) & runs[_CENTER].notna()]):
        found = statistics.paired_difference(arm[_TEST].tolist(), arm[_CENTER].tolist())
        row = {
            "n_seeds": found.n,
            "ten_view_error_percent": arm[_TEST].mean(),
            "center_error_percent": arm[_CENTER].mean(),
            "difference_percentage_points": found.value,
            "by_seed_percentage_points": _in_words(arm[_TEST] - arm[_CENTER]),
            "runs": arm["run_id"].tolist(),
        }
        rows.append(identity | row | _interval(found, found.method))
    return _frame(rows, VIEW_COLUMNS)


def validation_gaps(runs: pd.DataFrame, runs_root: Path | None = None) -> pd.DataFrame:
    """Return the distance between a net's validation and test error, for every variant with validation images.

    Nets of synthetic scale are left out: they were stopped long before their errors meant anything.

    Two columns say what chance alone would give if both sets of images were drawn from one distribution: the standard
    error of the difference, and its mean absolute value. All seeds are tested on the same images, so the interval over
    seeds does not cover other images.

    Raises:
        ReproduceError: a run's record cannot be read.
    """
    rows = []
    watched = runs[runs[_VALIDATION].notna() & runs["scale"].ne("synthetic")] if _VALIDATION in runs else runs.iloc[:0]
    for identity, arm, _ in _arms(watched):
        gaps = arm[_VALIDATION] - arm[_TEST]
        found = statistics.mean_interval(gaps.abs().tolist())
        images = validation_images(arm["run_id"].iloc[0], runs_root)
        chance = statistics.error_of_difference(
            (arm[_VALIDATION].mean(), images or math.nan), (arm[_TEST].mean(), int(arm["test_images"].iloc[0]))
        )
        row = {
            "n_seeds": found.n,
            "validation_images": images,
            "test_images": arm["test_images"].iloc[0],
            "validation_error_percent": arm[_VALIDATION].mean(),
            "test_error_percent": arm[_TEST].mean(),
            "absolute_difference_percentage_points": found.value,
            "sampling_standard_error_percentage_points": chance,
            "sampling_mean_absolute_percentage_points": chance * math.sqrt(2 / math.pi),  # of a centered normal
            "by_seed_percentage_points": _in_words(gaps),
            "runs": arm["run_id"].tolist(),
        }
        rows.append(identity | row | _interval(found, found.method))
    return _frame(rows, VALIDATION_COLUMNS).astype({"validation_images": "Int64"})


def validation_images(run_id: str, runs_root: Path | None = None) -> int | None:
    """Return a run's number of validation images from its configuration; None for data sets read from disk (ILSVRC)."""
    record = read_record(places.found_at(run_id, runs_root))
    config, dataset = record["config"], DATASETS[record["dataset"]]
    if dataset.edition is not None:
        return None
    if config.get("training_images"):
        left = config.get("held_out_images") or dataset.training_images - config["training_images"]
    else:
        held_out = dataset.training_files - len(config["phases"][-1]["training_files"])
        left = held_out * dataset.training_images // dataset.training_files
    return min(left, config.get("evaluated_images") or left)


def _arms(runs: pd.DataFrame) -> Iterator[tuple[dict[str, Any], pd.DataFrame, int]]:
    """Yield for every variant with runs: identity, finished runs in the order of their seeds, number of listed runs."""
    for _, listed in runs.groupby(["study", "variant", "epochs"], sort=False):
        arm = listed[listed["status"] == "finished"].sort_values("seed")
        if len(arm):
            yield arm.iloc[0][_IDENTITY].to_dict(), arm, len(listed)


def _in_words(points: pd.Series) -> list[str]:
    return [f"{value:.2f}" for value in points]


def _interval(found: statistics.Estimate, method: str) -> dict[str, Any]:
    return {"low": found.low, "high": found.high, "p_value": found.p_value, "method": method}


def _frame(rows: list[dict[str, Any]], columns: list[str]) -> pd.DataFrame:
    numbers = [name for name in columns if name.endswith(("_percent", "_points", "low", "high", "p_value", "_error"))]
    numbers = [name for name in numbers if not name.startswith("by_seed")]
    return pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(numbers, "float64"))
