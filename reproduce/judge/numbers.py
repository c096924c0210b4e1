"""The file of all numbers that may be cited, ``results/numbers.json``: written, read, printed, and cited."""

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from reproduce.base.errors import ReproduceError
from reproduce.base.files import read_json, write_json
from reproduce.base.paths import REPO_ROOT, RESULTS, relative_to_repo
from reproduce.base.text import figures, fixed, unit_words
from reproduce.judge.rules import LIMITED_SCALES
from reproduce.runs import places

NUMBERS_FILE = RESULTS / "numbers.json"
CITATION_FILE = REPO_ROOT / "CITATION.cff"


def write_numbers(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write ``numbers.json``: the confidence of all intervals and the rows.

    Raises:
        ReproduceError: two rows have the same id.
    """
    seen: set[str] = set()
    for row in rows:
        if row["id"] in seen:
            raise ReproduceError(f"number {row['id']!r} is made twice; rename a claim, variant or comparison")
        seen.add(row["id"])
    write_json(path, {"confidence_percent": 95, "numbers": list(rows)})


def read_numbers(path: Path = NUMBERS_FILE) -> dict[str, dict[str, Any]]:
    """Return the rows of ``numbers.json`` by id.

    Raises:
        ReproduceError: the file is missing or damaged.
    """
    content = read_json(path)
    try:
        return {row["id"]: row for row in content["numbers"]}
    except (KeyError, TypeError) as error:
        raise ReproduceError(f"{relative_to_repo(path)} has no list of numbers; run `dvc repro`") from error


def find_number(number_id: str, path: Path = NUMBERS_FILE) -> dict[str, Any]:
    """Return one row of ``numbers.json``.

    Raises:
        ReproduceError: there is no such number; the message names the nearest.
    """
    rows = read_numbers(path)
    if number_id in rows:
        return rows[number_id]
    near = difflib.get_close_matches(number_id, rows, n=3, cutoff=0.3)
    hint = f"did you mean {', '.join(near)}?" if near else "its ids are in the file's `id` fields"
    raise ReproduceError(f"no number {number_id!r} in {relative_to_repo(path)}; {hint}")


def cited_number(row: Mapping[str, Any]) -> str:
    """Return a number as it is cited: value, unit, interval and seeds; never without the label of a lesser scale."""
    if row["value"] is None:
        return row.get("verdict") or "no value"
    known = [row["value"], *([] if row["low"] is None else [row["low"], row["high"]])]
    in_points = row["unit"] == "percentage_points"  # digits beyond two decimals are the seeds' noise
    value, *ends = [fixed(number, 2) for number in known] if in_points else figures(*known)
    value = str(row["value"]) if isinstance(row["value"], int) else value  # a whole number is a count
    text, details = f"{value}{unit_words(row['unit'])}", []
    if ends:
        details.append(f"{row.get('confidence_percent') or 95:g} % interval {' to '.join(ends)}")
    if row["n_seeds"]:
        groups = f" in {row['n_groups']} groups" if row.get("n_groups", 1) > 1 else ""
        details.append(f"{row['n_seeds']} seed{'s' if row['n_seeds'] > 1 else ''}{groups}")
    details += [f"{row['scale']} scale"] if row["scale"] in LIMITED_SCALES else []
    details += [f"{row['schedule']} schedule"] if row["schedule"] not in (None, "full") else []
    return f"{text} ({', '.join(details)})" if details else text


def cite(number_id: str, numbers_path: Path = NUMBERS_FILE, citation_path: Path = CITATION_FILE) -> str:
    """Return a number with all that a reader needs to trust it, and BibTeX for citing it.

    Raises:
        ReproduceError: there is no such number, or ``CITATION.cff`` cannot be read.
    """
    row = find_number(number_id, numbers_path)
    shown = relative_to_repo(numbers_path)
    setting = [
        row["dataset"],
        row["scale"] and f"{row['scale']} scale",
        row["schedule"] and f"{row['schedule']} schedule",
        row["protocol"],
    ]
    lines = [f"{number_id}: {cited_number(row)}", f"setting: {', '.join(filter(None, setting))}"]
    if row.get("verdict"):
        target = row["target_value"]
        held = "" if target is None else f" (held against {target:.10g}{unit_words(row['unit'])}, {row['target_kind']})"
        lines.append(f"verdict: {row['verdict']}{held}")
    folders = (places.found_at(run, numbers_path.parent / "runs") for run in row["runs"])
    lines += [f"run: results/{folder.relative_to(numbers_path.parent).as_posix()}" for folder in folders]
    lines += [f"code: commit {commit}" for commit in row["git_commits"]]
    lines += [f"hardware: {hardware}" for hardware in row["hardware"]]
    lines += [f"record: {shown}, id {number_id}"]
    cited = "no number to cite yet" if row["value"] is None else bibtex(row, shown, citation_path)
    return "\n".join([*lines, "", cited])


def bibtex(row: Mapping[str, Any], shown: str, citation_path: Path = CITATION_FILE) -> str:
    """Return a BibTeX entry for this project that quotes the number and where it is recorded (``shown``).

    Raises:
        ReproduceError: ``CITATION.cff`` is missing or lacks title or authors.
    """
    try:
        citation = YAML(typ="safe", pure=True).load(citation_path.read_text(encoding="utf-8"))
        authors = " and ".join(_author(author) for author in citation["authors"])
        fields = {"title": f"{{{citation['title']}}}", "author": authors}
    except (OSError, YAMLError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise ReproduceError(
            f"{relative_to_repo(citation_path)} cannot be used ({reason}); restore it with git"
        ) from error
    fields["year"] = str(citation.get("date-released") or row["date"] or "")[:4]
    fields["version"] = str(citation.get("version") or "")
    fields["url"] = citation.get("repository-code") or citation.get("url") or ""
    fields["note"] = f"{row['id']}: {cited_number(row)}; {shown}".replace("%", r"\%").replace("_", r"\_")
    body = "".join(f",\n  {name} = {{{value}}}" for name, value in fields.items() if value)
    return f"@software{{alexnet-2012-reproduction-{row['id'].replace('_', '-')}{body}\n}}"


def _author(author: Mapping[str, str]) -> str:
    if "name" in author:  # an entity; braces keep BibTeX from splitting it
        return f"{{{author['name']}}}"
    return f"{author['family-names']}, {author['given-names']}"
