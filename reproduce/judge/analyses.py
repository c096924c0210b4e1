"""Analyses of the arrays that runs store beside their metrics: one table each, and the numbers that may be cited."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from reproduce.judge.number_record import Number, arm_names
from reproduce.runs.averaging import ensemble_gains, validation_gaps, view_gains
from reproduce.runs.filters import SPLIT_P_VALUE, color_specialization
from reproduce.runs.neighbors import neighbor_purity
from reproduce.runs.statistics import mean_interval

_PAPERS_NETS = 5  # averaged in the paper's Table 2


_QUANTITIES = {  # by the end of an id
    "nets.test_top1_error_percent": "test top-1 error of the mean of {nets} nets' probabilities",
    "nets.gain": "test top-1 error of one net minus that of the mean of {nets} nets' probabilities",
    "ten_views_minus_center.difference": "test top-1 error by ten views minus that by the center view",
    "validation_and_test.difference": "absolute difference of validation and test top-1 error",
    "color_specialization.mean": "difference of mean color share between the columns",
    "color_specialization.above_chance": "difference of mean color share, less that of shuffled filters",
    "color_specialization.runs_split": "runs whose columns divide color",
    "neighbors.feature_purity_percent": "share of nearest neighbors by features that have the query's class",
    "neighbors.pixel_purity_percent": "share of nearest neighbors by pixels that have the query's class",
    "neighbors.difference_percentage_points": "share of neighbors of the query's class, by features minus by pixels",
}

# Each analysis by the name of the file that holds its table.
ANALYSES: dict[str, Callable[[pd.DataFrame, Path | None], pd.DataFrame]] = {
    "ensembles": ensemble_gains,
    "views": lambda runs, runs_root: view_gains(runs),
    "validation_gaps": validation_gaps,
    "color_specialization": color_specialization,
    "neighbor_purity": neighbor_purity,
}


@dataclass(frozen=True)
class Found:
    """A value, its interval where it has one, and the method that gave it."""

    value: float
    low: float | None
    high: float | None
    method: str


def analyze(runs: pd.DataFrame, runs_root: Path | None = None) -> dict[str, pd.DataFrame]:
    """Return every analysis's table by its file's name, without ``.csv``.

    Args:
        runs: as ``table.read_runs`` gives them.
        runs_root: the folder of all run folders.

    Raises:
        ReproduceError: the arrays of a listed run or the committed labels cannot be read.
    """
    return {name: analysis(runs, runs_root) for name, analysis in ANALYSES.items()}


def numbers_of(tables: Mapping[str, pd.DataFrame], runs: pd.DataFrame) -> list[Number]:
    """Return the numbers that may be cited from the tables that ``analyze`` gives for ``runs``.

    An id begins as those of the arm's means do (``arm_names``).
    """
    names = arm_names(runs)
    tables = {name: _with_arm_names(table, names) for name, table in tables.items()}
    numbers = [number for row in tables["ensembles"].to_dict("records") for number in _ensemble(row)]
    numbers += [_views(row) for row in tables["views"].to_dict("records")]
    numbers += [_validation(row) for row in tables["validation_gaps"].to_dict("records")]
    numbers += [number for arm in _by_variant(tables["color_specialization"]) for number in _color(arm)]
    return numbers + [number for arm in _by_variant(tables["neighbor_purity"]) for number in _purity(arm)]


def _with_arm_names(table: pd.DataFrame, names: Mapping[tuple[str, str, int], str]) -> pd.DataFrame:
    arms = zip(table["study"], table["variant"], table["epochs"], strict=True)
    return table.assign(arm_name=[names[arm] for arm in arms])


def _ensemble(row: Mapping[str, Any]) -> list[Number]:
    if row["nets"] not in (2, _PAPERS_NETS, row["n_seeds"]):
        return []  # only these numbers of nets can be cited; the table has every number
    name, protocol = f"mean_of_{row['nets']}_nets", f"{row['views']} test views, {row['groups']} groups of nets"
    error = Found(row["ensemble_error_percent"], None, None, row["method"])
    gain = Found(row["gain_percentage_points"], row["low"], row["high"], row["method"])
    of_groups = _number(row, f"{name}.gain", gain, "percentage_points", row["runs"], protocol)
    return [
        _number(row, f"{name}.test_top1_error_percent", error, "percent", row["runs"], protocol),
        replace(of_groups, kind="groups", n_groups=row["groups"]),  # its interval is over groups, not over seeds
    ]


def _views(row: Mapping[str, Any]) -> Number:
    found = Found(row["difference_percentage_points"], row["low"], row["high"], row["method"])
    protocol = "test error of ten views minus that of the center"
    return _number(row, "ten_views_minus_center.difference", found, "percentage_points", row["runs"], protocol)


def _validation(row: Mapping[str, Any]) -> Number:
    found = Found(row["absolute_difference_percentage_points"], row["low"], row["high"], row["method"])
    protocol = "absolute difference of validation and test error"
    return _number(row, "validation_and_test.difference", found, "percentage_points", row["runs"], protocol)


def _color(arm: pd.DataFrame) -> list[Number]:
    row, runs = arm.iloc[0], arm["run_id"].tolist()
    index = _mean(arm["color_specialization"])
    above = _mean(100 * (arm["color_specialization"] - arm["shuffled_mean"]))
    split = int((arm["p_value"] < SPLIT_P_VALUE).sum())
    count = Found(split, None, None, f"p < {SPLIT_P_VALUE:g} by shuffling filters")
    protocol = "color share of the first layer's filters, between columns"
    less = f"{protocol}, less what dealing the filters anew gives on average"
    return [
        _number(row, "color_specialization.mean", index, "ratio", runs, protocol),
        _number(row, "color_specialization.above_chance", above, "percentage_points", runs, less),
        _number(row, "color_specialization.runs_split", count, "count", runs, protocol),
    ]


def _purity(arm: pd.DataFrame) -> list[Number]:
    row, runs = arm.iloc[0], arm["run_id"].tolist()
    protocol = "six nearest training images of 1,000 test images that have their class"
    pixels = Found(_mean(arm["pixel_purity_percent"]).value, None, None, "the same for every net")
    features, difference = _mean(arm["feature_purity_percent"]), _mean(arm["difference_percentage_points"])
    return [
        _number(row, "neighbors.feature_purity_percent", features, "percent", runs, protocol),
        _number(row, "neighbors.pixel_purity_percent", pixels, "percent", runs, protocol),
        _number(row, "neighbors.difference_percentage_points", difference, "percentage_points", runs, protocol),
    ]


def _quantity(name: str) -> str:
    words = next(words for ending, words in _QUANTITIES.items() if name.endswith(ending))
    return words.format(nets=name.removeprefix("mean_of_").partition("_")[0])


def _mean(values: pd.Series) -> Found:
    found = mean_interval(values.tolist())
    return Found(found.value, found.low, found.high, found.method)


def _by_variant(table: pd.DataFrame) -> list[pd.DataFrame]:
    return [arm for _, arm in table.groupby(["study", "variant", "epochs"], sort=False)]


def _number(row: Mapping[str, Any], name: str, found: Found, unit: str, runs: Sequence[str], protocol: str) -> Number:
    return Number(
        kind="analysis",
        id=f"{row['arm_name']}.{name}",
        quantity=_quantity(name),
        value=found.value,
        low=found.low,
        high=found.high,
        method=found.method,
        unit=unit,
        n_seeds=len(runs),
        dataset=row["dataset"],
        scale=row["scale"],
        schedule=row["schedule"],
        protocol=protocol,
        runs=list(runs),
    )
