"""Citing a number: everything a reader needs to trust it, and entries for a bibliography, in five formats."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from reproduce.base.errors import ReproduceError
from reproduce.base.git import commit_of
from reproduce.base.paths import relative_to_repo
from reproduce.base.text import unit_words
from reproduce.data.registry import DATASETS
from reproduce.judge import bibliography
from reproduce.judge.exports import as_csv, as_latex_text
from reproduce.judge.few_seeds import few_seeds
from reproduce.judge.numbers import (
    NUMBERS_FILE,
    SCHEMA_VERSION,
    Row,
    cited_number,
    find_number,
    matching,
    read_file,
    read_numbers,
)
from reproduce.judge.rules import NOT_RUN
from reproduce.runs import places

PAPER_KEY = "krizhevsky2012imagenet"

_FIGURE_WORDS = {"authors_log": "authors' log"}
# Order of the kinds in ``list_numbers``: claims and questions first, other measurements last.
_LISTED = ["claim", "comparison", "effect", "drop", "published", "analysis", "groups", "mean"]


class Citation:
    """The numbers of one file, with the version and commit under which they are cited."""

    def __init__(self, numbers: Path = NUMBERS_FILE, citation: Path = bibliography.CITATION_FILE) -> None:
        """Read the file and ``CITATION.cff``.

        Raises:
            ReproduceError: one of them is missing, damaged, or of another version.
        """
        self.numbers = numbers
        self.project = bibliography.read_citation(citation)
        self.rows = read_numbers(numbers)
        self.head = {name: value for name, value in read_file(numbers).items() if name != "numbers"}
        if self.head.get("schema_version") != SCHEMA_VERSION:
            found = self.head.get("schema_version", "none")
            raise ReproduceError(
                f"{relative_to_repo(numbers)} has schema version {found}, not {SCHEMA_VERSION}; run `dvc repro collect`"
            )
        self.commit = commit_of(numbers)

    def text(self, row: Row) -> str:
        """Return the number in lines, and the entries to cite."""
        return "\n".join([*self.lines(row), "", self.bibtex(row)])

    def lines(self, row: Row) -> list[str]:
        """Return the lines of ``text`` before the BibTeX entries; they are the same in every copy of the file."""
        lines = [f"{row['id']}: {first_line(row)}", *described(row, self.numbers.parent)]
        lines.append(f"record: {self._record()}, id {row['id']}, version {self.head['version']}")
        if url := self.project.get("repository-code") or self.project.get("url"):
            lines.append(f"url: {url}")
        if not is_own(row):
            published = row["kind"] == "published" or row.get("target_kind") == "published"
            lines.append(f"to cite: {'the source' if published else 'the claim; there is no number to cite yet'}")
        return lines

    def _record(self) -> str:
        return relative_to_repo(self.numbers)

    def bibtex(self, row: Row) -> str:
        """Return BibTeX entries: this project's, where it made the number or finding, and those of the sources."""
        entries = []
        if is_own(row):
            commit = f", commit {self.commit}" if self.commit else ""
            judged = f"; verdict: {row['verdict']}" if row.get("verdict") and row["value"] is not None else ""
            note = f"{row['id']}: {first_line(row)}{judged}; {self._record()}{commit}"
            entries.append(bibliography.own_entry(bibliography.own_key(row["id"]), note, self.project))
        return "\n\n".join([*entries, *bibliography.entries_of(sources(row))])

    def latex(self, row: Row) -> str:
        """Return the number as LaTeX text with ``\\cite`` of the entries that ``bibtex`` gives."""
        own = [bibliography.own_key(row["id"])] if is_own(row) else []
        keys = list(dict.fromkeys([*own, *map(bibliography.key_of, sources(row))]))
        return rf"{as_latex_text(first_line(row))}~\cite{{{','.join(keys)}}}"

    def json(self, rows: Sequence[Row]) -> str:
        """Return rows as JSON, with the head of the file and the commit."""
        content = {name: value for name, value in self.head.items() if name != "$schema"}
        return json.dumps(content | {"commit": self.commit, "numbers": list(rows)}, indent=1, ensure_ascii=False)


def cite(
    number_id: str,
    form: str = "text",
    numbers: Path = NUMBERS_FILE,
    citation: Path = bibliography.CITATION_FILE,
) -> str:
    """Return one number in a format: ``text``, ``bibtex``, ``latex``, ``json`` or ``csv``.

    Raises:
        ReproduceError: there is no such number, or a file that it needs cannot be read.
    """
    number = find_number(number_id, numbers)
    return _formatted([number], form, Citation(numbers, citation))


def list_numbers(
    text: str,
    form: str = "text",
    numbers: Path = NUMBERS_FILE,
    citation: Path = bibliography.CITATION_FILE,
) -> str:
    """Return the numbers that have every word of ``text``: one line each, or in a format of ``cite``.

    Raises:
        ReproduceError: a file that it needs cannot be read.
    """
    known = Citation(numbers, citation)
    rows = matching(text, known.rows)
    if form == "text":
        rows = sorted(rows, key=lambda row: _LISTED.index(row["kind"]))
        return "\n".join(f"{row['id']}: {first_line(row)}" for row in rows) or f"no number has {text!r}"
    return _formatted(rows, form, known)


def _formatted(rows: Sequence[Row], form: str, citation: Citation) -> str:
    if form == "json":
        return citation.json(rows)
    if form == "csv":
        return as_csv(rows).rstrip("\n")
    if form == "bibtex":  # several numbers may stand in one work, and BibTeX stops at an entry given twice
        return "\n\n".join(dict.fromkeys(entry for row in rows for entry in citation.bibtex(row).split("\n\n")))
    single: Callable[[Row], str] = getattr(citation, form)
    return ("\n" if form == "latex" else "\n\n").join(map(single, rows))


def is_own(row: Row) -> bool:
    """Return True where this project measured or computed the number, or checked the claim behind it."""
    return row["kind"] != "published" and (row["value"] is not None or bool(row.get("finding")))


def sources(row: Row) -> list[str]:
    """Return the works behind a number: its claim's, or the reproduced paper where it belongs to no claim."""
    return row.get("sources") or [PAPER_KEY]


def first_line(row: Row) -> str:
    """Return a number, a finding or a published figure in one line that can be read alone."""
    if row["value"] is None and row.get("finding"):
        not_run = "not run here; by its sources " if row["verdict"] == NOT_RUN else ""
        printed = row.get("target_kind") == "published" and not not_run
        figure = f"{_figure(row['figures'][0])}, as published; " if printed else ""
        return f"{figure}{not_run}{row['finding']}: {row['finding_why']}"
    if row["value"] is None and row.get("target_kind") == "published":
        return f"{_figure(row['figures'][0])}, as published; {row['verdict']} here"
    if row["kind"] == "published":
        return f"{row['quantity']} {cited_number(row)}, as published"
    if row["kind"] == "drop":
        before, after = (f"{figure['value']:.10g}" for figure in row["figures"])
        return f"from {before} to {after} %, a drop of {cited_number(row)}, on {row['protocol']}"
    return cited_number(row)


def described(row: Row, results: Path) -> Iterator[str]:
    """Yield what a reader needs to trust a number, one line each.

    Args:
        row: a row of ``numbers.json``.
        results: the results folder, which holds the runs.
    """
    if row["statement"]:
        name = {"claim": "claim", "published": "figure"}.get(row["kind"], "question")
        source = f" ({row['source']})" if row.get("source") else ""
        yield f"{name}: {row['statement']}{source}"
    for figure in row.get("figures", []):
        yield f"{_FIGURE_WORDS.get(figure['kind'], figure['kind'])}: {_figure(figure)}"
    yield from _judged(row)
    if row["quantity"]:
        unit = (row["unit"] or "").replace("_", " ")
        yield f"quantity: {row['quantity']}{f', in {unit}' if unit and row['unit'] != 'ratio' else ''}"
    if row["dataset"]:
        yield f"data: {_data(row)}"
    if row["protocol"]:
        yield f"protocol: {row['protocol']}"
    yield from _runs(row, results)
    for name in ("method", "caveat", "read_in"):
        if row.get(name) and not (name == "method" and few_seeds(row)):
            yield f"{name.replace('_', ' ')}: {row[name]}"
    if row.get("verification"):
        yield f"verification: {row['verification']} (codes: paper_notes/data_dictionary.md)"
    if row.get("sources"):
        yield f"sources: {'; '.join(row['sources'])}"
    if row["git_commits"]:
        yield f"code: commit {', '.join(commit[:12] for commit in row['git_commits'])}"
        precision = f", computed in {' and '.join(row['precision'])}" if row["precision"] else ""
        yield f"hardware: {'; '.join(row['hardware'])}{precision}"
        yield f"date: {row['date']}, when the last run ended"


def _data(row: Row) -> str:
    names = (DATASETS[name].title if name in DATASETS else name for name in row["dataset"].split("; "))
    images = f", {row['n_images']:,} test images" if row["n_images"] else ""
    scale = "from the literature" if row["scale"] == "literature" else row["scale"] and f"{row['scale']} scale"
    return f"{' and '.join(names)}{images}{f'; {scale}' if scale else ''}"


def _judged(row: Row) -> Iterator[str]:
    verdict = row.get("verdict")
    is_check = row["value"] is None and bool(row.get("finding")) and verdict != NOT_RUN
    if row.get("finding") and row["value"] is not None:
        yield f"finding: {row['finding']}; {row['finding_why']}"
    if not verdict or is_check:
        return  # the first line of a source check already gives the finding
    margin = f" with a margin of {row['margin']:g}" if row["margin"] is not None else ""
    target = row["target_value"]
    held = "" if target is None else f", held against {target:.10g}{unit_words(row['unit'])}{margin}"
    yield f"verdict: {verdict}{held if verdict != NOT_RUN else ''}"
    yield f"because: {row['why']}"
    if row["command"]:
        yield f"to run it: {row['command']}"


def _runs(row: Row, results: Path) -> Iterator[str]:
    """Yield one line per arm: its runs' place, seeds and epochs, and the length of the source's schedule."""
    for arm in row["arms"]:
        start = f"{arm['variant']}/epochs{arm['epochs']}/seed"
        runs = [run for run in row["runs"] if run.startswith(start)]
        folder = places.found_at(runs[0], results / "runs").parent.relative_to(results.parent).as_posix()
        seeds = ", ".join(run.removeprefix(start) for run in runs)
        full = f" of {arm['full_epochs']}" if arm["full_epochs"] else ""
        yield f"run: {folder}: {arm['epochs']}{full} epochs, {'seeds' if len(runs) > 1 else 'seed'} {seeds}"


def _figure(figure: dict[str, Any]) -> str:
    return f"{figure['value']:,.10g}{unit_words(figure['unit'])} ({figure['where']})"
