"""Questions to git. A deposit (the zip file of ``make archive``) has no git; it names its commit in a file."""

import os
import re
import subprocess
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

from reproduce.base import paths
from reproduce.base.errors import shortened

ARCHIVAL = ".git_archival.txt"
"""A file at the root into which ``git archive`` writes the commit (``export-subst`` in .gitattributes)."""

_ELSEWHERE = ("GIT_DIR", "GIT_WORK_TREE")  # they point git to a repository other than the one around a folder


def run_git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run git in a folder, with its messages in English.

    The output is decoded as the system's file names are, so that a path compares equal in every locale.

    Raises:
        OSError: git cannot be started.
    """
    command = ["git", "-C", str(folder), *arguments]
    decoded = {"encoding": sys.getfilesystemencoding(), "errors": "surrogateescape"}
    return subprocess.run(command, capture_output=True, **decoded, env=os.environ | {"LC_ALL": "C"})


def commit_of(path: Path) -> str | None:
    """Return the last commit that changed a file, or in a deposit the commit that the deposit was made from.

    None where neither is known: without git, outside the repository, or where the file differs from its commit.
    """
    try:
        if _toplevel(path.parent) != paths.REPO_ROOT:
            return archived_commit()  # also where a deposit lies in somebody else's repository
        changes = run_git(path.parent, "status", "--porcelain", "--", path.name)
        logged = run_git(path.parent, "log", "-1", "--format=%H", "--", path.name)
    except OSError:
        return archived_commit()
    if changes.returncode or logged.returncode:
        return archived_commit()
    return None if changes.stdout.strip() else logged.stdout.strip() or None


def archived_commit() -> str | None:
    """Return the commit that this deposit was made from; None where this is no deposit."""
    try:
        found = re.search(r"^node: ([0-9a-f]{40})$", (paths.REPO_ROOT / ARCHIVAL).read_text(), re.MULTILINE)
    except OSError:
        return None
    return found[1] if found else None


def repository_around(root: Path) -> Path | None:
    """Return the root of the repository that holds ``root``; None where ``root`` is itself that root, or git fails."""
    top = _toplevel(root)
    return None if top == root.resolve() else top


def _toplevel(folder: Path) -> Path | None:
    """Return the root of the repository that a folder lies in; None where it lies in none, or git fails."""
    try:
        done = run_git(folder, "rev-parse", "--show-toplevel")
    except OSError:
        return None
    return None if done.returncode else Path(done.stdout.removesuffix("\n"))


def overlooked_files(root: Path, folders: Sequence[str], endings: Collection[str]) -> list[str]:
    """Return the files below ``folders`` whose changes ``git status`` would not show.

    They are tracked files marked "assume unchanged" or "skip worktree", and new files with one of these ``endings``
    that the user's own ignore list hides. Files that the repository's .gitignore names are left out, since they are
    ignored on purpose, and so are hidden files. The list is empty where git cannot be started.
    """
    try:
        kept = run_git(root, "ls-files", "-v", "-z", "--", *folders)
        new = run_git(root, "ls-files", "--others", "--exclude-per-directory=.gitignore", "-z", "--", *folders)
    except OSError:
        return []
    marked = [line[2:] for line in kept.stdout.split("\0") if line[:1].islower() or line[:1] == "S"]
    added = [name for name in new.stdout.split("\0") if _is_source(Path(name), endings)]
    return [name for name in (*marked, *added) if (root / name).is_file()]  # a sparse checkout lacks marked ones


def _is_source(path: Path, endings: Collection[str]) -> bool:
    return path.suffix in endings and not path.name.startswith(".")


def sent_elsewhere(root: Path) -> str | None:
    """Return the variable that points git to another repository than the one in ``root``; None where none does."""
    named = [name for name in _ELSEWHERE if name in os.environ]
    if not named:
        return None
    try:
        used = run_git(root, "rev-parse", "--absolute-git-dir")
        own = run_git(root, f"--git-dir={root / '.git'}", "rev-parse", "--absolute-git-dir")
    except OSError:
        return None
    return named[0] if used.stdout != own.stdout else None


def git_problem(root: Path | None = None) -> str | None:
    """Return why git cannot name the commit and the changed files, with the remedy; None where it can."""
    root = root or paths.REPO_ROOT
    try:
        done = run_git(root, "status", "--porcelain", "--untracked-files=no")
        if done.returncode == 0:
            done = run_git(root, "rev-parse", "HEAD")
    except OSError as error:
        return f"git cannot be run ({error.strerror}); install git"
    around = repository_around(root)
    if around:  # the commits of that repository say nothing about this copy
        return f"this copy has no .git of its own and lies in the repository {around}; work in a clone outside it"
    if done.returncode == 0:
        other = sent_elsewhere(root)
        return other and f"{other} sends git to another repository ({shortened(os.environ[other])}); unset {other}"
    reason = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[0]
    if "dubious ownership" in reason:
        return f"git says: {reason}; if you trust this folder, run `git config --global --add safe.directory {root}`"
    return f"git says: {reason}; work in a clone of the repository, with its .git folder"


def changed_files(folder: str = ".", root: Path | None = None) -> list[str]:
    """Return the files below ``folder`` that differ from the last commit or are new; none where git cannot say.

    Args:
        folder: relative to ``root``, as the files returned are.
        root: the repository, by default this one.
    """
    root = root or paths.REPO_ROOT
    if repository_around(root):
        return []
    found: set[str] = set()
    for question in (("diff", "--name-only", "--relative", "HEAD"), ("ls-files", "--others", "--exclude-standard")):
        try:
            done = run_git(root, *question, "-z", "--", folder)
        except OSError:
            return []
        if done.returncode:
            return []
        found |= set(filter(None, done.stdout.split("\0")))
    return sorted(found)


def changed_permissions(root: Path) -> list[str]:
    """Return the files whose permission to be executed differs from that in the last commit."""
    if repository_around(root):
        return []
    try:
        done = run_git(root, "diff", "--raw", "--no-renames", "-z", "HEAD")
    except OSError:
        return []
    parts = done.stdout.split("\0")  # ":100644 100755 <sum> <sum> M", the name, and so on
    pairs = zip(parts[::2], parts[1::2], strict=False)
    return [name for said, name in pairs if said[1:7] != said[8:14] and "000000" not in said[:14]]
