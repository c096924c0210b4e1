"""Claims measured by their runs: the rows of each arm, the estimate, and what a verdict says about the runs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from reproduce.base.errors import ReproduceError
from reproduce.judge import rules
from reproduce.runs import statistics
from reproduce.runs.estimands import values_of_arm
from reproduce.runs.statistics import Estimate
from reproduce.runs.table import arms_at, rows_of_arm
from reproduce.study.claims import Claim

COMPARED = ("gain", "difference", "ratio")

# The runs of one arm must agree in these, since their mean would otherwise mix different questions.
_AGREED = ("epochs", "schedule", "scale", "dataset", "precision", "views")


@dataclass(frozen=True)
class Measured:
    """A claim whose runs exist, measured and not yet judged.

    Attributes:
        arms: for each arm, the runs that decide (those of the planned seeds), as rows of ``table.read_runs``.
        listed: for each arm, all listed runs.
        facts: the fields of a verdict that describe its runs.
        n_by_arm: number of values of each arm.
        estimate: in the claim's unit; None where an arm has no value, or the claim fixes no number.
        lacking: the reason why there is no estimate; empty where there is one.
    """

    claim: Claim
    arms: list[pd.DataFrame]
    facts: dict[str, Any]
    n_by_arm: list[int]
    listed: list[pd.DataFrame]
    estimate: Estimate | None = None
    lacking: str = ""

    @property
    def seeds(self) -> int:
        """Number of seeds of the smaller arm."""
        return min(self.n_by_arm)

    @property
    def has_planned_seeds(self) -> bool:
        """True once every arm has a value of each of its planned seeds."""
        return all(there >= (self.claim.planned_of(arm) or 0) for arm, there in enumerate(self.n_by_arm))

    @property
    def is_complete(self) -> bool:
        """True once every planned seed has finished and given an estimate."""
        return self.estimate is not None and self.has_planned_seeds


def arms_of(claim: Claim, runs: pd.DataFrame) -> list[pd.DataFrame]:
    """Return the rows of each arm, at the lengths that the claim fixes, else at the greatest that all arms have run.

    Raises:
        ReproduceError: the runs of one arm differ in schedule, scale, data set, precision, views or length.
    """
    arms = [rows_of_arm(runs, claim.study, arm) for arm in claim.arms]
    arms = arms_at(arms, claim.epochs) if arms else []
    for name, arm in zip(claim.arms, arms, strict=True):
        existing = arm[arm["status"] != "missing"]
        for column in _AGREED:
            if existing[column].nunique() > 1:
                mixed = ", ".join(sorted(map(str, existing[column].unique())))
                raise ReproduceError(
                    f"claim {claim.id}: runs of {claim.study}/{name} mix {column} {mixed}; list one kind"
                )
    return arms


def arms_by_plan(claim: Claim, arms: Sequence[pd.DataFrame]) -> list[pd.DataFrame]:
    """Return the first planned seeds of each arm: seeds added after a look decide nothing."""
    planned = [claim.planned_of(position) for position in range(len(arms))]
    return [arm.nsmallest(n, "seed") if n else arm for arm, n in zip(arms, planned, strict=True)]


def measure(claim: Claim, arms: Sequence[pd.DataFrame], listed: Sequence[pd.DataFrame] | None = None) -> Measured:
    """Return the claim's estimate from the rows of its arms, each with one run or more.

    ``listed`` holds all rows of the arms, ``arms`` the planned ones among them.

    Raises:
        ReproduceError: runs lack the claim's estimand.
    """
    facts, every = _facts(claim, arms), [*(listed or arms)]
    if claim.kind not in ("single_value", *COMPARED):
        return Measured(
            claim, [*arms], facts, [], every, lacking="no number was fixed to judge it by; see the notebooks"
        )
    values = [values_of_arm(arm, claim.estimand, f"claim {claim.id}") for arm in arms]
    counts = [len(each) for each in values]
    if not all(values):
        reason = gaps(pd.concat(arms)) or "a finished run has none of its own"
        return Measured(claim, [*arms], facts, counts, every, lacking=f"an arm has no value: {reason}")
    return Measured(claim, [*arms], facts, counts, every, _estimate(claim, arms, values))


def _facts(claim: Claim, arms: Sequence[pd.DataFrame]) -> dict[str, Any]:
    """Return the fields of a verdict that describe its runs."""
    listed = pd.concat(arms)
    existing = listed[listed["status"] != "missing"]
    processors = existing["gpu"].where(existing["gpu"].notna(), existing["cpu"]).dropna()
    return {
        "scale": _scale(claim, existing),
        "schedule": next((schedule for schedule in existing["schedule"] if schedule != "full"), "full"),
        "epochs": " and ".join(map(str, sorted(existing["epochs"].unique()))),
        "precision": " and ".join(sorted(existing["precision"].dropna().unique())),
        "processors": sorted(processors.unique()),
        "runs": existing["run_id"].tolist(),
    }


def _scale(claim: Claim, existing: pd.DataFrame) -> str:
    """Return the scale at which the runs test the claim: ``reduced`` where the claim is about another data set."""
    dataset, scale = str(existing["dataset"].iloc[0]), str(existing["scale"].iloc[0])
    if scale in rules.LIMITED_SCALES or claim.dataset is None:
        return scale
    same = _plain(dataset) == _plain(claim.dataset)
    return "reduced" if claim.scale in rules.LIMITED_SCALES or not same else scale


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name.lower()))


def gaps(listed: pd.DataFrame) -> str:
    """Return in words which listed runs gave no value; empty where all did."""
    counts = listed.loc[listed["status"] != "finished", "status"].value_counts().sort_index()
    return ", ".join(f"{count} of {len(listed)} listed runs {status}" for status, count in counts.items())


def _estimate(claim: Claim, arms: Sequence[pd.DataFrame], values: list[list[float]]) -> Estimate:
    """Return the estimate in the claim's unit; a lone test error gets the interval of its test images.

    Two arms are compared as independent (Welch), and their correlation over shared seeds is reported. To pair them only
    after seeing that it helps would give intervals that are too narrow.
    """
    confidence = statistics.confidence_at(claim.looks)
    if claim.kind == "gain":
        return statistics.paired_difference(values[0], [0.0] * len(values[0]), confidence)
    if claim.kind != "single_value":
        is_ratio = claim.kind == "ratio"
        estimate = (statistics.ratio if is_ratio else statistics.welch_difference)(*values, confidence)
        compared = [np.log(value) if is_ratio else value for value in values]
        return statistics.with_correlation(
            estimate, *(_by_seed(arm, value) for arm, value in zip(arms, compared, strict=True))
        )
    if len(values[0]) == 1 and claim.estimand.startswith("test_") and claim.estimand.endswith("_error_percent"):
        images = int(arms[0].loc[arms[0]["status"] == "finished", "test_images"].iloc[0])
        alone = statistics.wilson(round(values[0][0] / 100 * images), images)
        return replace(alone, method=f"one seed; {alone.method}")
    return statistics.mean_interval(values[0], confidence)


def _by_seed(arm: pd.DataFrame, values: Iterable[float]) -> dict[int, float]:
    return dict(zip(arm.loc[arm["status"] == "finished", "seed"], values, strict=True))
