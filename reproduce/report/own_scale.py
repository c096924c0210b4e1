"""The front page's table of nets judged on CIFAR-10 at their own scale."""

from typing import Any

import pandas as pd

from reproduce.base.text import amount_words, frame_as_markdown, verdict_words, wrapped
from reproduce.judge.rules import NOT_RUN
from reproduce.report.records import Records, estimate_words
from reproduce.report.verdict_tables import seeds_by_arm
from reproduce.study.claims import Claim

_COLUMNS = ("net", "published", "ours (95 % interval)", "seeds", "verdict")


def own_scale_verdicts(records: Records) -> str:
    """Return a table of the claims on CIFAR-10 at its own scale that are judged by test error, in five columns.

    Claims without runs are named below the table, each with its published figure.
    """
    claims = {claim.id: claim for claim in records.claims}
    rows = [row for row in records.verdicts.itertuples() if _is_own_scale(claims[row.claim_id])]
    judged = [_own_scale_row(row, claims[row.claim_id]) for row in rows if row.verdict != NOT_RUN]
    waiting = [_waiting_words(claims[row.claim_id]) for row in rows if row.verdict == NOT_RUN]
    table = frame_as_markdown(pd.DataFrame(judged, columns=_COLUMNS))
    sentence = f"Not run yet (published figure): {', '.join(waiting)}."
    return f"{table}\n\n{wrapped(sentence)}" if waiting else table


def _is_own_scale(claim: Claim) -> bool:
    return claim.scale == "own" and claim.study is not None and claim.estimand == "test_top1_error_percent"


def _waiting_words(claim: Claim) -> str:
    return f"{_arms(claim)} ({_published(claim)})"


def _own_scale_row(row: Any, claim: Claim) -> dict[str, str]:
    cells = (
        _arms(claim),
        _published(claim),
        estimate_words(row, _unit(claim)),
        seeds_by_arm(row, claim),
        verdict_words(row.verdict, row.negligible_within, row.unit),
    )
    return dict(zip(_COLUMNS, cells, strict=True))


def _arms(claim: Claim) -> str:
    return " minus ".join(f"`{arm.rpartition('/')[2]}`" for arm in claim.arms)


def _unit(claim: Claim) -> str:
    return " %" if claim.kind == "single_value" else " points"


def _published(claim: Claim) -> str:
    """Return the published figure, or that only a direction was published."""
    if not claim.targets:
        return "direction only"
    return amount_words(claim.targets[0].value, claim.targets[0].unit)
