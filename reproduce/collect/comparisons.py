"""Differences between two variants that a study declares: what bf16, a kernel or an option does to a metric."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import pandas as pd

from reproduce.collect import statistics
from reproduce.collect.reasons import unit_of
from reproduce.collect.runs import longest_shared
from reproduce.config import Comparison, Factorial, Study
from reproduce.errors import ReproduceError

Declared = TypeVar("Declared", Comparison, Factorial)

COLUMNS = [
    *("study", "comparison", "question", "first_arm", "second_arm", "estimand", "unit", "dataset", "scale", "schedule"),
    *("n_first", "n_second", "first_mean", "second_mean", "difference", "low", "high", "method", "p_value"),
    *("p_value_holm", "paired_low", "paired_high", "correlation", "shared_seeds", "runs"),
]


def compare_all(studies: Iterable[Study], runs: pd.DataFrame) -> pd.DataFrame:
    """Return one row per declared comparison, at the longest schedule that both arms have finished runs of.

    ``low`` and ``high`` are Welch's 95 % interval; the paired interval over shared seeds and the correlation stand
    beside it, to see whether the pairing helped. ``p_value_holm`` is adjusted within the study's comparisons.

    Raises:
        ReproduceError: a comparison's estimand is no metric.
    """
    rows = []
    for study in studies:
        of_study = [
            _compare(study.study, comparison, runs) for comparison in answerable(study, study.comparisons, runs)
        ]
        known = {row["comparison"]: row["p_value"] for row in of_study if row.get("p_value") is not None}
        adjusted = statistics.holm(known)
        rows += [row | {"p_value_holm": adjusted.get(row["comparison"])} for row in of_study]
    numeric = ["first_mean", "second_mean", "difference", "low", "high", "p_value", "p_value_holm"]
    numeric += ["paired_low", "paired_high", "correlation"]
    return pd.DataFrame(rows, columns=COLUMNS).astype(dict.fromkeys(numeric, "float64"))


def answerable(study: Study, declared: Sequence[Declared], runs: pd.DataFrame) -> list[Declared]:
    """Return what the study declares to compare; if its runs are published by hand, that whose arms have been."""
    if study.published_by == "stages":
        return list(declared)
    there = set(runs.loc[runs["study"] == study.study, "variant"])
    return [each for each in declared if there.issuperset(each.arms)]


def _compare(study: str, comparison: Comparison, runs: pd.DataFrame) -> dict[str, Any]:
    first, second = longest_shared([_arm(study, comparison, arm, runs) for arm in comparison.arms])
    row: dict[str, Any] = {
        "study": study,
        "comparison": comparison.id,
        "question": comparison.question,
        "first_arm": comparison.arms[0],
        "second_arm": comparison.arms[1],
        "estimand": comparison.estimand,
        "unit": unit_of(comparison.estimand, "difference"),
        "n_first": len(first),
        "n_second": len(second),
        "shared_seeds": 0,
        "runs": [*first["run_id"], *second["run_id"]],
    }
    if first.empty or second.empty:
        return row
    row |= {name: "; ".join(sorted({*first[name], *second[name]})) for name in ("dataset", "scale", "schedule")}
    one, two = (arm[comparison.estimand].tolist() for arm in (first, second))
    row |= {"first_mean": statistics.mean_interval(one).value, "second_mean": statistics.mean_interval(two).value}
    welch = statistics.welch_difference(one, two)
    row |= {"difference": welch.value, "low": welch.low, "high": welch.high}
    row |= {"method": welch.method, "p_value": welch.p_value}
    return row | _paired(first, second, comparison.estimand)


def _arm(study: str, comparison: Comparison, arm: str, runs: pd.DataFrame) -> pd.DataFrame:
    """Return the finished runs of one arm."""
    listed = runs[(runs["study"] == study) & (runs["variant"] == arm)]
    where = f"comparison {comparison.id!r} of study {study}"
    if comparison.estimand not in runs or not pd.api.types.is_numeric_dtype(runs[comparison.estimand]):
        raise ReproduceError(f"{where}: runs have no metric {comparison.estimand!r}; correct study.yaml")
    return listed[listed["status"] == "finished"]


def _paired(first: pd.DataFrame, second: pd.DataFrame, estimand: str) -> dict[str, Any]:
    both = first.merge(second, on="seed", suffixes=("_first", "_second"))
    if len(both) < 2:
        return {"shared_seeds": len(both)}
    paired = statistics.paired_difference(both[f"{estimand}_first"].tolist(), both[f"{estimand}_second"].tolist())
    return {
        "shared_seeds": len(both),
        "paired_low": paired.low,
        "paired_high": paired.high,
        "correlation": paired.correlation,
    }
