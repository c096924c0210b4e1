"""Differences and ratios of two variants that a study declares: what bf16, a kernel or an option does to a metric."""

import math
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from reproduce.judge.reasons import unit_of
from reproduce.runs import statistics
from reproduce.runs.estimands import values_of_arm
from reproduce.runs.table import arms_at, rows_of_arm, went_wrong
from reproduce.study.designs import Comparison, Factorial
from reproduce.study.study import Study

Declared = TypeVar("Declared", Comparison, Factorial)

COLUMNS = [
    *("study", "comparison", "question", "kind", "first_arm", "second_arm", "estimand", "unit"),
    *("dataset", "scale", "schedule", "epochs"),
    *(
        "n_first",
        "n_second",
        "diverged",
        "missing",
        "first_mean",
        "second_mean",
        "value",
        "low",
        "high",
        "method",
        "p_value",
    ),
    *("p_value_holm", "paired_low", "paired_high", "correlation", "shared_seeds", "runs"),
]


def compare_all(studies: Iterable[Study], runs: pd.DataFrame) -> pd.DataFrame:
    """Return one row per declared comparison, at the lengths it fixes or the longest that both arms have runs of.

    ``value`` is the first arm's mean minus the second's, or the ratio of their geometric means. ``low`` and ``high``
    are Welch's 95 % interval, of a ratio in logs; the paired interval over shared seeds and the correlation stand
    beside it, to see whether the pairing helped. ``p_value_holm`` is adjusted within all of the study's
    comparisons, answered or not. Where a run diverged or a seed was left out there is no value: what the others give
    is what went well (``diverged`` and ``missing`` count them).

    Raises:
        ReproduceError: a comparison's estimand is no metric.
    """
    rows = []
    for study in studies:
        of_study = [
            _compare(study.study, comparison, runs) for comparison in answerable(study, study.comparisons, runs)
        ]
        known = {row["comparison"]: row.get("p_value") for row in of_study}
        adjusted = statistics.holm({declared.id: known.get(declared.id) for declared in study.comparisons})
        rows += [row | {"p_value_holm": adjusted[row["comparison"]]} for row in of_study]
    numeric = ["first_mean", "second_mean", "value", "low", "high", "p_value", "p_value_holm"]
    numeric += ["paired_low", "paired_high", "correlation"]
    return pd.DataFrame(rows, columns=COLUMNS).astype(dict.fromkeys(numeric, "float64"))


def answerable(study: Study, declared: Sequence[Declared], runs: pd.DataFrame) -> list[Declared]:
    """Return what the study declares to compare; if its runs are published by hand, that whose arms have been."""
    if study.is_trained_by_stages:
        return list(declared)
    return [each for each in declared if all(len(rows_of_arm(runs, study.study, arm)) for arm in each.arms)]


def _compare(study: str, comparison: Comparison, runs: pd.DataFrame) -> dict[str, Any]:
    listed = arms_at([rows_of_arm(runs, study, arm) for arm in comparison.arms], comparison.epochs)
    first, second = (arm[arm["status"] == "finished"] for arm in listed)
    statuses = pd.concat(listed)["status"]
    row: dict[str, Any] = {
        "study": study,
        "comparison": comparison.id,
        "question": comparison.question,
        "kind": comparison.kind,
        "first_arm": comparison.arms[0],
        "second_arm": comparison.arms[1],
        "estimand": comparison.estimand,
        "unit": unit_of(comparison.estimand, comparison.kind),
        "n_first": len(first),
        "n_second": len(second),
        **{status: int(statuses.eq(status).sum()) for status in ("diverged", "missing")},
        "shared_seeds": 0,
        "runs": [*first["run_id"], *second["run_id"]],
    }
    if first.empty or second.empty:
        return row
    row |= {name: "; ".join(sorted({*first[name], *second[name]})) for name in ("dataset", "scale", "schedule")}
    row["epochs"] = " and ".join(dict.fromkeys(str(arm["epochs"].iloc[0]) for arm in (first, second)))
    where = f"comparison {comparison.id!r} of study {study}"
    one, two = (values_of_arm(arm, comparison.estimand, where) for arm in (first, second))
    if not one or not two or any(map(went_wrong, listed)):  # a run may never have come to the target error
        return row
    row |= {"first_mean": statistics.mean_interval(one).value, "second_mean": statistics.mean_interval(two).value}
    welch = (statistics.ratio if comparison.kind == "ratio" else statistics.welch_difference)(one, two)
    row |= {name: getattr(welch, name) for name in ("value", "low", "high", "method", "p_value")}
    return row | _paired(first, second, comparison)


def _paired(first: pd.DataFrame, second: pd.DataFrame, comparison: Comparison) -> dict[str, Any]:
    shared = sorted(set(first["seed"]) & set(second["seed"]))
    if len(shared) < 2:
        return {"shared_seeds": len(shared)}
    by_seed = [arm.set_index("seed").loc[shared] for arm in (first, second)]
    arms = [np.asarray(values_of_arm(arm, comparison.estimand, comparison.id)) for arm in by_seed]
    in_logs = comparison.kind == "ratio"
    paired = statistics.paired_difference(*(np.log(arm) if in_logs else arm for arm in arms))
    ends = [math.exp(end) if in_logs else end for end in (paired.low, paired.high)]
    return {
        "shared_seeds": len(shared),
        "paired_low": ends[0],
        "paired_high": ends[1],
        "correlation": paired.correlation,
    }
