"""What each ingredient is credited with, at every scale: the claims that name an ablation, and what their runs gave."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from reproduce.data.registry import DATASETS
from reproduce.judge.verdicts import Verdict
from reproduce.study.claims import Claim

COLUMNS = [
    *("ablation", "claim", "statement", "study", "arms", "estimand", "unit", "scale", "schedule", "dataset"),
    *("relation", "published", "authors_log", "estimate", "low", "high", "seeds_planned", "n_first", "n_second"),
    *("method", "p_value", "p_value_holm", "negligible_within", "negligible", "verdict", "seeds_to_settle", "runs"),
]
_FLOATS = ["published", "authors_log", "estimate", "low", "high", "p_value", "p_value_holm", "negligible_within"]
_COUNTS = ["seeds_planned", "n_first", "n_second", "seeds_to_settle"]


def ablation_table(claims: Sequence[Claim], verdicts: Sequence[Verdict], runs: pd.DataFrame) -> pd.DataFrame:
    """Return one row per claim with an ablation, those of one ablation together, in the claims' order.

    A claim without runs stays, with the verdict ``not run``. ``p_value_holm`` is the verdict's: corrected within all
    judged claims of its study.

    Args:
        claims: all claims.
        verdicts: one a claim, in the same order.
        runs: the frame of ``runs.read_runs``, for the data set that a verdict's runs saw.
    """
    judged = [pair for pair in zip(claims, verdicts, strict=True) if pair[0].ablation]
    order = list(dict.fromkeys(claim.ablation for claim, _ in judged))
    judged.sort(key=lambda pair: order.index(pair[0].ablation))
    seen = runs.set_index("run_id")["dataset"]
    rows = [_row(claim, verdict, seen) for claim, verdict in judged]
    return pd.DataFrame(rows, columns=COLUMNS).astype(
        dict.fromkeys(_FLOATS, "float64") | dict.fromkeys(_COUNTS, "Int64")
    )


def _row(claim: Claim, verdict: Verdict, datasets: pd.Series) -> dict[str, Any]:
    row: dict[str, Any] = {"claim": claim.id}
    row |= {
        name: getattr(claim, name)
        for name in ("ablation", "statement", "study", "arms", "estimand", "relation", "seeds_planned")
    }
    row |= {kind: _target(claim, kind) for kind in ("published", "authors_log")}
    counts = verdict.n_by_arm or ([0] if claim.kind in ("single_value", "gain") else [0, 0])
    row |= dict(zip(("n_first", "n_second"), counts, strict=False))
    fields = ("unit", "scale", "schedule", "estimate", "low", "high", "method", "p_value", "p_value_holm", "verdict")
    row |= {
        name: getattr(verdict, name) for name in (*fields, "seeds_to_settle", "negligible_within", "negligible", "runs")
    }
    return row | {"dataset": _dataset(claim, datasets.reindex(verdict.runs))}


def _target(claim: Claim, kind: str) -> float | None:
    """Return the claim's first figure of that kind."""
    return next((target.value for target in claim.targets if target.kind == kind), None)


def _dataset(claim: Claim, seen: pd.Series) -> str | None:
    """Return the title of the data set that the runs saw, or the claim's own where there are no runs."""
    return "; ".join(sorted({DATASETS[name].title for name in seen})) or claim.dataset
