"""Every number that may be cited: ``results/numbers.json``, how a number is printed, and how it is cited."""

import difflib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from reproduce.base.errors import ReproduceError
from reproduce.base.files import read_json, write_json
from reproduce.base.paths import REPO_ROOT, RESULTS, relative_to_repo
from reproduce.judge.reasons import figures, fixed, unit_words, verdict_words
from reproduce.judge.rules import LIMITED_SCALES
from reproduce.judge.verdicts import Verdict
from reproduce.runs import places

NUMBERS_FILE = RESULTS / "numbers.json"
CITATION_FILE = REPO_ROOT / "CITATION.cff"

_DECIMALS = 6  # more would differ between machines in the last bit


def build_rows(
    verdicts: Sequence[Verdict],
    summary: pd.DataFrame,
    compared: pd.DataFrame,
    effects: pd.DataFrame,
    runs: pd.DataFrame,
    further: Sequence[Mapping[str, Any]] = (),
) -> list[dict[str, Any]]:
    """Return the rows of ``numbers.json``.

    One per claim (its id), one per mean (``<study>.<variant>.<metric>.mean``; for every length of a variant but its
    first, ``<study>.<variant>.epochs<n>.<metric>.mean``), one per declared comparison
    (``<study>.<comparison>.difference`` or ``.ratio``) and one per effect of a 2 x 2 design
    (``<study>.<factorial>.<effect>``), then ``further`` entries, whole but for what follows from their runs. Each names
    its runs and, from them, configuration digests, commits, hardware, test images and the day the last run ended.
    """
    rows = [_claim_row(verdict, runs) for verdict in verdicts]
    rows += _mean_rows(summary, runs)
    rows += [_comparison_row(row, runs) for row in compared.to_dict("records")]
    rows += [_effect_row(row, runs) for row in effects.to_dict("records")]
    return rows + [_row(dict(entry), runs) for entry in further]


def _claim_row(verdict: Verdict, runs: pd.DataFrame) -> dict[str, Any]:
    fields = (
        "low",
        "high",
        "unit",
        "n_seeds",
        "method",
        "dataset",
        "protocol",
        "scale",
        "schedule",
        "epochs",
        "verdict",
    )
    row = {"id": verdict.claim_id, "value": verdict.estimate} | {name: getattr(verdict, name) for name in fields}
    row["verdict"] = verdict_words(verdict.verdict, verdict.negligible_within, verdict.unit)
    targets = {name: getattr(verdict, name) for name in ("target_value", "target_kind", "margin")}
    return _row(row | targets | {"runs": verdict.runs}, runs)


def _mean_rows(summary: pd.DataFrame, runs: pd.DataFrame) -> list[dict[str, Any]]:
    first_lengths: dict[tuple[str, str], int] = {}
    rows = []
    for row in summary.to_dict("records"):
        name = f"{row['study']}.{row['variant']}"
        first = first_lengths.setdefault((row["study"], row["variant"]), row["epochs"])
        rows.append(_mean_row(row, name if row["epochs"] == first else f"{name}.epochs{row['epochs']}", runs))
    return rows


def _mean_row(row: Mapping[str, Any], name: str, runs: pd.DataFrame) -> dict[str, Any]:
    chosen = runs[
        runs[["study", "variant", "epochs"]].eq([row[key] for key in ("study", "variant", "epochs")]).all(axis=1)
    ]
    fields = ("low", "high", "std", "unit", "n_seeds", "method", "dataset", "scale", "schedule")
    entry = {"id": f"{name}.{row['metric']}.mean", "value": row["mean"]}
    entry |= {name: row[name] for name in fields}
    entry["protocol"] = None if pd.isna(row["views"]) else f"{row['views']} test view{'s' if row['views'] > 1 else ''}"
    return _row(entry | {"runs": chosen.loc[chosen["status"] == "finished", "run_id"].tolist()}, runs)


def _comparison_row(row: Mapping[str, Any], runs: pd.DataFrame) -> dict[str, Any]:
    fields = ("low", "high", "unit", "method", "dataset", "scale", "schedule", "runs")
    entry = {"id": f"{row['study']}.{row['comparison']}.{row['kind']}", "value": row["value"]}
    entry |= {name: row[name] for name in fields}
    word = "over" if row["kind"] == "ratio" else "minus"
    entry["protocol"] = f"{row['first_arm']} {word} {row['second_arm']}, {row['estimand']}"
    return _row(entry | {"n_seeds": min(row["n_first"], row["n_second"])}, runs)


def _effect_row(row: Mapping[str, Any], runs: pd.DataFrame) -> dict[str, Any]:
    fields = ("low", "high", "unit", "method", "dataset", "scale", "schedule", "runs")
    entry = {"id": f"{row['study']}.{row['factorial']}.{row['effect']}", "value": row["value"]}
    entry |= {name: row[name] for name in fields}
    entry["protocol"] = f"{row['meaning']}, {row['estimand']}"
    return _row(entry | {"n_seeds": min(row["n"])}, runs)


def _row(entry: dict[str, Any], runs: pd.DataFrame) -> dict[str, Any]:
    """Return the entry with its provenance, in plain JSON values: None for what is missing, rounded floats."""
    used = runs[runs["run_id"].isin(entry["runs"])]
    machines = zip(used["cpu"], used["threads"], used["gpu"], strict=True)
    images = used["test_images"].dropna().unique()
    entry |= {
        "n_images": int(images[0]) if len(images) == 1 else None,
        "config_sha256": sorted(used["config_sha256"].unique()),
        "git_commits": sorted(used["git_commit"].dropna().unique()),
        "hardware": sorted({_hardware(*machine) for machine in machines}),
        "date": max((finished[:10] for finished in used["finished_utc"]), default=None),
    }
    return {name: _plain(value) for name, value in entry.items()}


def _hardware(cpu: str, threads: int, gpu: str | None) -> str:
    parts = [cpu, f"{threads} thread{'s' if threads != 1 else ''}", *([] if pd.isna(gpu) else [gpu])]
    return ", ".join(parts)


def _plain(value: Any) -> Any:
    if isinstance(value, (list, str)) or value is None:
        return value
    if pd.isna(value) or math.isinf(value):
        return None
    return int(value) if float(value).is_integer() and not isinstance(value, float) else round(float(value), _DECIMALS)


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


def format_number(row: Mapping[str, Any]) -> str:
    """Return a number as it is cited: value, unit, interval and seeds; never without the label of a lesser scale."""
    if row["value"] is None:
        return row.get("verdict") or "no value"
    known = [row["value"], *([] if row["low"] is None else [row["low"], row["high"]])]
    in_points = row["unit"] == "percentage_points"  # digits beyond two decimals are the seeds' noise
    value, *ends = [fixed(number, 2) for number in known] if in_points else figures(*known)
    value = str(row["value"]) if isinstance(row["value"], int) else value  # a whole number is a count
    text, details = f"{value}{unit_words(row['unit'])}", []
    if ends:
        details.append(f"95 % interval {' to '.join(ends)}")
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
    lines = [f"{number_id}: {format_number(row)}", f"setting: {', '.join(filter(None, setting))}"]
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
    fields["note"] = f"{row['id']}: {format_number(row)}; {shown}".replace("%", r"\%").replace("_", r"\_")
    body = "".join(f",\n  {name} = {{{value}}}" for name, value in fields.items() if value)
    return f"@software{{alexnet-2012-reproduction-{row['id'].replace('_', '-')}{body}\n}}"


def _author(author: Mapping[str, str]) -> str:
    if "name" in author:  # an entity; braces keep BibTeX from splitting it
        return f"{{{author['name']}}}"
    return f"{author['family-names']}, {author['given-names']}"
