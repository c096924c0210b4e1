"""The decision table: from an interval and what was fixed before the runs to a verdict. Pure functions.

A difference between two arms is taken so that the claimed effect is positive. The first verdict that fits is given:

- ``reproduced``: the interval lies inside the published value +- margin, and the effect is significant.
- ``direction reproduced``: the effect is significant. The words ``, size not`` are added where the interval lies wholly
  outside the published value +- margin.
- ``no effect``: in place of ``inconclusive``, where the whole interval lies within the smallest effect of interest,
  fixed before the runs.
- ``inconclusive``: the interval overlaps the published value +- margin, or there is one seed only.
- ``not reproduced``: all else.

Significant means that p, after Holm's correction within the study's claims, is below 0.05. Where only a direction is
claimed, a significant effect of the other sign is ``not reproduced``. A single value has no direction: it is
``reproduced`` where its interval lies inside the published value +- margin, ``inconclusive`` where the two overlap, and
else ``not reproduced``. Ratios are judged in logs by the same rules.
"""

import math
from dataclasses import dataclass, replace

from reproduce.runs.statistics import CONFIDENCE, Estimate, expected_half_width, expected_p_value, least_seeds
from reproduce.study.claims import Claim

REPRODUCED, DIRECTION, DIRECTION_ONLY = "reproduced", "direction reproduced", "direction reproduced, size not"
NO_EFFECT, INCONCLUSIVE, NOT_REPRODUCED, NOT_RUN = "no effect", "inconclusive", "not reproduced", "not run"
TRUE, FALSE, SOURCE_CHECK, NOT_JUDGED = "true", "false", "source check", "not judged"
MEASURED = (REPRODUCED, DIRECTION, DIRECTION_ONLY, NO_EFFECT, INCONCLUSIVE, NOT_REPRODUCED)
VERDICTS = (*MEASURED, NOT_JUDGED, NOT_RUN, TRUE, FALSE, SOURCE_CHECK)

SIGNIFICANT_P = 0.05

LIMITED_SCALES = ("reduced", "synthetic")
_MORE_IS_BETTER = ("accuracy", "per_second")


@dataclass(frozen=True)
class Region:
    """The values that count as the published one; an end is infinite where no value beyond it is a failure."""

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
    """The terms on which an estimate is judged.

    Attributes:
        compares: whether two things are compared, so that the difference has a sign.
        accepted: the published value +- margin; None where no value is published or no margin was fixed.
        scale, schedule: those of the runs.
        epochs: the length of their schedules, in words.
        arms: their number; 1 where both things compared are measured on the same run.
        p_factor: factor that corrects the estimate's p, for the study's other claims (Holm) and for the number of looks
            at the runs (Bonferroni).
        negligible_within: the smallest effect of interest, in the estimate's unit; None where none was fixed.
        confidence: confidence of the estimate's interval; more than 0.95 where the runs were looked at before.
        chosen_afterward: whether claim or estimand was chosen when the runs were known.
    """

    compares: bool
    accepted: Region | None
    scale: str = "own"
    schedule: str = "full"
    epochs: str | None = None
    arms: int = 2
    p_factor: float = 1.0
    negligible_within: float | None = None
    confidence: float = CONFIDENCE
    chosen_afterward: bool = False


@dataclass(frozen=True)
class Outcome:
    """A verdict and the limits on it.

    Attributes:
        seeds_to_settle: seeds per arm that would settle an inconclusive verdict; None where no number would.
        withheld: whether a good verdict is withheld because runs failed.
        negligible: whether the effect is shown to be too small to matter; None where that is open.
    """

    verdict: str
    seeds_to_settle: int | None = None
    withheld: bool = False
    negligible: bool | None = None


def accepted_region(claim: Claim) -> Region | None:
    """Return the region around the claim's first target in the claim's unit, or None without target or margin.

    The margin of a ratio is a factor. The region is open below for ``at_most`` and above for ``at_least``. Where better
    is no failure, it is open on the better side, toward smaller errors or larger effects.
    """
    if not claim.targets or claim.margin is None:
        return None
    target, margin = claim.targets[0].value, claim.margin
    low, high = (target / margin, target * margin) if claim.kind == "ratio" else (target - margin, target + margin)
    more_is_better = claim.kind != "single_value" or any(word in claim.estimand for word in _MORE_IS_BETTER)
    if claim.relation == "at_most" or (claim.better_is_no_failure and not more_is_better):
        low = -math.inf
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
    low, high = (None if end is None else math.log(end) for end in (estimate.low, estimate.high))
    logs = replace(estimate, value=math.log(estimate.value), low=low, high=high)
    if region is None:
        return logs, None
    return logs, Region(math.log(region.low) if region.low > 0 else -math.inf, math.log(region.high))


def significant_sign(estimate: Estimate, terms: Terms) -> int:
    """Return the sign, 1 or -1, of an effect that is significant by its corrected p; 0 where it is not."""
    if not terms.compares or estimate.p_value is None or estimate.p_value * terms.p_factor >= SIGNIFICANT_P:
        return 0
    return 1 if estimate.value > 0 else -1


def decide(estimate: Estimate, n_seeds: int, terms: Terms) -> str:
    """Return the verdict of the decision table, limited by scale, schedule and an estimand chosen afterward."""
    verdict = limit(_table(estimate, n_seeds, terms), terms, significant_sign(estimate, terms))
    is_small = n_seeds > 1 and is_negligible(estimate, terms.negligible_within)
    verdict = NO_EFFECT if verdict == INCONCLUSIVE and is_small else verdict
    return limit_chosen_afterward(verdict) if terms.chosen_afterward else verdict


def _table(estimate: Estimate, n_seeds: int, terms: Terms) -> str:
    if n_seeds < 2:
        return INCONCLUSIVE
    accepted, sign = terms.accepted, significant_sign(estimate, terms)
    if accepted is None:  # only the direction can be judged
        return {1: DIRECTION, 0: INCONCLUSIVE, -1: NOT_REPRODUCED}[sign]
    if accepted.holds(estimate) and (sign > 0 or not terms.compares):
        return REPRODUCED
    if sign > 0:
        return DIRECTION if accepted.overlaps(estimate) else DIRECTION_ONLY
    return INCONCLUSIVE if accepted.overlaps(estimate) else NOT_REPRODUCED


def limit(verdict: str, terms: Terms, sign: int) -> str:
    """Return the verdict that scale and schedule allow; ``sign`` is that of a significant effect, else 0.

    A reduced or synthetic scale and a schedule of another length can neither reproduce the published size nor rule it
    out: there only a significant effect of the other sign is ``not reproduced``, and only at the full schedule.
    """
    if terms.scale not in LIMITED_SCALES and terms.schedule == "full":
        return verdict
    if verdict in (REPRODUCED, DIRECTION_ONLY):
        return DIRECTION if terms.compares else INCONCLUSIVE
    if verdict == NOT_REPRODUCED and (terms.schedule != "full" or sign >= 0):
        return INCONCLUSIVE
    return verdict


def limit_chosen_afterward(verdict: str) -> str:
    """Return the verdict allowed for an estimand chosen after its runs: a direction at most, never a refutation.

    Whoever may choose among estimands can find one by which a claim holds, or fails.
    """
    allowed = {REPRODUCED: DIRECTION, DIRECTION_ONLY: DIRECTION, NO_EFFECT: INCONCLUSIVE, NOT_REPRODUCED: INCONCLUSIVE}
    return allowed.get(verdict, verdict)


def judge_beside(verdict: str, test: Estimate) -> str:
    """Return the verdict on a narrower gap between test and training error, with the test error beside it.

    A net that fits its training images worse has a narrower gap too. So a narrower gap shows less overfitting only with
    a lower test error, and a wider gap refutes it only with a higher one. Otherwise the verdict is ``inconclusive``.

    Args:
        verdict: by the gap alone.
        test: the points by which the ingredient lowers the test error.
    """
    if verdict in (REPRODUCED, DIRECTION, DIRECTION_ONLY):
        return verdict if test.low > 0 else INCONCLUSIVE
    if verdict == NOT_REPRODUCED:
        return verdict if test.high < 0 else INCONCLUSIVE
    return verdict


def seeds_to_settle(estimate: Estimate, terms: Terms) -> int | None:
    """Return the least number of seeds per arm that would settle the verdict if value and spread stayed as they are.

    The result is None where no number up to 10,000 would, or where a single run shows no spread.
    """
    if estimate.std is None:
        return None

    def settles(n: int) -> bool:
        half = expected_half_width(estimate, n, terms.confidence)
        p_value = expected_p_value(estimate, n) if terms.compares else None
        narrowed = replace(estimate, low=estimate.value - half, high=estimate.value + half, p_value=p_value)
        return decide(narrowed, n, terms) != INCONCLUSIVE

    found = least_seeds(settles)
    if found is None:
        return None
    return max(found, estimate.n + 1)  # the present n is inconclusive, so at least one seed more
