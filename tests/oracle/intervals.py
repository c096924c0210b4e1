"""Intervals recomputed from committed runs, without the code that made the tables.

The error of each run is counted from its predicted classes, its epochs and updates from its history and losses. The
intervals are scipy's own.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from reproduce.report.records import Records
from reproduce.runs.labels import read_labels
from reproduce.runs.run_files import read_predictions
from reproduce.study.designs import study_and_variant
from reproduce.study.run_id import RunId

PREDICTED = {
    "test_top1_error_percent": "test",
    "test_center_top1_error_percent": "test_center",
}
DIFFERENCES = {  # of an error in PREDICTED and another one, counted or recorded
    "center_generalization_gap_percent": ("test_center_top1_error_percent", "training_top1_error_percent"),
    "ten_view_gain_percent": ("test_center_top1_error_percent", "test_top1_error_percent"),
}
TABLE_DECIMALS = 4
COLUMNS = ["quantity", "table", "method", "runs", "low", "high", "table_low", "table_high", "largest_difference"]
_CONFIDENCE = 0.95


def counted_errors(runs: pd.DataFrame, runs_root: Path | None = None) -> pd.DataFrame:
    """Return the errors in percent of every finished run on CIFAR-10, indexed by run, counted from its predictions.

    Columns are the keys of ``PREDICTED`` and ``DIFFERENCES``, and the run's study, variant and epochs. In the gap
    between test and training error the training error is the recorded one, since its predictions are not kept.

    Args:
        runs: the table of runs.
        runs_root: the folder of all run folders.

    Raises:
        ReproduceError: predictions or labels cannot be read.
    """
    finished = runs[runs["status"].eq("finished") & runs["dataset"].eq("cifar10")]
    labels, rows = read_labels("cifar10", runs_root=runs_root), []
    identity = ["run_id", "study", "variant", "epochs"]
    for run in finished.to_dict("records"):
        stored = read_predictions(RunId.parse(run["run_id"]), runs_root)
        images = labels[: int(run["test_images"])]
        errors = {metric: _error_percent(stored, kind, images) for metric, kind in PREDICTED.items()}
        known = run | errors
        gaps = {name: known[first] - known[second] for name, (first, second) in DIFFERENCES.items()}
        rows.append({name: run[name] for name in identity} | errors | gaps)
    return pd.DataFrame(rows, columns=[*identity, *PREDICTED, *DIFFERENCES]).set_index("run_id")


def _error_percent(stored: Mapping[str, np.ndarray], kind: str, labels: np.ndarray) -> float:
    """Return the error by the predicted classes or, as nets of many classes keep it, by whether each one was right."""
    if f"{kind}_predicted" in stored:
        return 100 * float(np.mean(stored[f"{kind}_predicted"] != labels))
    return 100 * (1 - float(np.unpackbits(stored[f"{kind}_top1_correct_bits"], count=len(labels)).mean()))


def rederived(records: Records, errors: pd.DataFrame) -> pd.DataFrame:
    """Return every interval in the tables whose quantity is a column of ``errors``, beside its recomputation.

    Args:
        records: the collected tables.
        errors: as ``counted_errors`` gives them, or these joined to those of ``kept.counted_kept``.

    Returns:
        One row per interval of verdicts.csv, summary.csv and comparisons.csv. ``largest_difference`` is the larger
        distance of its two ends from the ends in the table, which keeps four decimals.
    """
    rows = [*_of_verdicts(records, errors), *_of_summary(records, errors), *_of_comparisons(records, errors)]
    return pd.DataFrame(rows, columns=COLUMNS)


def agree(found: pd.DataFrame) -> bool:
    """Return whether every interval of ``rederived`` equals its table's to the decimals stored in the table."""
    rounding = 0.5 * 10**-TABLE_DECIMALS
    return bool((found["largest_difference"] <= rounding + 1e-9).all())


def _of_verdicts(records: Records, errors: pd.DataFrame) -> list[dict[str, Any]]:
    rows = []
    stored = records.table("verdicts", "claim_id low high")  # those of two seeds too, which no page shows
    for verdict in stored[stored["low"].notna()].to_dict("records"):
        claim, runs = records.claim(verdict["claim_id"]), str(verdict["runs"]).split(";")
        if claim.estimand in errors and errors.index.isin(runs).sum() == len(runs):
            used = errors.loc[runs]
            arms = [_values(used, claim.study, arm, claim.estimand) for arm in claim.arms]
            confidence = 1 - (1 - _CONFIDENCE) / claim.looks
            rows.append(_row(claim.id, "verdicts", verdict, arms, claim.kind == "ratio", confidence))
    return rows


def _values(used: pd.DataFrame, study: str, arm: str, estimand: str) -> np.ndarray:
    owner, variant = study_and_variant(arm, study)
    return used.loc[used["study"].eq(owner) & used["variant"].eq(variant), estimand].to_numpy()


def _of_summary(records: Records, errors: pd.DataFrame) -> list[dict[str, Any]]:
    rows = []
    means = records.summary[records.summary["metric"].isin(errors.columns) & records.summary["low"].notna()]
    for mean in means.to_dict("records"):
        same = errors[["study", "variant", "epochs"]].eq([mean[key] for key in ("study", "variant", "epochs")])
        values = errors.loc[same.all(axis=1), mean["metric"]].to_numpy()
        if len(values):
            rows.append(_row(f"{mean['study']}.{mean['variant']}.{mean['metric']}", "summary", mean, [values]))
    return rows


def _of_comparisons(records: Records, errors: pd.DataFrame) -> list[dict[str, Any]]:
    rows = []
    table = records.comparisons
    for compared in table[table["estimand"].isin(errors.columns) & table["low"].notna()].to_dict("records"):
        used = errors.loc[[run for run in compared["runs"].split(";") if run in errors.index]]
        names = (compared["first_arm"], compared["second_arm"])
        arms = [_values(used, compared["study"], name, compared["estimand"]) for name in names]
        if all(map(len, arms)):
            name, in_logs = f"{compared['study']}.{compared['comparison']}", compared["kind"] == "ratio"
            rows.append(_row(name, "comparisons", compared, arms, in_logs))
    return rows


def _row(
    quantity: str,
    table: str,
    stored: dict[str, Any],
    arms: Sequence[np.ndarray],
    in_logs: bool = False,
    confidence: float = _CONFIDENCE,
) -> dict[str, Any]:
    method, low, high = interval(arms, in_logs, confidence)
    return row_of(quantity, table, stored, method, " and ".join(str(len(arm)) for arm in arms), low, high)


def row_of(
    quantity: str, table: str, stored: Mapping[str, Any], method: str, runs: str, low: float, high: float
) -> dict[str, Any]:
    """Return a row of ``COLUMNS``: a recomputed interval beside the one ``stored`` in a table."""
    return {
        "quantity": quantity,
        "table": table,
        "method": method,
        "runs": runs,
        "low": low,
        "high": high,
        "table_low": stored["low"],
        "table_high": stored["high"],
        "largest_difference": max(abs(low - stored["low"]), abs(high - stored["high"])),
    }


def interval(
    arms: Sequence[np.ndarray], in_logs: bool = False, confidence: float = _CONFIDENCE
) -> tuple[str, float, float]:
    """Return a method's name and its interval for one arm's mean error, or for the difference of two arms.

    Args:
        arms: errors in percent of one or two arms, one value per run; a lone run is a count over 10,000 images.
        in_logs: whether the interval is of the ratio of two arms in place of their difference.
    """
    if len(arms) == 2:
        one, two = (np.log(arm) for arm in arms) if in_logs else arms
        found = stats.ttest_ind(one, two, equal_var=False).confidence_interval(confidence)
        ends = np.exp([found.low, found.high]) if in_logs else (found.low, found.high)
        return ("Welch, of logs" if in_logs else "Welch"), float(ends[0]), float(ends[1])
    (values,) = arms
    if len(values) == 1:
        images = 10_000
        found = stats.binomtest(round(values[0] / 100 * images), images).proportion_ci(confidence, method="wilson")
        return "Wilson, over images", 100 * float(found.low), 100 * float(found.high)
    half = float(stats.t.ppf((1 + confidence) / 2, len(values) - 1) * stats.sem(values))  # 0 where all are equal
    return "t", float(values.mean()) - half, float(values.mean()) + half
