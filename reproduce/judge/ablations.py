"""The table of ablations: one row per claim about an ingredient, with the gain claimed and the gain measured."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from reproduce.data.registry import DATASETS
from reproduce.judge.verdicts import Verdict
from reproduce.study.claims import Claim


@dataclass(frozen=True)
class AblationRow:
    """One row of ablations.csv: a claim that credits an ingredient, and its verdict.

    ``p_value_holm`` is the p that the verdict follows: corrected over all judged claims of the claim's study.
    """

    ablation: str
    claim: str
    statement: str
    study: str | None
    arms: list[str]
    estimand: str | None
    unit: str | None
    scale: str
    schedule: str | None
    dataset: str | None
    relation: str
    margin: float | None
    published: float | None
    authors_log: float | None
    estimate: float | None
    low: float | None
    high: float | None
    confidence_percent: float | None
    seeds_planned: int | None
    n_first: int | None
    n_second: int | None
    method: str | None
    p_value: float | None
    p_value_holm: float | None
    negligible_within: float | None
    negligible: bool | None
    verdict: str
    seeds_to_settle: int | None
    runs: list[str]


def ablation_rows(claims: Sequence[Claim], verdicts: Sequence[Verdict], runs: pd.DataFrame) -> list[AblationRow]:
    """Return one row per claim with an ablation, grouped by ablation, in the claims' order.

    A claim without runs stays, with the verdict ``not run``.

    Args:
        claims: all claims.
        verdicts: one per claim, in the same order.
        runs: the frame of ``table.read_runs``, for the data set that a verdict's runs saw.
    """
    judged = [pair for pair in zip(claims, verdicts, strict=True) if pair[0].ablation]
    order = list(dict.fromkeys(claim.ablation for claim, _ in judged))
    judged.sort(key=lambda pair: order.index(pair[0].ablation))
    seen = runs.set_index("run_id")["dataset"]
    return [_row(claim, verdict, seen) for claim, verdict in judged]


def _row(claim: Claim, verdict: Verdict, datasets: pd.Series) -> AblationRow:
    has_one_arm = claim.kind in ("single_value", "gain")
    n_first, n_second = [*verdict.n_by_arm, None, None][:2] if verdict.n_by_arm else (0, None if has_one_arm else 0)
    return AblationRow(
        ablation=claim.ablation,
        claim=claim.id,
        statement=claim.statement,
        study=claim.study,
        arms=claim.arms,
        estimand=claim.estimand,
        unit=verdict.unit,
        scale=verdict.scale,
        schedule=verdict.schedule,
        dataset=_dataset(claim, datasets.reindex(verdict.runs)),
        relation=claim.relation,
        margin=claim.margin,
        published=_target(claim, "published"),
        authors_log=_target(claim, "authors_log"),
        estimate=verdict.estimate,
        low=verdict.low,
        high=verdict.high,
        confidence_percent=verdict.confidence_percent,
        seeds_planned=claim.seeds_planned,
        n_first=n_first,
        n_second=n_second,
        method=verdict.method,
        p_value=verdict.p_value,
        p_value_holm=verdict.p_value_holm,
        negligible_within=verdict.negligible_within,
        negligible=verdict.negligible,
        verdict=verdict.verdict,
        seeds_to_settle=verdict.seeds_to_settle,
        runs=verdict.runs,
    )


def _target(claim: Claim, kind: str) -> float | None:
    """Return the claim's first figure of that kind."""
    return next((target.value for target in claim.targets if target.kind == kind), None)


def _dataset(claim: Claim, seen: pd.Series) -> str | None:
    """Return the title of the data set that the runs saw, or the claim's own where there are no runs."""
    return "; ".join(sorted({DATASETS[name].title for name in seen})) or claim.dataset
