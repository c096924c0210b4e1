"""Judging each claim by its listed runs, and saying why. The rules themselves are in ``rules``."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import pandas as pd

from reproduce.judge import rules
from reproduce.judge.measured import COMPARED, Measured, arms_by_plan, arms_of, gaps, measure
from reproduce.judge.reasons import confidence_percent, explain, unit_of
from reproduce.judge.restrictions import restrict
from reproduce.judge.row_tables import BEFORE_ALL_SEEDS
from reproduce.judge.rules import Outcome, Terms
from reproduce.judge.unmade import why_unmade
from reproduce.runs import statistics
from reproduce.runs.table import went_wrong
from reproduce.study.claims import Claim
from reproduce.study.study import Study


@dataclass(frozen=True)
class Verdict:
    """One row of the verdict table.

    ``estimate``, the interval's ends ``low`` and ``high``, ``half_width`` and ``margin`` are in ``unit``, except that
    the margin of a ratio is a factor. There is no interval and no p before every planned seed is made.

    Attributes:
        epochs: length of the runs' schedules in words; both lengths where the arms differ.
        authors_log: figure of the authors' own run notes or docs, where the claim has one.
        n_seeds: number of seeds of the smaller arm.
        seeds_planned, seeds_to_settle: numbers of seeds per arm.
        n_by_arm: number of values of each arm, in the order of the claim's arms.
        p_value: two-sided p for the hypothesis that the arms do not differ.
        p_value_holm: that p corrected for the study's other claims; it decides.
        negligible: whether the interval lies within ``negligible_within`` of zero, where that bound was fixed.
        precision, processors: those of the runs. In bf16 the same seed is another draw on another processor.
    """

    claim_id: str
    statement: str
    source: str
    kind: str
    dataset: str | None
    scale: str
    schedule: str | None
    epochs: str | None
    protocol: str | None
    target_kind: str | None
    target_value: float | None
    unit: str | None
    margin: float | None
    seeds_planned: int | None
    authors_log: float | None
    verdict: str
    why: str
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    n_seeds: int = 0
    n_by_arm: list[int] = field(default_factory=list)
    method: str | None = None
    p_value: float | None = None
    p_value_holm: float | None = None
    confidence_percent: float | None = None
    half_width: float | None = None
    negligible_within: float | None = None
    negligible: bool | None = None
    seeds_to_settle: int | None = None
    command: str | None = None
    precision: str | None = None
    processors: list[str] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    source_check: str | None = None
    source_check_why: str | None = None

    def as_row(self) -> dict[str, Any]:
        """Return the fields by name, in order."""
        return asdict(self)


def judge(claims: Sequence[Claim], runs: pd.DataFrame, studies: Sequence[Study] = ()) -> list[Verdict]:
    """Judge every claim, in order.

    Args:
        claims: all claims, since Holm's correction of one p counts all judged claims of the same study.
        runs: the frame of ``table.read_runs`` for all studies.
        studies: all studies; they tell why a claim has no runs.

    Raises:
        ReproduceError: runs lack a claim's estimand, or the runs of one arm differ in schedule, scale, data set,
            precision, views or length.
    """
    measured = [_measure(claim, runs, studies) for claim in claims]
    corrected = _corrected_p_values(claims, measured)
    return [each if isinstance(each, Verdict) else _judge(each, corrected.get(each.claim.id)) for each in measured]


def _corrected_p_values(claims: Sequence[Claim], measured: Sequence[Measured | Verdict]) -> dict[str, float | None]:
    """Return each claim's p after Holm's correction within its study.

    Claims still to be run, or short of their planned seeds, belong to the family too and have no p yet. So the p of the
    others does not rise once these are run.
    """
    complete = [each for each in measured if isinstance(each, Measured) and each.is_complete]
    p_values = {each.claim.id: _p_value(each) for each in complete if not each.claim.not_judged}
    families: dict[str, dict[str, float | None]] = {}
    for claim in claims:
        if claim.study and claim.kind in COMPARED and not claim.not_judged:
            families.setdefault(claim.study, {})[claim.id] = p_values.get(claim.id)
    return {name: p for family in families.values() for name, p in statistics.holm(family).items()}


def _p_value(measured: Measured) -> float | None:
    """Return the estimate's p, multiplied by the number of looks at its runs (Bonferroni)."""
    p_value = measured.estimate.p_value
    return None if p_value is None else min(1.0, p_value * measured.claim.looks)


def _measure(claim: Claim, runs: pd.DataFrame, studies: Sequence[Study]) -> Measured | Verdict:
    """Return the claim's estimate from its runs, or its verdict where it needs no estimate."""
    if claim.kind == "arithmetic":
        verdict, derived = rules.TRUE if claim.holds() else rules.FALSE, claim.targets[1]
        return _verdict(claim, verdict, f"{derived.expression}", estimate=derived.value)
    if claim.kind == "source_check" and claim.source_check is not None:
        return _verdict(claim, rules.SOURCE_CHECK, claim.source_check.why)
    if claim.not_run is not None:
        return _verdict(claim, rules.NOT_RUN, claim.not_run.reason, command=claim.not_run.command)
    arms = arms_of(claim, runs)
    if not arms or any((arm["status"] == "missing").all() for arm in arms):
        why, command = why_unmade(claim, runs, studies)
        return _verdict(claim, rules.NOT_RUN, why, command=command)
    return measure(claim, arms_by_plan(claim, arms), listed=arms)


def _verdict(claim: Claim, verdict: str, why: str, **fields: Any) -> Verdict:
    target = claim.targets[0] if claim.targets else None
    row = Verdict(
        claim_id=claim.id,
        statement=claim.statement,
        source=claim.source,
        kind=claim.kind,
        dataset=claim.dataset,
        scale=claim.scale,
        schedule=None,
        epochs=None,
        protocol=claim.protocol,
        target_kind=target.kind if target else None,
        target_value=target.value if target else None,
        unit=target.unit if target else unit_of(claim.estimand, claim.kind),
        margin=claim.margin,
        seeds_planned=claim.seeds_planned,
        negligible_within=claim.negligible_within,
        authors_log=next((t.value for t in claim.targets if t.kind == "authors_log"), None),
        verdict=verdict,
        why=why,
        source_check=claim.source_check.finding if claim.source_check else None,
        source_check_why=claim.source_check.why if claim.source_check else None,
    )
    return replace(row, **fields)


def _judge(measured: Measured, p_value_holm: float | None) -> Verdict:
    """Return the verdict by the planned seeds; its reasons say what all seeds would give, where there are more."""
    claim, estimate = measured.claim, measured.estimate
    if estimate is None:
        return _verdict(claim, rules.INCONCLUSIVE, measured.lacking, **measured.facts, n_by_arm=measured.n_by_arm)
    p_factor = p_value_holm / estimate.p_value if estimate.p_value and p_value_holm else float(claim.looks)
    outcome, why = _outcome(measured, p_factor)
    facts = measured.facts | {"n_by_arm": measured.n_by_arm, "n_seeds": measured.seeds, "estimate": estimate.value}
    facts |= {key: getattr(estimate, key) for key in ("low", "high", "method", "p_value", "half_width")}
    facts |= {} if measured.has_planned_seeds else BEFORE_ALL_SEEDS | {"half_width": None}
    facts |= {"p_value_holm": p_value_holm, "confidence_percent": confidence_percent(claim)}
    facts |= {"seeds_to_settle": outcome.seeds_to_settle, "negligible": outcome.negligible}
    reasons = [why, gaps(pd.concat(measured.arms))]
    if measured.has_planned_seeds:
        reasons.append(_by_all_seeds(measured, p_factor))
    return _verdict(claim, outcome.verdict, "; ".join(filter(None, reasons)), **facts)


def _outcome(measured: Measured, p_factor: float) -> tuple[Outcome, str]:
    terms = _terms(measured, p_factor)
    outcome = _decide(measured, terms)
    why = explain(measured.claim, measured.estimate, measured.n_by_arm, terms, outcome)
    return restrict(measured.claim, measured.arms if measured.has_planned_seeds else [], outcome, why)


def _by_all_seeds(measured: Measured, p_factor: float) -> str:
    """Return the verdict by all seeds in words, where there are more than planned; empty elsewhere."""
    every = measure(measured.claim, measured.listed)
    if every.n_by_arm == measured.n_by_arm or every.estimate is None:
        return ""
    outcome, why = _outcome(every, p_factor)
    seeds = " and ".join(map(str, every.n_by_arm))
    return f"seeds beyond the planned ones decide nothing; with {seeds} seeds: {outcome.verdict}, {why}"


def _terms(measured: Measured, p_factor: float) -> Terms:
    claim = measured.claim
    return Terms(
        compares=claim.kind in COMPARED,
        accepted=rules.accepted_region(claim),
        scale=measured.facts["scale"],
        schedule=measured.facts["schedule"],
        epochs=measured.facts["epochs"],
        arms=len(measured.arms),
        p_factor=p_factor,
        negligible_within=claim.negligible_within,
        confidence=confidence_percent(claim) / 100,
        chosen_afterward=claim.chosen_afterward,
    )


def _decide(measured: Measured, terms: Terms) -> Outcome:
    """Return the outcome.

    A good verdict, or the finding that an effect is negligible, is withheld where runs failed or seeds were left out,
    since the runs that remain may be those that went well. It is also withheld before the planned seeds are there,
    since stopping when the interval pleases would make the interval too narrow.
    """
    claim, estimate, n_seeds = measured.claim, measured.estimate, measured.seeds
    if claim.kind == "ratio":
        estimate, region = rules.in_logs(estimate, terms.accepted)
        terms = replace(terms, accepted=region)
    verdict = rules.decide(estimate, n_seeds, terms)
    plans = [claim.planned_of(arm) or 0 for arm in range(len(measured.arms))]
    has_failed = any(map(went_wrong, measured.arms))
    if not measured.has_planned_seeds:
        return Outcome(rules.INCONCLUSIVE, seeds_to_settle=None if has_failed else max(plans), withheld=has_failed)
    if has_failed:
        is_good = verdict in (rules.REPRODUCED, rules.DIRECTION, rules.DIRECTION_ONLY, rules.NO_EFFECT)
        is_withheld = is_good or verdict == rules.INCONCLUSIVE
        return Outcome(rules.INCONCLUSIVE, withheld=True) if is_withheld else Outcome(verdict)
    needed = None
    if verdict == rules.INCONCLUSIVE:
        is_another_look = claim.seeds_planned is not None
        needed = rules.seeds_to_settle(estimate, _with_another_look(claim, terms) if is_another_look else terms)
        needed = max(needed, min(plans)) if needed else None
    return Outcome(verdict, needed, negligible=rules.is_negligible(estimate, claim.negligible_within))


def _with_another_look(claim: Claim, terms: Terms) -> Terms:
    """Return the terms of seeds planned now, after this look at the runs."""
    looks = claim.looks + 1
    p_factor = terms.p_factor * looks / claim.looks
    return replace(terms, p_factor=p_factor, confidence=statistics.confidence_at(looks))
