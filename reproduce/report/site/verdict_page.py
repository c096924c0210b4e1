"""The table of all verdicts, which the reader sorts and filters; the rows are there without JavaScript too."""

from pathlib import Path
from typing import Any

from reproduce.base.files import write_text
from reproduce.base.text import amount_words, unit_words
from reproduce.judge.rules import VERDICTS
from reproduce.report.records import Records, estimate_words
from reproduce.report.site.looks import verdict_badge, verdict_name
from reproduce.report.site.templates import fill
from reproduce.report.verdict_counts import evidence_of

_SOURCES = {  # a claim's source begins with one of these
    "paper": "the paper",
    "cuda-convnet": "cuda-convnet",
    "authors' notes": "the authors' run notes",
    "popular account": "popular account",
    "Coates, Lee & Ng": "earlier work",
    "Perronnin, Sanchez & Mensink": "earlier work",
    "GoogLeNet paper": "later work",
    "He et al. 2016": "later work",
    "NASNet paper": "later work",
    "Torch blog": "later work",
    "Zoph et al. 2018": "later work",
}


def write_verdicts(source: Path, loaded: Records) -> None:
    """Write the page with one row per claim.

    Raises:
        ReproduceError: the verdict table is missing or damaged, or the page cannot be written.
    """
    evidence = evidence_of(loaded.verdicts)
    rows = [_row(row, place) for row, place in zip(verdict_rows(loaded), evidence, strict=True)]
    choices = {name: list(dict.fromkeys(row[name] for row in rows)) for name in ("evidence", "source")}
    names = {(row["order"], name) for row in rows for name in (row["verdict"].partition(":")[0], row["verdict"])}
    choices["verdict"] = [name for _, name in sorted(names)]
    table = fill("verdicts.html", rows=rows, choices=choices)
    write_text(source / "verdicts.md", fill("verdicts.md", table=table, n_claims=len(rows)))


def verdict_rows(loaded: Records) -> list[Any]:
    """Return the rows of the verdict table, with None for missing values."""
    return list(loaded.verdicts.astype(object).where(loaded.verdicts.notna(), None).itertuples())


def _row(row: Any, evidence: str) -> dict[str, Any]:
    return {
        "id": row.claim_id,
        "statement": row.statement,
        "said_in": row.source,
        "source": source_group(row.source),
        "evidence": evidence,
        "published": published_words(row),
        "ours": ours_words(row),
        "seeds": int(row.n_seeds),
        "verdict": verdict_name(row),
        "order": VERDICTS.index(row.verdict),
        "badge": verdict_badge(row),
    }


def source_group(source: str) -> str:
    """Return the kind of a claim's source; an unknown source is a kind of its own."""
    return next((group for start, group in _SOURCES.items() if source.startswith(start)), source)


def published_words(row: Any) -> str:
    """Return the published figure that a claim is compared with, with its unit; empty where the claim has none."""
    if row.target_value is None:
        return ""
    return amount_words(row.target_value, row.unit)


def ours_words(row: Any) -> str:
    """Return our value with its interval and unit, or a calculated value with all digits; empty where there is none."""
    if row.estimate is None:
        return ""
    if row.kind == "arithmetic":
        return f"{row.estimate:,.10g}{unit_words(row.unit)}"
    return estimate_words(row, unit_words(row.unit))
