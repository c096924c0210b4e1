"""The comparisons that studies declare: a metric's difference or ratio between two variants, such as bf16 and fp32."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
import pandas as pd

from reproduce.judge.reasons import unit_of
from reproduce.judge.row_tables import BEFORE_ALL_SEEDS, interval_fields
from reproduce.runs import statistics
from reproduce.runs.estimands import values_of_arm
from reproduce.runs.table import arms_at, rows_of_arm, went_wrong
from reproduce.study.designs import Comparison, Factorial
from reproduce.study.study import Study

Declared = TypeVar("Declared", Comparison, Factorial)
Arm = tuple[str, str, int]
"""A study, a variant of it, and a length in epochs."""

_PAIRED: dict[str, None] = dict.fromkeys(("paired_low", "paired_high", "correlation"))


@dataclass(frozen=True)
class Compared:
    """One row of comparisons.csv: a declared comparison, its runs, and what they gave.

    ``value`` is the first arm's mean minus the second's, or the ratio of their geometric means. ``low`` and ``high``
    are Welch's 95 % interval, computed in logs for a ratio. The paired interval over ``shared_seeds`` and the
    ``correlation`` show whether pairing helps. Where a run diverged or a seed was left out there is no value, since the
    runs that remain are those that went well. ``diverged`` and ``missing`` count such runs. There
    are no intervals and no p before every planned seed of both arms is made, so that no interim look is published.
    """

    study: str
    comparison: str
    question: str
    kind: str
    first_arm: str
    second_arm: str
    estimand: str
    unit: str | None
    dataset: str | None
    scale: str | None
    schedule: str | None
    epochs: str | None
    n_first: int
    n_second: int
    diverged: int
    missing: int
    first_mean: float | None = None
    second_mean: float | None = None
    value: float | None = None
    low: float | None = None
    high: float | None = None
    method: str | None = None
    p_value: float | None = None
    p_value_holm: float | None = None
    paired_low: float | None = None
    paired_high: float | None = None
    correlation: float | None = None
    shared_seeds: int = 0
    runs: list[str] = field(default_factory=list)


def compare_all(studies: Iterable[Study], runs: pd.DataFrame) -> list[Compared]:
    """Return one row per declared comparison.

    Arms are compared at the lengths that the comparison fixes, else at the greatest length that both have run.
    ``p_value_holm`` is corrected for all of the study's comparisons, also those without a value yet.

    Raises:
        ReproduceError: a comparison's estimand is no metric.
    """
    studies, rows = list(studies), []
    plans = planned_runs(studies)
    for study in studies:
        declared_here = answerable(study, study.comparisons, runs)
        of_study = [_compare(study.study, declared, runs, plans) for declared in declared_here]
        known = {row.comparison: row.p_value for row in of_study}
        adjusted = statistics.holm({declared.id: known.get(declared.id) for declared in study.comparisons})
        rows += [replace(row, p_value_holm=adjusted[row.comparison]) for row in of_study]
    return rows


def answerable(study: Study, declared: Sequence[Declared], runs: pd.DataFrame) -> list[Declared]:
    """Return the declared comparisons or designs; where runs are published by hand, those whose arms all have runs."""
    if study.is_trained_by_stages:
        return list(declared)
    return [each for each in declared if all(len(rows_of_arm(runs, study.study, arm)) for arm in each.arms)]


def _compare(study: str, comparison: Comparison, runs: pd.DataFrame, plans: Mapping[Arm, int]) -> Compared:
    """Return a comparison's row; ``plans`` has the number of planned seeds by study, variant and length."""
    listed = arms_at([rows_of_arm(runs, study, arm) for arm in comparison.arms], comparison.epochs)
    first, second = (arm[arm["status"] == "finished"] for arm in listed)
    statuses, both = pd.concat(listed)["status"], not first.empty and not second.empty
    row = Compared(
        study=study,
        comparison=comparison.id,
        question=comparison.question,
        kind=comparison.kind,
        first_arm=comparison.arms[0],
        second_arm=comparison.arms[1],
        estimand=comparison.estimand,
        unit=unit_of(comparison.estimand, comparison.kind),
        dataset=_of_both("dataset", first, second) if both else None,
        scale=_of_both("scale", first, second) if both else None,
        schedule=_of_both("schedule", first, second) if both else None,
        epochs=" and ".join(dict.fromkeys(str(arm["epochs"].iloc[0]) for arm in (first, second))) if both else None,
        n_first=len(first),
        n_second=len(second),
        diverged=int(statuses.eq("diverged").sum()),
        missing=int(statuses.eq("missing").sum()),
        runs=[*first["run_id"], *second["run_id"]],
    )
    if not both:
        return row
    measured = _measured(row, comparison, listed)
    return measured if has_planned_runs((first, second), plans) else replace(measured, **BEFORE_ALL_SEEDS, **_PAIRED)


def planned_runs(studies: Iterable[Study]) -> Counter[Arm]:
    """Return the number of runs to be published, by study, variant and length."""
    return Counter((run.study, run.variant, run.epochs) for study in studies for run in study.publishable_runs())


def has_planned_runs(finished: Iterable[pd.DataFrame], plans: Mapping[Arm, int]) -> bool:
    """Return whether each arm has all its planned runs.

    Args:
        finished: for each arm, its finished runs of one length, one or more, as rows of ``table.read_runs``.
        plans: the numbers that ``planned_runs`` returns.
    """
    return all(len(arm) >= plans[_study_variant_epochs(arm)] for arm in finished)


def _study_variant_epochs(arm: pd.DataFrame) -> Arm:
    row = arm.iloc[0]
    return row["study"], row["variant"], int(row["epochs"])


def _of_both(column: str, first: pd.DataFrame, second: pd.DataFrame) -> str:
    return "; ".join(sorted({*first[column], *second[column]}))


def _measured(row: Compared, comparison: Comparison, listed: Sequence[pd.DataFrame]) -> Compared:
    """Return the row with the arms' estimate, or unchanged where an arm has no value."""
    first, second = (arm[arm["status"] == "finished"] for arm in listed)
    where = f"comparison {comparison.id!r} of study {row.study}"
    one, two = (values_of_arm(arm, comparison.estimand, where) for arm in (first, second))
    # An arm has no value where a run never reached the target error, for example.
    if not one or not two or any(map(went_wrong, listed)):
        return row
    found = (statistics.ratio if comparison.kind == "ratio" else statistics.welch_difference)(one, two)
    means = {"first_mean": statistics.mean_interval(one).value, "second_mean": statistics.mean_interval(two).value}
    return _paired(replace(row, **means, **interval_fields(found)), first, second)


def _paired(row: Compared, first: pd.DataFrame, second: pd.DataFrame) -> Compared:
    shared = sorted(set(first["seed"]) & set(second["seed"]))
    if len(shared) < 2:
        return replace(row, shared_seeds=len(shared))
    by_seed = [arm.set_index("seed").loc[shared] for arm in (first, second)]
    arms = [np.asarray(values_of_arm(arm, row.estimand, row.comparison)) for arm in by_seed]
    in_logs = row.kind == "ratio"
    paired = statistics.paired_difference(*(np.log(arm) if in_logs else arm for arm in arms))
    low, high = (math.exp(end) if in_logs else end for end in (paired.low, paired.high))
    return replace(row, shared_seeds=len(shared), paired_low=low, paired_high=high, correlation=paired.correlation)
