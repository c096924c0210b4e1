"""The decision table: from an interval and what was fixed before the runs to a verdict. Pure functions.

A difference is ``reproduced`` if the 95 % interval lies inside the published value +- margin and excludes zero on the
published side, else its ``direction`` is ``reproduced`` if it excludes zero there, else it is ``inconclusive`` if the
interval overlaps the published value +- margin or there is one seed only, else ``not reproduced``. A single value knows
no direction. Differences are taken so that the claimed effect is positive; ratios are judged in logs, where the same
holds.
"""

import math
from dataclasses import dataclass, replace

from reproduce.collect.claims import Claim
from reproduce.collect.statistics import Estimate, expected_half_width, least_seeds

REPRODUCED, DIRECTION = "reproduced", "direction reproduced"
INCONCLUSIVE, NOT_REPRODUCED, NOT_RUN = "inconclusive", "not reproduced", "not run"
TRUE, FALSE, SOURCE_CHECK, NOT_JUDGED = "true", "false", "source check", "not judged"
VERDICTS = (REPRODUCED, DIRECTION, INCONCLUSIVE, NOT_REPRODUCED, NOT_RUN, TRUE, FALSE, SOURCE_CHECK, NOT_JUDGED)

LIMITED_SCALES = ("reduced", "synthetic")
_MORE_IS_BETTER = ("accuracy", "per_second")


@dataclass(frozen=True)
class Region:
    """The values that count as the published one; an end is infinite on the side where nothing is a failure."""

    low: float
    high: float

    def holds(self, estimate: Estimate) -> bool:
        """Return whether the whole interval lies inside."""
        return self.low <= estimate.low and estimate.high <= self.high

    def overlaps(self, estimate: Estimate) -> bool:
        """Return whether the interval and the region share a value."""
        return self.low <= estimate.high and estimate.low <= self.high


@dataclass(frozen=True)
class Terms:
    """On what terms an estimate is judged.

    Attributes:
        compares: whether two things are compared, so that there is a direction.
        accepted: the published value +- margin; None where no value is published or no margin was fixed.
        scale, schedule: those of the runs.
        epochs: the length of their schedules, in words.
        arms: of runs; one where both things compared are measured on the same run.
    """

    compares: bool
    accepted: Region | None
    scale: str = "own"
    schedule: str = "full"
    epochs: str | None = None
    arms: int = 2


@dataclass(frozen=True)
class Outcome:
    """A verdict; if inconclusive, the seeds per arm that would settle it, or that failed runs ``withheld`` a better.

    ``negligible`` is whether the effect is shown to be too small to matter, None where that cannot be said.
    """

    verdict: str
    seeds_to_settle: int | None = None
    withheld: bool = False
    negligible: bool | None = None


def accepted_region(claim: Claim) -> Region | None:
    """Return the region around the claim's first target in the claim's unit, or None without target or margin.

    The margin of a ratio is a factor. The region is open below for ``at_most`` and above for ``at_least``, and where
    better is no failure on the better side: a smaller error, a larger effect.
    """
    if not claim.targets or claim.margin is None:
        return None
    target, margin = claim.targets[0].value, claim.margin
    low, high = (target / margin, target * margin) if claim.kind == "ratio" else (target - margin, target + margin)
    more_is_better = claim.kind != "single_value" or any(word in claim.estimand for word in _MORE_IS_BETTER)
    if claim.relation == "at_most" or (claim.better_is_no_failure and not more_is_better):
        low = 0.0 if claim.kind == "ratio" else -math.inf
    if claim.relation == "at_least" or (claim.better_is_no_failure and more_is_better):
        high = math.inf
    return Region(low, high)


def is_negligible(estimate: Estimate, within: float | None) -> bool | None:
    """Return whether the whole interval lies within ``within`` of zero: two one-sided tests at 2.5 % each.

    None where no bound was fixed, or one run alone shows no spread.
    """
    if within is None or estimate.std is None:
        return None
    return Region(-within, within).holds(estimate)


def in_logs(estimate: Estimate, region: Region | None) -> tuple[Estimate, Region | None]:
    """Return a ratio's estimate and region in logs, where a ratio of one is zero."""
    ends = (None if end is None else math.log(end) for end in (estimate.low, estimate.high))
    logs = replace(estimate, value=math.log(estimate.value), low=next(ends), high=next(ends))
    if region is None:
        return logs, None
    return logs, Region(math.log(region.low) if region.low > 0 else -math.inf, math.log(region.high))


def decide(estimate: Estimate, n_seeds: int, terms: Terms) -> str:
    """Return the verdict of the decision table as far as scale and schedule let it be earned."""
    return limit(_table(estimate, n_seeds, terms), terms)


def _table(estimate: Estimate, n_seeds: int, terms: Terms) -> str:
    if n_seeds < 2:
        return INCONCLUSIVE
    accepted, right_side = terms.accepted, terms.compares and estimate.low > 0
    if accepted is not None and accepted.holds(estimate) and (right_side or not terms.compares):
        return REPRODUCED
    if right_side:
        return DIRECTION
    if accepted is None:  # only the direction can be judged
        return NOT_REPRODUCED if terms.compares and estimate.high < 0 else INCONCLUSIVE
    return INCONCLUSIVE if accepted.overlaps(estimate) else NOT_REPRODUCED


def limit(verdict: str, terms: Terms) -> str:
    """Return the verdict that scale and schedule allow.

    A reduced or synthetic scale and a schedule of another length cannot reproduce the published figure; the latter
    cannot fail to either, since the published schedule was not run.
    """
    if verdict == REPRODUCED and (terms.scale in LIMITED_SCALES or terms.schedule != "full"):
        return DIRECTION if terms.compares else INCONCLUSIVE
    if verdict == NOT_REPRODUCED and terms.schedule != "full":
        return INCONCLUSIVE
    return verdict


def limit_chosen_afterward(verdict: str) -> str:
    """Return the verdict that an estimand chosen when its runs were known allows: at most a direction, never against.

    Among several estimands one may be found by which a claim holds, or fails.
    """
    return {REPRODUCED: DIRECTION, NOT_REPRODUCED: INCONCLUSIVE}.get(verdict, verdict)


def judge_beside(verdict: str, test: Estimate, training: Estimate) -> str:
    """Return the verdict on a narrower gap between test and training error, by these two errors themselves.

    A gap is narrower as well where the net fits its training images worse. It shows less overfitting where the test
    error is lower, or not shown to differ while the training error is not shown to be higher; otherwise it is
    ``inconclusive``.

    Args:
        verdict: by the gap alone.
        test: what the ingredient lowers the test error by, in the claim's order of arms.
        training: the same of the training error.
    """
    if verdict not in (REPRODUCED, DIRECTION) or test.low > 0:
        return verdict
    return INCONCLUSIVE if test.high < 0 or training.high < 0 else verdict


def seeds_to_settle(estimate: Estimate, terms: Terms) -> int | None:
    """Return the least seeds per arm that would end ``inconclusive`` if value and spread stayed as they are.

    None where no number (up to 10,000) would, or where one run alone shows no spread.
    """
    if estimate.std is None:
        return None

    def settles(n: int) -> bool:
        half = expected_half_width(estimate, n)
        narrowed = replace(estimate, low=estimate.value - half, high=estimate.value + half)
        return decide(narrowed, n, terms) != INCONCLUSIVE

    found = least_seeds(settles)
    return None if found is None else max(found, estimate.n + 1)  # as many as there are have not
