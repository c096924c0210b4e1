"""Write the generated parts of a Markdown page, blocks and single numbers between markers, and find stale ones.

A block is the text between ``<!-- begin:NAME -->`` and ``<!-- end:NAME -->``. A number is the text between ``<!-- n:ID
-->`` and ``<!-- /n -->``: its value with interval, seeds and, unless the scale is the claim's own, the scale. After
``<!-- n:ID:lower -->`` a difference is said with a word in place of its sign: "lower" where it is above zero, "higher"
where it is below. After ``<!-- n:ID:higher -->`` it is the reverse. After ``<!-- n:ID:verdict -->`` stands the claim's
verdict, with a capital letter where the page has one.
"""

import re
import textwrap
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from reproduce.base.errors import ReproduceError
from reproduce.base.files import reading, write_text
from reproduce.base.paths import RESULTS, relative_to_repo
from reproduce.base.tables import read_table
from reproduce.base.text import frame_as_markdown
from reproduce.judge.bibliography import own_entry
from reproduce.judge.citation import Citation
from reproduce.judge.numbers import cited_number, find_number, read_numbers
from reproduce.judge.rules import NOT_RUN
from reproduce.report import answers, effects, facts
from reproduce.report.own_scale import own_scale_verdicts
from reproduce.report.records import Records
from reproduce.report.speed import training_time
from reproduce.report.speed.timing_tables import load_timings
from reproduce.report.studies import common, own_blocks
from reproduce.report.verdict_counts import verdict_counts
from reproduce.report.verdict_tables import ablations_run, source_checks, verdict_table

Numbers = Mapping[str, Mapping[str, Any]]

_BLOCK = re.compile(r"(<!-- begin:(?P<name>[\w-]+) -->)(?P<body>.*?)(<!-- end:(?P=name) -->)", re.DOTALL)
_BLOCK_MARKER = re.compile(r"<!-- (?:begin|end):([\w-]+) -->")
_NUMBER = re.compile(
    r"(<!-- n:(?P<id>[\w.-]+?)(?::(?P<form>lower|higher|verdict))? -->)(?P<text>.*?)(<!-- /n -->)", re.DOTALL
)
_NUMBER_MARKER = re.compile(r"<!-- (?:n:[^>]*|/n) -->")
_MINUS = re.compile(r"(?<![\w.])-(?=\d)")
_EXAMPLE, _EXAMPLE_LINES = "small-lrn-top1", 4


def _not_run(records: Records) -> str:
    waiting = records.verdicts[records.verdicts["verdict"].eq(NOT_RUN)]
    shown = waiting[["statement", "why"]].rename(columns={"statement": "claim"})
    return frame_as_markdown(shown.assign(command=[f"`{c}`" if pd.notna(c) else "-" for c in waiting["command"]]))


def _training_days(records: Records) -> str:
    found, days = training_time.claims_on_days(records.claims), training_time.days_beside_claims(load_timings())
    return f"{frame_as_markdown(found)}\n\n{frame_as_markdown(days)}"


def _training_cost(records: Records) -> str:
    return training_time.cost_words(load_timings())


def _cite_example(records: Records) -> str:
    """Return the first lines that ``cite`` prints of one number, and the BibTeX entry of the project."""
    citation = Citation()
    lines = citation.lines(find_number(_EXAMPLE))[:_EXAMPLE_LINES]
    entry = own_entry("alexnet-2012-reproduction", "", citation.project)
    fields = entry.removesuffix("\n}").split(",\n  ")
    return "\n".join(["```text", *lines, "```", "```bibtex", *textwrap.wrap(", ".join(fields) + "}", 120), "```"])


def _facts(records: Records) -> facts.Facts:
    days = read_table(
        RESULTS / "tables" / "training_days.csv",
        "system evidence precision kind days_low days_mid days_high timed_steps",
    )
    return facts.facts_of(records, read_numbers(), days)


BLOCKS: dict[str, Callable[[Records], str]] = {
    "cite-example": _cite_example,
    "answers": lambda records: answers.answers_table(_facts(records)),
    "effects": lambda records: effects.test_error_effects_table(_facts(records)),
    "own-scale-verdicts": lambda records: own_scale_verdicts(records),
    "verdicts": lambda records: frame_as_markdown(verdict_table(records)),
    "verdict-counts": lambda records: frame_as_markdown(verdict_counts(records)),
    "ablations-run": lambda records: frame_as_markdown(ablations_run(records)),
    "not-run": _not_run,
    "training-days": _training_days,
    "training-cost": _training_cost,
    "source-checks": lambda records: frame_as_markdown(source_checks(records.claims, popular_only=True)),
}
"""Blocks of all studies together, by the names of their markers."""


def has_markers(page: Path) -> bool:
    """Return whether a page has generated parts."""
    text = _read(page)
    return bool(_BLOCK_MARKER.search(text) or _NUMBER_MARKER.search(text))


def update_page(page: Path, numbers: Numbers, records: Records) -> bool:
    """Write every block and marked number of ``page`` anew; return whether anything changed.

    Args:
        page: a Markdown page with markers.
        numbers: rows of ``results/numbers.json`` by id.
        records: ``records.load_records()``.

    Raises:
        ReproduceError: a block or number is unknown, a marker has no partner, or the page cannot be written.
    """
    old = _read(page)
    new = render(old, numbers, records, relative_to_repo(page))
    if new != old:
        write_text(page, new)
    return new != old


def stale_parts(page: Path, numbers: Numbers, records: Records) -> list[str]:
    """Return kind and name of each block and number of a page that differs from its text as generated now."""
    text = _read(page)
    fresh = render(text, numbers, records, relative_to_repo(page))
    return [
        f"{what} {old[key]}"
        for what, pattern, key in (("block", _BLOCK, "name"), ("number", _NUMBER, "id"))
        for old, new in zip(pattern.finditer(text), pattern.finditer(fresh), strict=True)
        if old[0] != new[0]
    ]


def render(text: str, numbers: Numbers, records: Records, where: str) -> str:
    """Return ``text`` with blocks and numbers filled in; ``where`` names the page in errors."""
    _check_pairs(text, where)
    text = _BLOCK.sub(lambda found: f"{found[1]}\n{_block(found['name'], records, where)}\n{found[4]}", text)
    return _NUMBER.sub(lambda found: f"{found[1]}{_number(found, numbers, where)}{found[5]}", text)


def _read(page: Path) -> str:
    with reading(page):
        return page.read_text(encoding="utf-8")


def _check_pairs(text: str, where: str) -> None:
    without = _BLOCK.sub("", text)
    if odd := _BLOCK_MARKER.search(without):
        raise ReproduceError(
            f"{where}: the marker {odd[0]} has no partner; write <!-- begin:NAME --> and <!-- end:NAME -->"
        )
    if odd := _NUMBER_MARKER.search(_NUMBER.sub("", without)):
        raise ReproduceError(f"{where}: the marker {odd[0]} has no partner; write <!-- n:ID -->text<!-- /n -->")


def _block(name: str, records: Records, where: str) -> str:
    known = BLOCKS | own_blocks()
    for study in sorted({claim.study for claim in records.claims if claim.study}):
        for kind, block in common.BLOCKS.items():
            known[f"{kind}-{study.replace('_', '-')}"] = partial(block, study=study)
    if name not in known:
        raise ReproduceError(f"{where}: there is no block {name!r}; known: {', '.join(known)}")
    return known[name](records)


def _number(found: re.Match[str], numbers: Numbers, where: str) -> str:
    if found["id"] not in numbers:
        raise ReproduceError(
            f"{where}: no number {found['id']!r} in results/numbers.json; correct the id or run `dvc repro`"
        )
    row, form = numbers[found["id"]], found["form"]
    if form == "verdict":
        return _verdict(row, found["text"], where)
    if form and row["unit"] != "percentage_points":
        raise ReproduceError(f"{where}: {found['id']} is no difference in points; drop ':{form}' from its marker")
    text = effects.cited_effect(row, form) if form else cited_number(row)
    return _MINUS.sub("\N{MINUS SIGN}", text)


def _verdict(row: Mapping[str, Any], text: str, where: str) -> str:
    """Return a claim's verdict; its first letter is as large as that of ``text``, which stood there."""
    if row["kind"] != "claim":
        raise ReproduceError(f"{where}: {row['id']} is no claim; drop ':verdict' from its marker")
    verdict = row["verdict"]
    return verdict[:1].upper() + verdict[1:] if text[:1].isupper() else verdict
