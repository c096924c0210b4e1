"""Making the tables again from the records, and finding the first place where a committed file differs."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reproduce.base.errors import shortened
from reproduce.base.temporaries import TemporaryFolder
from reproduce.judge.collect import collect
from reproduce.study.claims import load_claims
from reproduce.study.study import Study

_SHOWN_BEFORE = 20  # characters of a long line before the first difference


def remake_tables(studies: Sequence[Study], root: Path) -> dict[str, str]:
    """Collect the listed runs into a temporary folder; return where each committed file differs, by its path.

    Files that are the same are in the result with an empty text.

    Raises:
        ReproduceError: a record is missing or damaged.
    """
    claims = load_claims(root / "paper_notes" / "claims.yaml")
    with TemporaryFolder("reproduce-remade-") as folder:
        collect(studies, Path(folder), root / "results" / "runs", claims)
        return compare_folders(Path(folder), root / "results", root)


def compare_folders(fresh: Path, committed: Path, root: Path) -> dict[str, str]:
    """Return for each file below ``fresh`` where the one below ``committed`` differs, by its path below ``root``."""
    files = sorted(path for path in fresh.rglob("*") if path.is_file())
    pairs = [(path, committed / path.relative_to(fresh)) for path in files]
    return {there.relative_to(root).as_posix(): difference(there, made.read_bytes()) for made, there in pairs}


def difference(path: Path, made: bytes) -> str:
    """Return the first place at which a committed file is not ``made``, in words; empty where it is."""
    if not path.is_file():
        return "it is missing"
    content = path.read_bytes().replace(b"\r\n", b"\n")  # changed line endings are a fault of their own
    if content == made:
        return ""
    find = {".json": _in_json, ".csv": _in_csv}.get(path.suffix, _in_text)
    try:
        return find(content.decode(), made.decode())
    except (ValueError, LookupError, TypeError, AttributeError):  # the edit broke its form
        return _in_text(content.decode(errors="replace"), made.decode())


def _in_json(content: str, made: str) -> str:
    """Compare the rows of numbers.json by id."""
    old, new = json.loads(content), json.loads(made)
    rows = {row["id"]: row for row in old["numbers"]}
    for row in new["numbers"]:
        there = rows.get(row["id"])
        if there is None:
            return f"the row {row['id']} is missing"
        for key in [*row, *there]:
            if there.get(key) != row.get(key):
                return _words(f"row {row['id']}, {key}", there.get(key), row.get(key))
    return _in_text(content, made)


def _in_csv(content: str, made: str) -> str:
    old, new = (list(csv.reader(io.StringIO(text))) for text in (content, made))
    for number, (there, wanted) in enumerate(zip(old, new, strict=False), 1):
        if there != wanted:
            cells = zip(new[0], there, wanted, strict=True)
            column, first, second = next(cell for cell in cells if cell[1] != cell[2])
            return _words(f"line {number} ({shortened(wanted[0])}), {column}", first, second)
    return _in_text(content, made)


def _in_text(content: str, made: str) -> str:
    old, new = content.splitlines(), made.splitlines()
    for number, (there, wanted) in enumerate(zip(old, new, strict=False), 1):
        if there != wanted:
            differ = (at for at, pair in enumerate(zip(there, wanted, strict=False)) if pair[0] != pair[1])
            begin = max(0, next(differ, min(len(there), len(wanted))) - _SHOWN_BEFORE)
            return _words(f"line {number}", there[begin:], wanted[begin:])
    if len(old) != len(new):
        return f"it has {len(old)} lines, and {len(new)} follow"
    return "spaces or line ends differ"


def _words(place: str, there: Any, wanted: Any) -> str:
    return f"{place} is {shortened(there)}, where {shortened(wanted)} follows"
