"""Comparing the commands, parameters and files in every dvc.lock with the dvc.yaml beside it, as DVC reads it."""

import functools
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from reproduce.base.validation import read_yaml
from reproduce.judge.verify.findings import Findings, names

_REDO = "restore the one that was edited with git, or run `dvc repro`, and `dvc commit` where that finds nothing to do"
_RUNS = "results/runs/"  # ``lock_sums.unrecorded_runs`` names these


def check_pipeline(locks: dict[str, dict[str, Any]], root: Path, findings: Findings) -> None:
    """Add a problem for each entry of a lock file that differs from its stage in dvc.yaml and study.yaml today.

    Args:
        locks: the stages of each lock file, by its name relative to the repository.
        root: the repository.
        findings: to be added to. Where DVC cannot work, the check is skipped with the reason.

    Entries of stages that no longer exist are named, then taken out of ``locks``.
    """
    if not (root / ".dvc").is_dir():
        findings.skipped.append("dvc.lock was not held against dvc.yaml: the folder .dvc is not here")
        return
    from dvc.exceptions import DvcException

    try:
        by_lock = _stages_by_lock(root)
    except DvcException as error:
        findings.problems.append(f"DVC cannot read the pipeline: {' '.join(str(error).split())}; restore it with git")
        return
    except OSError as error:
        findings.skipped.append(f"dvc.lock was not held against dvc.yaml: DVC cannot work here ({error})")
        return
    read = functools.cache(lambda path: read_yaml(root / path))  # every stage of a study names the same file
    for lock, recorded in locks.items():
        known = by_lock.get(lock, {})
        for name in sorted(recorded.keys() - known.keys()):
            findings.problems.append(f"{lock} records {name}, a stage that dvc.yaml does not have; delete its entry")
            del recorded[name]
        findings.problems += [
            f"{lock} does not record {name}, whose files are here; run `dvc commit` on that stage"
            for name in sorted(known.keys() - recorded.keys())
            if known[name].outs and all(out.exists and _RUNS not in out.def_path for out in known[name].outs)
        ]
        by_line: dict[str, list[str]] = {}  # the seeds of a variant differ alike
        for name, entry in recorded.items():
            for line in _differences(entry, known[name], read):
                by_line.setdefault(line, []).append(name)
        findings.problems += [f"{lock}, stage {names(found)}: {line}; {_REDO}" for line, found in by_line.items()]


def _stages_by_lock(root: Path) -> dict[str, dict[str, Any]]:
    """Return the stages of every dvc.yaml, resolved by DVC, by the name of the lock file and their own."""
    from dvc.repo import Repo

    logging.getLogger("dvc").setLevel(logging.CRITICAL)
    by_lock: dict[str, dict[str, Any]] = {}
    # Nothing here needs git, and a copy without it is checked too.
    for stage in Repo(str(root), config={"core": {"no_scm": True}}).index.stages:
        lock = Path(stage.path).with_suffix(".lock").relative_to(root.resolve()).as_posix()
        by_lock.setdefault(lock, {})[stage.name] = stage
    return by_lock


def _differences(entry: dict[str, Any], stage: Any, read: Callable[[str], Any]) -> Iterator[str]:
    """Compare an entry of a lock file with the stage that DVC reads; ``read`` returns a file of parameters."""
    if stage.cmd_changed:
        yield "its command is not that of dvc.yaml"
    parameters = [dep for dep in stage.deps if hasattr(dep, "read_params")]
    files = {"deps": [dep for dep in stage.deps if dep not in parameters], "outs": stage.outs}
    for kind, listed in files.items():
        differing = {item.def_path for item in listed} ^ {item["path"] for item in entry.get(kind, [])}
        if differing:
            yield f"its {kind} are not those of dvc.yaml ({', '.join(sorted(differing))})"
    if differing := {dep.def_path for dep in parameters} ^ entry.get("params", {}).keys():
        yield f"its params are not those of dvc.yaml ({', '.join(sorted(differing))})"
    for dep in parameters:
        recorded = dep.hash_info.value or {}
        keys = dict.fromkeys([*dep.params, *entry.get("params", {}).get(dep.def_path, {})])
        changed = [key for key in keys if key not in recorded or recorded[key] != _value(read(dep.def_path), key)]
        if changed:
            yield f"{', '.join(changed)} of {dep.def_path} is not what it records"


def _value(content: Any, key: str) -> Any:
    """Return the value under a dotted key, None where there is none."""
    for part in key.split("."):
        content = content.get(part) if isinstance(content, dict) else None
    return content
