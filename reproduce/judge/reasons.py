"""Saying in words why a verdict was given: where the interval lies, what restricts it, what would settle it."""

import math
from collections.abc import Sequence

from reproduce.base.text import figures, unit_words
from reproduce.judge.rules import INCONCLUSIVE, LIMITED_SCALES, NO_EFFECT, SIGNIFICANT_P, Outcome, Region, Terms
from reproduce.runs.statistics import Estimate, confidence_at
from reproduce.study.claims import Claim


def unit_of(estimand: str | None, kind: str = "single_value") -> str | None:
    """Return the unit in an estimand's name: its last word, or the word before ``_to_``.

    The difference of two percentages is in percentage points.
    """
    if estimand is None or kind == "ratio":
        return "ratio" if kind == "ratio" else None
    if estimand.endswith("_percentage_points"):
        return "percentage_points"
    counted, goal, _ = estimand.partition("_to_")
    unit = counted if goal else estimand.rpartition("_")[2]
    if unit == "second":
        return "images_per_second"
    return "percentage_points" if unit == "percent" and kind in ("difference", "gain") else unit


def explain(claim: Claim, estimate: Estimate, n_by_arm: Sequence[int], terms: Terms, outcome: Outcome) -> str:
    """Return the reasons for a verdict on measured runs, in one line.

    Args:
        claim: the claim judged, for its unit and plan.
        estimate: in the claim's unit (a ratio not in logs), as is the accepted region in ``terms``.
        n_by_arm: seeds of each arm.
        terms: the terms of the verdict.
        outcome: the verdict and what would settle it.
    """
    n_seeds = min(n_by_arm)
    plans = [claim.planned_of(arm) or 0 for arm in range(len(n_by_arm))]
    short = [f"{there} of {planned}" for there, planned in zip(n_by_arm, plans, strict=True) if there < planned]
    parts = [] if short else [_position(claim, estimate, n_seeds, terms)]
    parts.append(_restriction(terms))
    if outcome.negligible:
        unit, bound = unit_words(unit_of(claim.estimand, claim.kind)), f"{claim.negligible_within:g}"
        is_verdict = outcome.verdict == NO_EFFECT
        within = f"it lies within {bound}{unit} of 0, by its own interval, which is not corrected for other claims"
        parts.append(within if is_verdict else f"more than {bound}{unit} either way is ruled out")
    if short and not outcome.withheld:
        made = " and ".join(dict.fromkeys(short))
        parts.append(f"interval and verdict wait for the planned seeds: {made} are made")
    elif outcome.verdict == INCONCLUSIVE:
        parts.append(_settling(n_seeds, terms, outcome))
    if claim.looked_at_seeds:
        earlier = " and ".join(map(str, claim.looked_at_seeds))
        parts.append(
            f"more seeds were planned after a look at {earlier}{'' if short else '; interval and p allow for it'}"
        )
    return "; ".join(filter(None, parts))


def _position(claim: Claim, estimate: Estimate, n_seeds: int, terms: Terms) -> str:
    """Return where the interval lies, in words."""
    if n_seeds < 2:
        return "one seed only"
    unit = unit_words(claim.targets[0].unit if claim.targets else unit_of(claim.estimand, claim.kind))
    parts = [f"{confidence_percent(claim):g} % interval {' to '.join(figures(estimate.low, estimate.high))}{unit}"]
    if terms.compares:
        null = 1 if claim.kind == "ratio" else 0
        side = "above" if estimate.low > null else "below" if estimate.high < null else "on both sides of"
        parts.append(f"lies {side} {null}")
        p_value = min(1.0, (estimate.p_value or 0.0) * terms.p_factor)
        if side != "on both sides of" and p_value >= SIGNIFICANT_P:
            parts.append(f"p is {p_value:.3g} once corrected for the study's other claims")
    if terms.accepted is not None:
        inside, overlaps = terms.accepted.holds(estimate), terms.accepted.overlaps(estimate)
        where = "lies inside" if inside else "overlaps" if overlaps else "lies outside"
        parts.append(f"{where} {_range(terms.accepted)}")
    elif claim.targets:
        parts.append("no margin was fixed")
    return parts[0] + " " + " and ".join(parts[1:]) if parts[1:] else f"no published value; {parts[0]}"


def confidence_percent(claim: Claim) -> float:
    """Return the confidence of a claim's interval: 95 %, or more where its runs were looked at before (Bonferroni)."""
    return round(100 * confidence_at(claim.looks), 10)


def _range(region: Region) -> str:
    if math.isinf(region.low):
        return f"at most {figures(region.high)[0]}"
    if math.isinf(region.high):
        return f"at least {figures(region.low)[0]}"
    return " to ".join(figures(region.low, region.high))


def _restriction(terms: Terms) -> str:
    if terms.schedule != "full":
        length = f" to {terms.epochs} epochs" if terms.epochs else ""
        return f"the schedule is {terms.schedule}{length}, so the published figure is neither reproduced nor refuted"
    if terms.scale in LIMITED_SCALES:
        return f"{terms.scale} scale, so the published figure itself is not judged"
    return ""


def _settling(n_seeds: int, terms: Terms, outcome: Outcome) -> str:
    if outcome.withheld:
        return "a run that gave no value cannot be averaged over"
    if n_seeds < 2:
        return "two or more are needed"
    if outcome.seeds_to_settle is None:
        return "more seeds would not settle it"
    each = " per arm" if terms.compares and terms.arms == 2 else ""
    return f"about {outcome.seeds_to_settle} seeds{each} would settle it"
