"""The front page's table of nets judged on CIFAR-10 at their own scale."""

from typing import Any

import pandas as pd

from reproduce.base.text import figures, frame_as_markdown, verdict_words
from reproduce.judge.rules import NOT_RUN
from reproduce.report.records import Records
from reproduce.study.claims import Claim


def own_scale_verdicts(records: Records) -> str:
    """Return the verdicts on CIFAR-10 at its own scale in five columns, those judged by test error."""
    claims = {claim.id: claim for claim in records.claims}
    judged = [row for row in records.verdicts.itertuples() if _is_own_scale(claims[row.claim_id])]
    return frame_as_markdown(pd.DataFrame([_own_scale_row(row, claims[row.claim_id]) for row in judged]))


def _is_own_scale(claim: Claim) -> bool:
    return claim.scale == "own" and claim.study is not None and claim.estimand == "test_top1_error_percent"


def _own_scale_row(row: Any, claim: Claim) -> dict[str, str]:
    unit = " %" if claim.kind == "single_value" else " points"
    ours = "-"
    if row.verdict != NOT_RUN:
        value, low, high = figures(row.estimate, row.low, row.high)
        ours = f"{value}{unit}" + ("" if pd.isna(row.low) else f" ({low} to {high})")
    return {
        "net": " minus ".join(f"`{arm.rpartition('/')[2]}`" for arm in claim.arms),
        "published": _published(claim, unit),
        "ours (95 % interval)": ours,
        "seeds": _seeds(row, claim),
        "verdict": verdict_words(row.verdict, row.negligible_within, row.unit),
    }


def _published(claim: Claim, unit: str) -> str:
    """Return the published figure, or that only a direction was published."""
    if not claim.targets:
        return "direction only"
    printed = claim.targets[0].value
    return f"{printed:g}{unit.rstrip('s') if printed == 1 else unit}"


def _seeds(row: Any, claim: Claim) -> str:
    there = "0" if row.verdict == NOT_RUN else " and ".join(f"{float(n):.0f}" for n in str(row.n_by_arm).split(";"))
    return f"{there} of {claim.seeds_planned}" if row.n_seeds < claim.seeds_planned else there
