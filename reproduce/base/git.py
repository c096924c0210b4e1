"""Questions to git, and the commit of a copy that has no git: a deposit carries it in ``.git_archival.txt``."""

import os
import re
import subprocess
import sys
from pathlib import Path

from reproduce.base import paths

ARCHIVAL = ".git_archival.txt"
"""A file at the root into which ``git archive`` writes the commit (``export-subst`` in .gitattributes)."""


def run_git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run git in a folder, its messages in English; an OSError says that there is no git.

    The output is decoded as the system's file names are, so that a path compares equal in every locale.
    """
    command = ["git", "-C", str(folder), *arguments]
    decoded = {"encoding": sys.getfilesystemencoding(), "errors": "surrogateescape"}
    return subprocess.run(command, capture_output=True, **decoded, env=os.environ | {"LC_ALL": "C"})


def commit_of(path: Path) -> str | None:
    """Return the last commit that changed a file, or in a deposit the commit that it was made from.

    None where neither is known: no git, a folder outside the repository, or a file that differs from its commit.
    """
    try:
        if Path(run_git(path.parent, "rev-parse", "--show-toplevel").stdout.strip()) != paths.REPO_ROOT:
            return archived_commit()  # also where a deposit lies in somebody else's repository
        changes = run_git(path.parent, "status", "--porcelain", "--", path.name)
        logged = run_git(path.parent, "log", "-1", "--format=%H", "--", path.name)
    except OSError:
        return archived_commit()
    if changes.returncode or logged.returncode:
        return archived_commit()
    return None if changes.stdout.strip() else logged.stdout.strip() or None


def archived_commit() -> str | None:
    """Return the commit that a deposit was made from; None outside one."""
    try:
        found = re.search(r"^node: ([0-9a-f]{40})$", (paths.REPO_ROOT / ARCHIVAL).read_text(), re.MULTILINE)
    except OSError:
        return None
    return found[1] if found else None
