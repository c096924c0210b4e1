"""``python -m reproduce verify``: every check, and one line per fault.

A file can be wrong in three ways. It is not what dvc.lock records (``lock_sums``). It is as recorded, but the record is
not of the stage in dvc.yaml (``lock_stages``). Or file and record were both edited, and the file does not follow from
the runs (``remade``, ``run_checks``).
"""

import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TextIO

from reproduce.base.errors import ReproduceError
from reproduce.base.git import changed_files, changed_permissions, git_problem
from reproduce.base.paths import REPO_ROOT
from reproduce.judge.verify.findings import Findings, names
from reproduce.judge.verify.lock_stages import check_pipeline
from reproduce.judge.verify.lock_sums import drop_covered, edited_files, lock_entries, read_locks, unrecorded_runs
from reproduce.judge.verify.remade import remake_tables
from reproduce.judge.verify.run_checks import check_runs
from reproduce.study.study import Study

Remake = Callable[[], Mapping[str, str]]
"""Makes files again, elsewhere; returns where each committed one differs in words, empty where it does not."""


def verify(
    studies: Sequence[Study], root: Path = REPO_ROOT, stream: TextIO | None = None, remakes: Sequence[Remake] = ()
) -> list[str]:
    """Check everything that is published, and print one line per problem, note and check that was skipped.

    Args:
        studies: whose listed runs are checked.
        root: the repository.
        stream: where to print; standard output by default.
        remakes: further files that follow from records, beside the tables of ``collect``.

    Returns:
        The checks that were skipped.

    Raises:
        ReproduceError: there are problems; the message counts them.
    """
    findings, stream = find_problems(studies, root, remakes), stream or sys.stdout
    problems = findings.all_problems()
    for word, lines in (("problem", problems), ("note", findings.notes), ("skipped", findings.skipped)):
        stream.writelines(f"{word}: {line}\n" for line in lines)
    if problems:
        count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
        raise ReproduceError(f"{count} in what is published; each is named above with what to do")
    print(f"{findings.runs} runs agree with their configuration, data, records and predictions", file=stream)
    print(f"{findings.recorded} files and folders are as dvc.lock records them", file=stream)
    print(f"{findings.remade} tables and pages were made again from the records and are the same", file=stream)
    return findings.skipped


def find_problems(studies: Sequence[Study], root: Path = REPO_ROOT, remakes: Sequence[Remake] = ()) -> Findings:
    """Return everything that the checks find; the arguments are those of ``verify``."""
    findings = Findings()
    locks = read_locks(root, findings)
    check_pipeline(locks, root, findings)
    entries = lock_entries(locks)
    edited = edited_files(entries, root, findings)
    check_runs(studies, root, findings, edited)
    for study in studies:
        findings.problems += unrecorded_runs(study, locks, root)
    remade: dict[str, str] = {}
    for remake in (lambda: remake_tables(studies, root), *remakes):
        try:
            remade |= remake()
        except Exception as error:  # an edited table or record may have any form
            reason = str(error) if isinstance(error, ReproduceError) else f"{type(error).__name__}: {error}"
            findings.problems.append(f"not everything could be made again: {reason}")
    findings.held |= remade.keys()
    findings.remade = len(remade)
    _add_edits(findings, edited, remade, {entry.path for entry in entries})
    _add_unheld(findings, root)
    return findings


def _add_edits(
    findings: Findings, edited: dict[str, str], remade: Mapping[str, str], recorded: Collection[str]
) -> None:
    """Add the edited files, each once, with the place where they differ from what was made again.

    A file that is as recorded and yet differs was made from another file, which was edited since. Where no other file
    was edited, its entry in dvc.lock was edited with it.
    """
    places = {path: place for path, place in remade.items() if place}
    drop_covered(edited, places.keys() & edited.keys())
    cause_named = bool(findings.problems or edited.keys() - remade.keys())
    for path, line in edited.items():
        findings.problems.append(f"{path}: {places[path]}; {line.partition('; ')[2]}" if path in places else line)
    findings.problems += [
        f"{path}: {place}; it or what it is made from was edited: restore it with git"
        for path, place in places.items()
        if path not in recorded
    ]
    followers = {path: place for path, place in places.items() if path in recorded and path not in edited}
    if followers and cause_named:
        first, place = next(iter(followers.items()))
        shown = ", ".join(followers)
        findings.problems.append(f"no longer made from the records as they are now: {shown} ({first}: {place})")
        return
    findings.problems += [
        f"{path}: {place}; it does not follow from the records, whatever dvc.lock says of it: run `dvc repro`"
        for path, place in followers.items()
    ]


def _add_unheld(findings: Findings, root: Path) -> None:
    """Name the changed files whose bytes no check compares: prose, and code that made no table."""
    problem = git_problem(root)
    if problem:
        findings.skipped.append(f"prose and code outside dvc.lock were not compared with a commit: {problem}")
        return
    if odd := changed_permissions(root):
        findings.notes.append(f"the permissions of {names(odd)} are not those of the commit; `chmod` restores them")
    changed = [path for path in changed_files(root=root) if not _is_held(path, findings.held)]
    if changed:
        verb, its = ("differ", "their") if len(changed) > 1 else ("differs", "its")
        findings.notes.append(f"{names(changed)} {verb} from the commit; no check compares all {its} bytes")


def _is_held(path: str, held: set[str]) -> bool:
    return any(str(parent) in held for parent in (Path(path), *Path(path).parents))
