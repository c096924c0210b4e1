"""Recomputed intervals of the further tables: ten views, averaged nets, 2 x 2 designs, validation against test."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from oracle.intervals import COLUMNS, row_of
from reproduce.base.tables import read_table
from reproduce.judge.factorial import effects_of
from reproduce.report.records import TABLES
from reproduce.runs.labels import read_labels
from reproduce.runs.run_files import read_predictions
from reproduce.study.run_id import RunId
from reproduce.study.study import load_study

_CONFIDENCE = 0.95
_TEST, _CENTER = "test_top1_error_percent", "test_center_top1_error_percent"


def rederived_tables(errors: pd.DataFrame, tables: Path = TABLES, runs_root: Path | None = None) -> pd.DataFrame:
    """Return every interval of the tables views, ensembles, factorials and validation_gaps beside its recomputation.

    Args:
        errors: as ``intervals.counted_errors`` gives them, with the recorded ``validation_top1_error_percent``.
        tables: the folder of the collected tables.
        runs_root: the folder of all run folders.

    Returns:
        rows with the columns of ``intervals.rederived``.

    Raises:
        ReproduceError: a table, predictions or labels cannot be read.
    """
    rows = [*_views(errors, tables), *_ensembles(errors, tables, runs_root), *_factorials(errors, tables)]
    rows += _validation_gaps(errors, tables)
    return pd.DataFrame(rows, columns=COLUMNS)


def _stored(tables: Path, name: str, columns: str) -> list[dict[str, Any]]:
    frame = read_table(tables / f"{name}.csv", f"study runs low high {columns}")
    return frame[frame["low"].notna()].to_dict("records")


def _views(errors: pd.DataFrame, tables: Path) -> Iterator[dict[str, Any]]:
    for stored in _stored(tables, "views", "variant"):
        used = errors.loc[stored["runs"].split(";")]
        found = stats.ttest_rel(used[_TEST], used[_CENTER]).confidence_interval(_CONFIDENCE)
        name = f"{stored['study']}.{stored['variant']}, ten views less center"
        yield row_of(name, "views", stored, "paired t", str(len(used)), found.low, found.high)


def _ensembles(errors: pd.DataFrame, tables: Path, runs_root: Path) -> Iterator[dict[str, Any]]:
    labels = read_labels("cifar10", runs_root=runs_root)
    for stored in _stored(tables, "ensembles", "variant nets groups"):
        runs, size = stored["runs"].split(";"), int(stored["nets"])
        groups = [runs[first : first + size] for first in range(0, len(runs), size)]
        averages = [_error_of_average(group, labels, runs_root) for group in groups]
        gains = [errors.loc[group, _TEST].mean() - average for group, average in zip(groups, averages, strict=True)]
        found = stats.ttest_1samp(gains, 0.0).confidence_interval(_CONFIDENCE)
        name = f"{stored['study']}.{stored['variant']}, mean of {size} nets"
        yield row_of(name, "ensembles", stored, "t over groups", str(len(groups)), found.low, found.high)


def _error_of_average(runs: list[str], labels: np.ndarray, runs_root: Path) -> float:
    """Return the error in percent of the runs' mean probabilities. Classes of equal mean share an image (D45)."""
    total = sum(read_predictions(RunId.parse(run), runs_root)["test_probabilities"].astype(int) for run in runs)
    likeliest = total == total.max(axis=1, keepdims=True)
    hit = likeliest[np.arange(len(labels)), labels] / likeliest.sum(axis=1)
    return 100 * float(1 - hit.mean())


def _factorials(errors: pd.DataFrame, tables: Path) -> Iterator[dict[str, Any]]:
    for stored in _stored(tables, "factorials", "factorial effect"):
        designs = {design.id: design for design in load_study(stored["study"]).factorials}
        weights = next(e.weights for e in effects_of(designs[stored["factorial"]]) if e.id == stored["effect"])
        used = errors.loc[stored["runs"].split(";")]
        cells = [used.loc[used["variant"].eq(name), _TEST].to_numpy() for name in weights]
        low, high = _contrast(cells, np.array(list(weights.values())))
        name = f"{stored['study']}.{stored['factorial']}.{stored['effect']}"
        yield row_of(name, "factorials", stored, "Welch contrast", " ".join(str(len(c)) for c in cells), low, high)


def _validation_gaps(errors: pd.DataFrame, tables: Path) -> Iterator[dict[str, Any]]:
    for stored in _stored(tables, "validation_gaps", "variant"):
        used = errors.loc[stored["runs"].split(";")]
        gaps = (used["validation_top1_error_percent"] - used[_TEST]).abs()
        found = stats.ttest_1samp(gaps, 0.0).confidence_interval(_CONFIDENCE)
        name = f"{stored['study']}.{stored['variant']}, validation against test"
        yield row_of(name, "validation_gaps", stored, "t", str(len(used)), found.low, found.high)


def _contrast(cells: list[np.ndarray], weights: np.ndarray) -> tuple[float, float]:
    """Return the interval of a weighted sum of independent means, by Satterthwaite's degrees of freedom."""
    parts = weights**2 * np.array([cell.var(ddof=1) / len(cell) for cell in cells])
    freedom = parts.sum() ** 2 / sum(part**2 / (len(cell) - 1) for part, cell in zip(parts, cells, strict=True))
    value = float(weights @ np.array([cell.mean() for cell in cells]))
    half = float(stats.t.ppf((1 + _CONFIDENCE) / 2, freedom) * np.sqrt(parts.sum()))
    return value - half, value + half
