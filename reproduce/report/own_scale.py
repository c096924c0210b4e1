"""The front page's table of nets judged on CIFAR-10 at their own scale."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from reproduce.base.text import amount_words, frame_as_markdown, operations_words, verdict_words, wrapped
from reproduce.judge.rules import NOT_RUN
from reproduce.report.cifar10_methods import most_operations_here
from reproduce.report.records import Records, estimate_words
from reproduce.report.verdict_tables import seeds_by_arm
from reproduce.study.claims import Claim
from reproduce.study.designs import study_and_variant
from reproduce.study.operations import training_operations
from reproduce.study.study import load_study
from reproduce.study.variant import Variant

_COLUMNS = ("net", "published", "ours (95 % interval)", "seeds", "verdict", "further reading")


def own_scale_verdicts(records: Records) -> str:
    """Return a table of the claims on CIFAR-10 at its own scale that are judged by test error.

    A further reading of the same published figure stands in the last column. Claims without runs are named below the
    table, each with its published figure; those too long for the machines used here come last.
    """
    claims = {claim.id: claim for claim in records.claims}
    rows = [row for row in records.verdicts.itertuples() if _is_own_scale(claims[row.claim_id])]
    readings = {row.claim_id: claims[row.claim_id].further_reading_of for row in rows}
    further = {readings[row.claim_id]: row for row in rows if readings[row.claim_id]}
    first = [row for row in rows if not readings[row.claim_id]]
    judged = [_own_scale_row(row, further.get(row.claim_id), claims) for row in first if row.verdict != NOT_RUN]
    table = frame_as_markdown(pd.DataFrame(judged, columns=_COLUMNS))
    sentences = _waiting_sentences([claims[row.claim_id] for row in first if row.verdict == NOT_RUN])
    return f"{table}\n\n{wrapped(sentences)}" if sentences else table


def _is_own_scale(claim: Claim) -> bool:
    return claim.scale == "own" and claim.study is not None and claim.estimand == "test_top1_error_percent"


def _waiting_sentences(waiting: Sequence[Claim]) -> str:
    most, soon, too_long = most_operations_here(), [], []
    for claim in waiting:
        operations = _most_operations(claim)
        if operations <= most:
            soon.append(f"{_arms(claim)} ({_published(claim)})")
        else:
            too_long.append(f"{_arms(claim)} ({_published(claim)}, {operations_words(operations)} operations)")
    sentences = [f"Not run yet (published figure): {', '.join(soon)}."] if soon else []
    sentences += [f"Not run, since too long for the machines used here: {', '.join(too_long)}."] if too_long else []
    return " ".join(sentences)


def _most_operations(claim: Claim) -> int:
    """Return the operations to train the claim's largest network once; zero where it has no network."""
    most = 0
    for arm in claim.arms:
        name, variant_name = study_and_variant(arm, claim.study)
        study = load_study(name)
        variant = study.variant(variant_name)
        if isinstance(variant, Variant):
            most = max(most, training_operations(variant, variant.full_epochs(), study.dataset))
    return most


def _own_scale_row(row: Any, further: Any | None, claims: Mapping[str, Claim]) -> dict[str, str]:
    claim = claims[row.claim_id]
    cells = (
        _arms(claim),
        _published(claim),
        estimate_words(row, _unit(claim)),
        seeds_by_arm(row, claim),
        _verdict(row),
        "-" if further is None else _further_words(further, claims[further.claim_id]),
    )
    return dict(zip(_COLUMNS, cells, strict=True))


def _further_words(row: Any, claim: Claim) -> str:
    """Return a further reading in one cell: its arm, and what it makes where it has runs."""
    if row.verdict == NOT_RUN:
        return f"{_arms(claim)}: not run"
    return f"{_arms(claim)}: {estimate_words(row, _unit(claim))}, {seeds_by_arm(row, claim)} seeds, {_verdict(row)}"


def _verdict(row: Any) -> str:
    return verdict_words(row.verdict, row.negligible_within, row.unit)


def _arms(claim: Claim) -> str:
    return " minus ".join(f"`{arm.rpartition('/')[2]}`" for arm in claim.arms)


def _unit(claim: Claim) -> str:
    return " %" if claim.kind == "single_value" else " points"


def _published(claim: Claim) -> str:
    """Return the published figure, one of the authors' notes as such, or that only a direction was published."""
    if not claim.targets:
        return "direction only"
    target = claim.targets[0]
    notes = " (authors' notes)" if target.kind == "authors_log" else ""
    return amount_words(target.value, target.unit) + notes
