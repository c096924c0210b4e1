"""Comparing the files of the repository with the sums that the dvc.lock files record of them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from reproduce.base.git import changed_files
from reproduce.base.paths import DATA, REPO_ROOT
from reproduce.judge.verify.findings import Findings, names
from reproduce.judge.verify.sums import Sum, Sums
from reproduce.runs import places
from reproduce.study.study import Study

_IMAGES = f"{DATA.relative_to(REPO_ROOT).as_posix()}/"  # ignored by git, so that a clone may lack them
_CODE = "reproduce/"


@dataclass(frozen=True)
class LockEntry:
    """One sum in a dvc.lock, with its stage and the file or folder that it is of."""

    lock: str
    stage: str
    path: str
    recorded: Sum


def read_locks(root: Path, findings: Findings) -> dict[str, dict[str, Any]]:
    """Return the stages of every dvc.lock, the root's and the studies', by its name; a damaged file is a problem."""
    locks = {}
    for path in [root / "dvc.lock", *sorted((root / "experiments").glob("*/dvc.lock"))]:
        name = path.relative_to(root).as_posix()
        try:
            stages = YAML(typ="safe").load(path.read_text(encoding="utf-8"))["stages"]
            lock_entries({name: stages})
            locks[name] = stages
        except FileNotFoundError:
            findings.problems.append(f"{name} is missing; restore it with git")
        except (YAMLError, UnicodeDecodeError, LookupError, TypeError, ValueError, AttributeError) as error:
            reason = " ".join(str(error).split())
            findings.problems.append(f"{name} is no lock file of DVC ({reason}); restore it with git")
    return locks


def lock_entries(locks: dict[str, dict[str, Any]]) -> list[LockEntry]:
    """Return every sum in the lock files."""
    named = [(lock, stage, content) for lock, stages in locks.items() for stage, content in stages.items()]
    return [
        LockEntry(lock, stage, item["path"], _sum(item))
        for lock, stage, content in named
        for item in [*content.get("deps", []), *content.get("outs", [])]
    ]


def _sum(item: dict[str, Any]) -> Sum:
    files = item.get("nfiles")
    return Sum(str(item["md5"]), int(item["size"]), None if files is None else int(files))


def edited_files(entries: Iterable[LockEntry], root: Path, findings: Findings) -> dict[str, str]:
    """Return a line for each file or folder that disagrees with every sum recorded of it, by its path.

    A sum that disagrees with the file while another agrees was itself edited or is out of date: a problem at once.
    """
    sums, by_path, edited, absent = Sums(root), defaultdict(list), {}, []
    for entry in entries:
        by_path[entry.path].append(entry)
    findings.held |= by_path.keys()
    findings.recorded = len(by_path)
    for path, recorded in by_path.items():
        found = sums.of(path)
        wrong = [entry for entry in recorded if entry.recorded != found]
        if not wrong:
            continue
        if found is None and path.startswith(_IMAGES):
            absent.append(path)
        elif found is None:
            edited[path] = f"{path} is missing; restore it with git"
        elif len(wrong) < len(recorded) or any(entry.recorded.md5 == found.md5 for entry in wrong):
            findings.problems += [_edited_lock(entry) for entry in wrong]
        elif all(sums.with_unix_line_endings(path) == entry.recorded.md5 for entry in wrong):
            findings.line_endings.add(path)
        else:
            edited[path] = _edited_file(path, wrong, root)
    if absent:
        findings.skipped.append(f"the sums of {names(absent)} were not compared: they are not here")
    return edited


def _edited_lock(entry: LockEntry) -> str:
    return (
        f"{entry.lock}, stage {entry.stage}: what it records of {entry.path} fits neither the file nor its other "
        "entries; restore it with git, or run `dvc repro`"
    )


def _edited_file(path: str, wrong: Sequence[LockEntry], root: Path) -> str:
    changed = changed_files(path, root) if (root / path).is_dir() else []
    inside = f" (git names {names(changed)})" if changed else ""
    stages = names(list(dict.fromkeys(entry.stage for entry in wrong)))
    locks = names(sorted({entry.lock for entry in wrong}))
    if path.startswith(_CODE):
        return f"{path}{inside} was edited after it made what {locks} records for {stages}; run `dvc repro`"
    return (
        f"{path}{inside} is not what {locks} records of it for {stages}; restore the one that was edited with git, "
        "or run `dvc repro` if its inputs were changed on purpose"
    )


def drop_covered(edited: dict[str, str], named: Iterable[str]) -> None:
    """Remove a folder's line where another line (``named`` or in ``edited``) names something inside the folder."""
    precise = [*named, *edited]
    for path in [path for path in edited if any(other.startswith(f"{path}/") for other in precise)]:
        del edited[path]


def unrecorded_runs(study: Study, locks: dict[str, dict[str, Any]], root: Path) -> list[str]:
    """Return a line for each published run of the study's stages that its lock file does not record."""
    shown = f"experiments/{study.study}/dvc.lock"
    published = [run for run in study.stages() if places.is_published(run, root / "results" / "runs")]
    if not published:
        return []
    if not (root / shown).is_file():
        return [f"{shown} is missing; restore it with git"]
    recorded = {out["path"] for content in locks.get(shown, {}).values() for out in content.get("outs", [])}
    return [
        f"{run}: {shown} does not record it; run `dvc commit` on its stage"
        for run in published
        if f"results/runs/{run}" not in recorded and shown in locks
    ]
