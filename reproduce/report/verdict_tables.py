"""Verdicts in words, as the README and the notebooks list them: published value, ours, seeds, setting, and reason."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from reproduce.base.text import amount_words, unit_words, verdict_words
from reproduce.judge import rules
from reproduce.judge.rules import NOT_RUN
from reproduce.report.records import Records, estimate_words
from reproduce.study.claims import Claim


def verdict_table(records: Records, study: str | None = None) -> pd.DataFrame:
    """Return in words the verdict on each claim that names a study, with the published value, ours and the setting.

    Claims without runs are in the table as ``not run``; ``study`` selects one study's claims.
    """
    of_study = {claim.id for claim in records.claims if claim.study and study in (None, claim.study)}
    rows = [
        _verdict_row(row, records.claim(row.claim_id))
        for row in records.verdicts.itertuples()
        if row.claim_id in of_study
    ]
    return pd.DataFrame(
        rows, columns=["claim", "published", "authors' log", "ours (95 % interval)", "seeds", "setting", "verdict"]
    )


def ablations_run(records: Records) -> pd.DataFrame:
    """Return the verdicts on ingredients that have runs, in the words of ``verdict_table``, by ingredient."""
    rows = [
        {"ingredient": claim.ablation, **_verdict_row(row, claim)}
        for row in records.verdicts[records.verdicts["verdict"].ne(NOT_RUN)].itertuples()
        if (claim := records.claim(row.claim_id)).study and claim.ablation
    ]
    return pd.DataFrame(sorted(rows, key=lambda row: row["ingredient"].lower()))


def _verdict_row(row: tuple, claim: Claim) -> dict[str, object]:
    unit = unit_words(row.unit)
    targets = {kind: [t.value for t in claim.targets if t.kind == kind] for kind in ("published", "authors_log")}
    ours = "-"
    if pd.notna(row.estimate):
        ours = estimate_words(row, unit)
    parts = [row.dataset, f"{row.scale} scale"]
    parts += [f"{row.schedule} schedule"] if pd.notna(row.schedule) else []
    parts += [row.precision] if pd.notna(row.precision) else []
    return {
        "claim": row.statement,
        "published": ", ".join(amount_words(value, row.unit) for value in targets["published"])
        or ("-" if claim.targets else "direction only"),
        "authors' log": ", ".join(amount_words(value, row.unit) for value in targets["authors_log"]) or "-",
        "ours (95 % interval)": ours,
        "seeds": seeds_by_arm(row, claim),
        "setting": ", ".join(parts),
        "verdict": bold_verdict(row),
    }


def seeds_by_arm(row: Any, claim: Claim) -> str:
    """Return each arm's number of values, and the number of planned seeds where the smaller arm has fewer."""
    values = str(row.n_by_arm).split(";") if pd.notna(row.n_by_arm) else ["0"]
    counts = " and ".join(f"{float(n):.0f}" for n in values)
    is_short = claim.seeds_planned is not None and row.n_seeds < claim.seeds_planned
    return f"{counts} of {claim.seeds_planned}" if is_short else counts


def bold_verdict(row: Any) -> str:
    """Return a row's verdict in bold, followed by ``smallness``."""
    words = verdict_words(row.verdict, row.negligible_within, row.unit)
    return f"**{words}**{smallness(row)}"


def smallness(row: Any) -> str:
    """Return the bound below which the effect lies, as words after the verdict.

    Empty where the effect is not negligible, and for the verdict ``no effect``, whose name has the bound.
    """
    is_said = row.negligible is True and row.verdict != rules.NO_EFFECT
    return f", under {row.negligible_within:g}{unit_words(row.unit)}" if is_said else ""


def reasons_table(records: Records, study: str) -> pd.DataFrame:
    """Return why each claim of a study got its verdict."""
    of_study = {claim.id for claim in records.claims if claim.study == study}
    chosen = records.verdicts[records.verdicts["claim_id"].isin(of_study)]
    return chosen[["claim_id", "verdict", "why"]].reset_index(drop=True)


def source_checks(claims: Sequence[Claim], popular_only: bool = False) -> pd.DataFrame:
    """Return the claims that were compared with the literature: ``claim``, ``said in``, ``finding``, ``why``.

    ``popular_only`` keeps the claims of popular accounts of AlexNet.
    """
    checked = [claim for claim in claims if claim.source_check and (claim.account or not popular_only)]
    rows = [(c.statement, c.source, f"**{c.source_check.finding}**", c.source_check.why) for c in checked]
    return pd.DataFrame(rows, columns=["claim", "said in", "finding", "why"])
