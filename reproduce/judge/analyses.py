"""The analyses of what runs stored beside their metrics: a table each, and the numbers that may be cited from them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from reproduce.runs.ensembles import ensemble_gains, validation_gaps, view_gains
from reproduce.runs.filters import SPLIT_P_VALUE, color_specialization
from reproduce.runs.neighbors import neighbor_purity
from reproduce.runs.statistics import Estimate, mean_interval

_PLACE = ("dataset", "scale", "schedule")
_PAPERS_NETS = 5  # averaged in the paper's Table 2


def analyze(runs: pd.DataFrame, runs_root: Path | None = None) -> dict[str, pd.DataFrame]:
    """Return every analysis's table by its file's name, without ``.csv``.

    Args:
        runs: as ``runs.read_runs`` gives them.
        runs_root: the folder of all run folders.

    Raises:
        ReproduceError: what a listed run stored, or the committed labels, cannot be read.
    """
    return {
        "ensembles": ensemble_gains(runs, runs_root),
        "views": view_gains(runs),
        "validation_gaps": validation_gaps(runs, runs_root),
        "color_specialization": color_specialization(runs, runs_root),
        "neighbor_purity": neighbor_purity(runs, runs_root),
    }


def number_entries(tables: Mapping[str, pd.DataFrame]) -> list[dict[str, Any]]:
    """Return entries for ``numbers.json``, as ``numbers.build_rows`` completes them.

    Args:
        tables: as ``analyze`` gives them.
    """
    entries = [entry for row in tables["ensembles"].to_dict("records") for entry in _ensemble(row)]
    entries += [_views(row) for row in tables["views"].to_dict("records")]
    entries += [_validation(row) for row in tables["validation_gaps"].to_dict("records")]
    entries += [entry for arm in _by_variant(tables["color_specialization"]) for entry in _color(arm)]
    return entries + [entry for arm in _by_variant(tables["neighbor_purity"]) for entry in _purity(arm)]


def _ensemble(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    if row["nets"] not in (2, _PAPERS_NETS, row["n_seeds"]):
        return []  # the table has every number of nets
    name, protocol = f"mean_of_{row['nets']}_nets", f"{row['views']} test views, {row['groups']} groups of nets"
    error = {"value": row["ensemble_error_percent"], "low": None, "high": None, "method": row["method"]}
    gain = {"value": row["gain_percentage_points"]} | {key: row[key] for key in ("low", "high", "method")}
    gain["n_groups"] = row["groups"]  # what the interval is over, seeds being members of a group
    return [
        _entry(row, f"{name}.test_top1_error_percent", error, "percent", row["runs"], protocol),
        _entry(row, f"{name}.gain", gain, "percentage_points", row["runs"], protocol),
    ]


def _views(row: Mapping[str, Any]) -> dict[str, Any]:
    found = {"value": row["difference_percentage_points"]} | {key: row[key] for key in ("low", "high", "method")}
    protocol = "test error of ten views minus that of the center"
    return _entry(row, "ten_views_minus_center.difference", found, "percentage_points", row["runs"], protocol)


def _validation(row: Mapping[str, Any]) -> dict[str, Any]:
    found = {key: row[key] for key in ("low", "high", "method")}
    found["value"] = row["absolute_difference_percentage_points"]
    protocol = "absolute difference of validation and test error"
    return _entry(row, "validation_and_test.difference", found, "percentage_points", row["runs"], protocol)


def _color(arm: pd.DataFrame) -> list[dict[str, Any]]:
    row, runs = arm.iloc[0], arm["run_id"].tolist()
    index = _estimate(mean_interval(arm["color_specialization"].tolist()))
    split = int((arm["p_value"] < SPLIT_P_VALUE).sum())
    count = {"value": split, "low": None, "high": None, "method": f"p < {SPLIT_P_VALUE:g} by shuffling filters"}
    protocol = "color share of the first layer's filters, between columns"
    above = _estimate(mean_interval((100 * (arm["color_specialization"] - arm["shuffled_mean"])).tolist()))
    less = f"{protocol}, less what dealing the filters anew gives on average"
    return [
        _entry(row, "color_specialization.mean", index, "ratio", runs, protocol),
        _entry(row, "color_specialization.above_chance", above, "percentage_points", runs, less),
        _entry(row, "color_specialization.runs_split", count, "count", runs, protocol),
    ]


def _purity(arm: pd.DataFrame) -> list[dict[str, Any]]:
    row, runs, entries = arm.iloc[0], arm["run_id"].tolist(), []
    protocol = "six nearest training images of 1,000 test images that have their class"
    for name in ("feature_purity_percent", "pixel_purity_percent", "difference_percentage_points"):
        unit = "percentage_points" if name.endswith("points") else "percent"
        found = _estimate(mean_interval(arm[name].tolist()))
        if name.startswith("pixel"):
            found |= {"low": None, "high": None, "method": "the same for every net"}
        entries.append(_entry(row, f"neighbors.{name}", found, unit, runs, protocol))
    return entries


def _estimate(found: Estimate) -> dict[str, Any]:
    return {"value": found.value, "low": found.low, "high": found.high, "method": found.method}


def _by_variant(table: pd.DataFrame) -> list[pd.DataFrame]:
    return [arm for _, arm in table.groupby(["study", "variant", "epochs"], sort=False)]


def _entry(
    row: Mapping[str, Any], name: str, found: Mapping[str, Any], unit: str, runs: Sequence[str], protocol: str
) -> dict[str, Any]:
    identity = {"id": f"{row['study']}.{row['variant']}.{name}"} | {key: row[key] for key in _PLACE}
    return identity | dict(found) | {"unit": unit, "n_seeds": len(runs), "protocol": protocol, "runs": list(runs)}
