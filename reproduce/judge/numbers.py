"""The file of all numbers that may be cited, ``results/numbers.json``: written, read, searched, and printed."""

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, model_validator

from reproduce.base.errors import ReproduceError
from reproduce.base.files import read_json, write_json
from reproduce.base.paths import RESULTS, relative_to_repo
from reproduce.base.text import figures, fixed, unit_words
from reproduce.base.validation import validated
from reproduce.judge.few_seeds import few_seeds
from reproduce.judge.rules import LIMITED_SCALES

NUMBERS_FILE = RESULTS / "numbers.json"
SCHEMA_VERSION = "1.0"

_MOST_OF_EACH = 4  # ids suggested for a wrong id, by each kind of likeness
_PRINTED_KINDS = ("published", "drop")  # shown with the decimals of their sources

Row = Mapping[str, Any]


class _CitedArm(BaseModel):
    variant: str
    seeds: int
    epochs: int
    full_epochs: int | None


class _CitedFigure(BaseModel):
    value: float
    unit: str | None
    kind: str
    where: str


class _Cited(BaseModel):
    """The fields of a number that are checked when the file is read; ``number_rows`` writes them."""

    model_config = ConfigDict(strict=True, extra="allow", allow_inf_nan=False)

    id: str
    kind: str
    quantity: str | None
    statement: str | None
    value: float | int | None
    low: float | None
    high: float | None
    unit: str | None
    method: str | None
    n_seeds: int
    dataset: str | None
    scale: str | None
    schedule: str | None
    protocol: str | None
    runs: list[str]
    arms: list[_CitedArm]
    n_images: int | None
    git_commits: list[str]
    precision: list[str]
    hardware: list[str]
    date: str | None
    verdict: str | None = None
    target_value: float | None = None
    target_kind: str | None = None
    margin: float | None = None
    why: str | None = None
    command: str | None = None
    figures: list[_CitedFigure] = []
    sources: list[str] = []
    confidence_percent: float | None = None
    n_groups: int = 1

    @model_validator(mode="after")
    def _interval_is_whole(self) -> Self:
        if (self.low is None) != (self.high is None):
            raise ValueError(f"{self.id} has only one end of an interval")
        return self


class _Numbers(BaseModel):
    numbers: list[_Cited]


def write_numbers(path: Path, rows: Sequence[Row], citation: Row) -> None:
    """Write ``numbers.json``: its schema, the project's version and license, and the rows.

    The file cannot name the commit that contains it. So it names the version, and in ``git_tag`` the tag of the
    version's commit.

    Args:
        path: the file.
        rows: the rows that ``build_rows`` returns.
        citation: ``bibliography.read_citation()``.

    Raises:
        ReproduceError: two rows have the same id.
    """
    refuse_made_twice(rows)
    header = {
        "$schema": "numbers.schema.json",
        "schema_version": SCHEMA_VERSION,
        "title": citation["title"],
        "version": citation["version"],
        "git_tag": f"v{citation['version']}",
        "license": citation["license"],
        "confidence_percent": 95,
    }
    write_json(path, header | {"numbers": list(rows)})


def refuse_made_twice(rows: Iterable[Row]) -> None:
    """Check that every id of rows to be written is that of one row.

    Raises:
        ReproduceError: an id is that of several rows; the message names it.
    """
    _refuse_twice(rows, "is made twice; rename a claim, variant or comparison")


def _refuse_twice(rows: Iterable[Row], words: str) -> None:
    """Check that every id is that of one row.

    Raises:
        ReproduceError: an id is that of several rows; the message names it, followed by ``words``.
    """
    for number_id, count in Counter(row["id"] for row in rows).items():
        if count > 1:
            raise ReproduceError(f"number {number_id!r} {words}")


def read_file(path: Path = NUMBERS_FILE) -> dict[str, Any]:
    """Return ``numbers.json`` whole.

    Raises:
        ReproduceError: the file is missing or damaged.
    """
    content = read_json(path)
    if not isinstance(content, dict) or not isinstance(content.get("numbers"), list):
        raise ReproduceError(f"{relative_to_repo(path)} has no list of numbers; run `dvc repro`")
    validated(_Numbers, content, relative_to_repo(path), "run `dvc repro`")
    _refuse_twice(content["numbers"], f"stands twice in {relative_to_repo(path)}; run `dvc repro`")
    return content


def read_numbers(path: Path = NUMBERS_FILE) -> dict[str, dict[str, Any]]:
    """Return the rows of ``numbers.json`` by id.

    Raises:
        ReproduceError: the file is missing or damaged.
    """
    return {row["id"]: row for row in read_file(path)["numbers"]}


def find_number(number_id: str, path: Path = NUMBERS_FILE) -> dict[str, Any]:
    """Return one row of ``numbers.json``.

    Raises:
        ReproduceError: there is no such number; the message names ids that share a beginning or words.
    """
    rows = read_numbers(path)
    if number_id in rows:
        return rows[number_id]
    near = similar_ids(number_id, rows)
    hint = f"similar ids: {', '.join(near)}; " if near else ""
    raise ReproduceError(
        f"no number {number_id!r} in {relative_to_repo(path)}; {hint}`python -m reproduce cite --list TEXT` finds more"
    )


def similar_ids(number_id: str, known: Mapping[str, Any]) -> list[str]:
    """Return known ids that begin with a wrong id, then ids spelled like it, then ids that share the most words."""
    wanted = set(_words(number_id))
    shared = {name: len(wanted.intersection(_words(name))) for name in known}
    most = max(shared.values(), default=0)

    def likest(names: Iterable[str]) -> list[str]:
        return sorted(names, key=lambda name: difflib.SequenceMatcher(None, number_id, name).ratio(), reverse=True)

    begin = likest(name for name in known if number_id and name.startswith(number_id))
    words = likest(name for name in known if 0 < shared[name] == most)
    spelled = difflib.get_close_matches(number_id, known, n=_MOST_OF_EACH, cutoff=0.6)
    return list(dict.fromkeys([*begin[:_MOST_OF_EACH], *spelled, *words[: 2 * _MOST_OF_EACH]]))[: 2 * _MOST_OF_EACH]


def matching(text: str, rows: Mapping[str, Row]) -> list[Row]:
    """Return the rows that have every word of ``text``; an empty text finds all rows.

    A word may stand in the id, statement, quantity, data set, verdict, source or caveat.
    """
    wanted = text.lower().split()
    fields = ("id", "statement", "quantity", "dataset", "verdict", "source", "caveat")
    return [
        row
        for row in rows.values()
        if all(word in " ".join(str(row.get(name) or "") for name in fields).lower() for word in wanted)
    ]


def _words(number_id: str) -> list[str]:
    return [word for word in re.split(r"[-._\s]+", number_id.lower()) if len(word) > 1]


def cited_number(row: Row) -> str:
    """Return a number as it is cited: value, unit, interval, seeds, and the label of a reduced or synthetic scale."""
    if row["value"] is None:
        return row.get("verdict") or "no value"
    value, *ends = shown_values(row)
    return f"{value}{unit_words(row['unit'])}{number_details(row, ends)}"


def number_details(row: Row, ends: list[str]) -> str:
    """Return what stands in brackets behind a number: interval, seeds, and a reduced scale or another schedule.

    Args:
        row: a row of ``numbers.json``.
        ends: the ends of the interval as they are shown; empty where no interval is.
    """
    details = [f"{row.get('confidence_percent') or 95:g} % interval {' to '.join(ends)}"] if ends else []
    if few := few_seeds(row):
        details.append(few)
    if row["n_seeds"] and not (few or "").startswith("two seeds:"):
        groups = f" in {row['n_groups']} groups" if (row.get("n_groups") or 1) > 1 else ""
        details.append(f"{seeds_words(row)}{groups}")
    details += [f"{row['scale']} scale"] if row["scale"] in LIMITED_SCALES else []
    details += [f"{row['schedule']} schedule"] if row["schedule"] not in (None, "full") else []
    return f" ({', '.join(details)})" if details else ""


def shown_values(row: Row) -> list[str]:
    """Return a number's value, and the ends of its interval where one is shown, rounded to its precision.

    A published figure has the decimals of its source. An end below 0 or above 100 %, as a t-interval of few values may
    have, is shown as 0 or 100 %.
    """
    has_interval = row["low"] is not None and not few_seeds(row)
    known = [row["value"], *([row["low"], row["high"]] if has_interval else [])]
    if row["unit"] == "percent":
        known = [min(max(number, 0), 100) for number in known]
    in_points = row["unit"] == "percentage_points"  # digits beyond two decimals are the seeds' noise
    value, *ends = [fixed(number, 2) for number in known] if in_points else figures(*known)
    if isinstance(row["value"], int):  # a whole number is a count
        value = str(row["value"])
    elif row.get("kind") in _PRINTED_KINDS:
        value = f"{row['value']:.10g}"
    return [value, *ends]


def seeds_words(row: Row) -> str:
    """Return the count of seeds in words; where arms differ, of each arm: "5 and 8 seeds"."""
    counts = [arm["seeds"] for arm in row.get("arms") or []]
    if len(set(counts)) < 2 or row.get("n_groups"):
        return f"{row['n_seeds']} seed{'s' if row['n_seeds'] > 1 else ''}"
    *first, last = map(str, counts)
    return f"{', '.join(first)} and {last} seeds"
