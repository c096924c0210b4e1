"""Limits on a verdict beyond the decision table: a test error beside a gap, a late estimand, a claim not judged."""

from collections.abc import Sequence

import pandas as pd

from reproduce.base.text import figures
from reproduce.judge import rules
from reproduce.judge.rules import Outcome
from reproduce.runs import statistics
from reproduce.runs.estimands import values_of_arm
from reproduce.runs.statistics import Estimate
from reproduce.study.claims import Claim

_TRAINING = "training_top1_error_percent"


def restrict(claim: Claim, arms: Sequence[pd.DataFrame], outcome: Outcome, why: str) -> tuple[Outcome, str]:
    """Return the outcome under the claim's further terms, and the reasons.

    Args:
        claim: the claim judged.
        arms: rows of the claim's runs, by arm; empty before every planned seed is made.
        outcome: the outcome by the decision table.
        why: the reasons for that outcome.
    """
    if claim.not_judged:
        return Outcome(rules.NOT_JUDGED), claim.not_judged
    if claim.chosen_afterward:
        why += "; the claim, or what it measures, was chosen when its runs were known: it shows a direction at most"
    return _beside(claim, arms, outcome, why) if claim.beside and arms else (outcome, why)


def _beside(claim: Claim, arms: Sequence[pd.DataFrame], outcome: Outcome, why: str) -> tuple[Outcome, str]:
    test, training = (_lowered_by(claim, arms, name) for name in (claim.beside, _TRAINING))
    if test.low is None:
        return outcome, why
    verdict = rules.judge_beside(outcome.verdict, test)
    parts = [why, f"beside it the test error is {_compared(test)} and the training error {_compared(training)}"]
    if verdict != outcome.verdict:
        parts.append("the gap alone does not show it: a net that fits its training images worse has a narrower gap too")
        outcome = Outcome(verdict)
    return outcome, "; ".join(parts)


def _lowered_by(claim: Claim, arms: Sequence[pd.DataFrame], estimand: str) -> Estimate:
    return statistics.welch_difference(*(values_of_arm(arm, estimand, f"claim {claim.id}") for arm in arms))


def _compared(lowered: Estimate) -> str:
    """Return in words by how much the second arm's error is lower or higher than the first's."""
    low, high = figures(lowered.low, lowered.high)
    if lowered.low > 0:
        return f"lower by {low} to {high} points"
    if lowered.high < 0:
        return f"higher by {high.removeprefix('-')} to {low.removeprefix('-')} points"
    return f"not shown to differ ({low.removeprefix('-')} points higher to {high} lower)"
