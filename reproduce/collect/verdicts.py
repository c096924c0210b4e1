"""Judging each claim by its listed runs, and saying why. The rules themselves are in ``rules``."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import pandas as pd

from reproduce.collect import rules, statistics
from reproduce.collect.claims import Claim
from reproduce.collect.estimands import values_of_arm
from reproduce.collect.reasons import explain, unit_of
from reproduce.collect.rules import Outcome, Terms
from reproduce.collect.runs import longest_shared, went_wrong
from reproduce.collect.statistics import Estimate
from reproduce.collect.unmade import why_unmade
from reproduce.config import Study
from reproduce.errors import ReproduceError

# What the runs of one arm must agree in, since their mean would otherwise mix different questions.
_AGREED = ("epochs", "schedule", "scale", "dataset", "precision", "views")


@dataclass(frozen=True)
class Verdict:
    """One row of the verdict table.

    ``epochs`` are those of the runs' schedules (of both arms, where they differ), in words; ``authors_log`` is the
    figure of the authors' own run notes or docs, where there is one beside the target. ``estimate``, ``low``,
    ``high`` (the 95 % interval), ``half_width`` and ``margin`` are in ``unit``, but a ratio's margin is a factor.
    ``n_seeds`` (of the smaller arm), ``seeds_planned`` and ``seeds_to_settle`` count seeds per arm, ``n_by_arm`` the
    values in the order of the claim's arms. ``p_value`` is two-sided, of no difference between them. ``negligible``:
    whether the interval lies within ``negligible_within`` of zero, where that bound was fixed.
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
    half_width: float | None = None
    negligible_within: float | None = None
    negligible: bool | None = None
    seeds_to_settle: int | None = None
    command: str | None = None
    runs: list[str] = field(default_factory=list)
    source_check: str | None = None
    source_check_why: str | None = None

    def as_row(self) -> dict[str, Any]:
        """Return the fields by name, in order."""
        return asdict(self)


def judge(claims: Sequence[Claim], runs: pd.DataFrame, studies: Sequence[Study] = ()) -> list[Verdict]:
    """Judge every claim, in order.

    Args:
        claims: as ``load_claims`` gives them.
        runs: the frame of ``runs.read_runs`` for all studies.
        studies: those read; of a claim without runs, its study says why there are none.

    Raises:
        ReproduceError: runs lack a claim's estimand, or the runs of one arm are not of one kind.
    """
    return [_judge_claim(claim, runs, studies) for claim in claims]


def _judge_claim(claim: Claim, runs: pd.DataFrame, studies: Sequence[Study]) -> Verdict:
    if claim.kind == "arithmetic":
        verdict, derived = rules.TRUE if claim.holds() else rules.FALSE, claim.targets[1]
        return _verdict(claim, verdict, f"{derived.expression}", estimate=derived.value)
    if claim.kind == "source_check" and claim.source_check is not None:
        return _verdict(claim, rules.SOURCE_CHECK, claim.source_check.why)
    if claim.not_run is not None:
        return _verdict(claim, rules.NOT_RUN, claim.not_run.reason, command=claim.not_run.command)
    arms = arms_of(claim, runs)
    if any((arm["status"] == "missing").all() for arm in arms):
        why, command = why_unmade(claim, runs, studies)
        return _verdict(claim, rules.NOT_RUN, why, command=command)
    return _judge_arms(claim, arms)


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


def arms_of(claim: Claim, runs: pd.DataFrame) -> list[pd.DataFrame]:
    """Return the rows of each arm that the claim is judged by, at the longest schedule that all arms have runs of.

    Raises:
        ReproduceError: the runs of one arm are not of one kind.
    """
    of_study = runs[runs["study"] == claim.study]
    arms = [of_study[of_study["variant"] == arm] for arm in claim.arms]
    arms = longest_shared(arms) if arms else []
    for name, arm in zip(claim.arms, arms, strict=True):
        existing = arm[arm["status"] != "missing"]
        for column in _AGREED:
            if existing[column].nunique() > 1:
                mixed = ", ".join(sorted(map(str, existing[column].unique())))
                raise ReproduceError(
                    f"claim {claim.id}: runs of {claim.study}/{name} mix {column} {mixed}; list one kind"
                )
    return arms


def _judge_arms(claim: Claim, arms: list[pd.DataFrame]) -> Verdict:
    listed = pd.concat(arms)
    existing = listed[listed["status"] != "missing"]
    schedule = next((schedule for schedule in existing["schedule"] if schedule != "full"), "full")
    epochs = " and ".join(map(str, sorted(existing["epochs"].unique())))
    facts = {
        "scale": _scale(claim, existing),
        "schedule": schedule,
        "epochs": epochs,
        "runs": existing["run_id"].tolist(),
    }
    if claim.kind not in ("single_value", "gain", "difference", "ratio"):
        return _verdict(claim, rules.INCONCLUSIVE, "no number was fixed to judge it by; see the notebooks", **facts)
    values = [values_of_arm(arm, claim.estimand, f"claim {claim.id}") for arm in arms]
    facts["n_by_arm"] = [*map(len, values)]
    if not all(values):
        lacking = _gaps(listed) or "a finished run has none of its own"
        return _verdict(claim, rules.INCONCLUSIVE, f"an arm has no value: {lacking}", **facts)
    estimate, n_seeds = _estimate(claim, arms, values), min(map(len, values))
    compares, accepted = claim.kind != "single_value", rules.accepted_region(claim)
    terms = Terms(compares, accepted, facts["scale"], schedule, facts["epochs"], len(arms))
    outcome = _decide(claim, estimate, n_seeds, terms, failed=any(map(went_wrong, arms)))
    why = explain(claim, estimate, n_seeds, terms, outcome)
    facts |= {key: getattr(estimate, key) for key in ("low", "high", "method", "p_value", "half_width")}
    facts |= {"estimate": estimate.value, "n_seeds": n_seeds}
    facts |= {"seeds_to_settle": outcome.seeds_to_settle, "negligible": outcome.negligible}
    return _verdict(claim, outcome.verdict, "; ".join(filter(None, [why, _gaps(listed)])), **facts)


def _decide(claim: Claim, estimate: Estimate, n_seeds: int, terms: Terms, failed: bool) -> Outcome:
    """Return the outcome.

    A good verdict, or that an effect is negligible, is withheld where runs failed or seeds were left out: those left
    may be those that went well. Neither is given before the planned seeds are there: stopping when the interval
    pleases would make it too narrow.
    """
    if claim.kind == "ratio":
        estimate, region = rules.in_logs(estimate, terms.accepted)
        terms = replace(terms, accepted=region)
    verdict = rules.decide(estimate, n_seeds, terms)
    if failed and verdict in (rules.REPRODUCED, rules.DIRECTION):
        return Outcome(rules.INCONCLUSIVE, withheld=True)
    if claim.seeds_planned is not None and n_seeds < claim.seeds_planned and verdict != rules.INCONCLUSIVE:
        return Outcome(rules.INCONCLUSIVE, seeds_to_settle=claim.seeds_planned)
    needed = rules.seeds_to_settle(estimate, terms) if verdict == rules.INCONCLUSIVE else None
    needed = max(needed, claim.seeds_planned or 0) if needed else None
    is_complete = not failed and n_seeds >= (claim.seeds_planned or 0)
    negligible = rules.is_negligible(estimate, claim.negligible_within) if is_complete else None
    return Outcome(verdict, needed, negligible=negligible)


def _scale(claim: Claim, existing: pd.DataFrame) -> str:
    """Return the scale at which runs speak to the claim: a claim of another data set is met at reduced scale."""
    dataset, scale = str(existing["dataset"].iloc[0]), str(existing["scale"].iloc[0])
    if scale in rules.LIMITED_SCALES or claim.dataset is None:
        return scale
    same = _plain(dataset) == _plain(claim.dataset)
    return "reduced" if claim.scale in rules.LIMITED_SCALES or not same else scale


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name.lower()))


def _gaps(listed: pd.DataFrame) -> str:
    """Return in words which listed runs gave no value; empty where all did."""
    counts = listed.loc[listed["status"] != "finished", "status"].value_counts().sort_index()
    return ", ".join(f"{count} of {len(listed)} listed runs {status}" for status, count in counts.items())


def _estimate(claim: Claim, arms: list[pd.DataFrame], values: list[list[float]]) -> Estimate:
    """Return the estimate in the claim's unit; a lone test error gets the interval of its test images.

    Two arms are compared as independent (Welch), with the correlation over shared seeds reported: pairing because it
    was seen to narrow the interval would make the interval too narrow.
    """
    if claim.kind == "gain":
        return statistics.paired_difference(values[0], [0.0] * len(values[0]))
    if claim.kind != "single_value":
        estimate = (statistics.ratio if claim.kind == "ratio" else statistics.welch_difference)(*values)
        return statistics.with_correlation(
            estimate, *(_by_seed(arm, value) for arm, value in zip(arms, values, strict=True))
        )
    if len(values[0]) == 1 and claim.estimand.startswith("test_") and claim.estimand.endswith("_error_percent"):
        images = int(arms[0].loc[arms[0]["status"] == "finished", "test_images"].iloc[0])
        alone = statistics.wilson(round(values[0][0] / 100 * images), images)
        return replace(alone, method=f"one seed; {alone.method}")
    return statistics.mean_interval(values[0])


def _by_seed(arm: pd.DataFrame, values: list[float]) -> dict[int, float]:
    return dict(zip(arm.loc[arm["status"] == "finished", "seed"], values, strict=True))
