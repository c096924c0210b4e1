"""One page per claim: its source, the terms fixed beforehand, the runs, the interval drawn, deviations and citation."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from reproduce.base.errors import ReproduceError
from reproduce.base.files import write_text
from reproduce.base.text import format_number, heading, unit_words
from reproduce.judge.bibliography import entries_of
from reproduce.judge.citation import Citation
from reproduce.judge.measured import arms_by_plan, arms_of
from reproduce.report.figures.claim_interval import claim_interval, interval_words
from reproduce.report.records import Records
from reproduce.report.site.looks import verdict_badge
from reproduce.report.site.notes import Notes, load_notes
from reproduce.report.site.templates import fill
from reproduce.report.site.verdict_page import ours_words, published_words, verdict_rows
from reproduce.report.style import save_svg
from reproduce.runs.estimands import values_of_arm
from reproduce.study.claims import Claim


def write_claims(source: Path, loaded: Records) -> None:
    """Write the page of every claim, and the figure of each that has an interval.

    Raises:
        ReproduceError: a table, the list of deviations or a study is missing or damaged, ``numbers.json`` lacks a
            claim, or a page cannot be written.
    """
    notes, citation = load_notes(), Citation()
    rows = {row.claim_id: row for row in verdict_rows(loaded)}
    for claim in loaded.claims:
        if claim.id not in rows:
            raise ReproduceError(f"results/tables/verdicts.csv lacks the claim {claim.id!r}; run `dvc repro`")
        row = rows[claim.id]
        write_text(
            source / "claims" / f"{claim.id}.md",
            _page(claim, row, loaded, (notes, citation), _draw(claim, row, source)),
        )


def _draw(claim: Claim, row: Any, source: Path) -> dict[str, str] | None:
    if row.low is None:
        return None
    save_svg(claim_interval(claim, row), source / "claims" / f"{claim.id}.svg")
    return {"file": f"{claim.id}.svg", "words": interval_words(claim, row)}


def _page(claim: Claim, row: Any, loaded: Records, known: tuple[Notes, Citation], figure: Any) -> str:
    notes, citation = known
    check_sources(claim)
    seeds = [f"{float(n):.0f}" for n in str(row.n_by_arm).split(";")] if row.n_seeds else []
    return fill(
        "claim.md",
        claim=claim,
        row=row,
        badge=verdict_badge(row),
        ours=ours_words(row),
        published=published_words(row),
        target_kind=str(row.target_kind).replace("_", " "),
        seeds=f"{' and '.join(seeds)} seed{'' if seeds == ['1'] else 's'}",
        figure=figure,
        protocol=claim.protocol,
        unit=unit_words(row.unit),
        margin=_margin(claim, row),
        command=row.command,
        value_name=heading(str(claim.estimand)),
        epochs=str(row.epochs).removesuffix(".0"),
        machines="; ".join(row.processors.split(";")) if row.processors else "",
        runs=_runs(claim, loaded.runs),
        deviations=notes.deviations_of(claim),
        citation=citation.text(_number(claim, citation)),
    )


def check_sources(claim: Claim) -> None:
    """Check that every work with which the claim was compared has a BibTeX entry.

    Raises:
        ReproduceError: a work has none.
    """
    try:
        entries_of(claim.source_check.sources if claim.source_check else [])
    except ReproduceError as error:
        raise ReproduceError(f"claim {claim.id}: {error}") from error


def _number(claim: Claim, citation: Citation) -> Mapping[str, Any]:
    if claim.id not in citation.rows:
        raise ReproduceError(f"results/numbers.json lacks the claim {claim.id!r}; run `dvc repro`")
    return citation.rows[claim.id]


def _margin(claim: Claim, row: Any) -> str:
    if claim.margin is None:
        return ""
    if claim.kind == "ratio":
        return f"of a factor {claim.margin:g}"
    return f"± {claim.margin:g}{unit_words('percentage_points' if row.unit == 'percent' else row.unit)}"


def _runs(claim: Claim, runs: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the listed runs of the claim's arms, each with its value or else its status; empty if no run exists."""
    listed = arms_of(claim, runs)
    if not any(arm["status"].ne("missing").any() for arm in listed):
        return []
    deciding = {run_id for arm in arms_by_plan(claim, listed) for run_id in arm["run_id"]}
    return [_run(claim, arm.iloc[[place]], deciding) for arm in listed for place in range(len(arm))]


def _run(claim: Claim, run: pd.DataFrame, deciding: set[str]) -> dict[str, Any]:
    facts = run.iloc[0]
    finished = facts["status"] == "finished"
    values = values_of_arm(run, claim.estimand, f"claim {claim.id}") if finished and claim.estimand else []
    return {
        **{name: facts[name] for name in ("variant", "epochs", "seed")},
        "value": format_number(values[0]) if values else facts["status"],
        "decides": facts["run_id"] in deciding,
        "ended": facts["finished_utc"][:10] if finished else "-",
        "commit": facts["git_commit"][:10] if finished else "-",
    }
