"""The project's folders. Every other module asks here, so that a folder is named once."""

import os
from pathlib import Path

from reproduce.base.errors import ReproduceError

REPO_ROOT = Path(__file__).resolve().parents[2]
EXPERIMENTS = REPO_ROOT / "experiments"
RESULTS = REPO_ROOT / "results"
PAPER_NOTES = REPO_ROOT / "paper_notes"
SCRATCH_VARIABLE = "REPRODUCE_SCRATCH"
DATA = REPO_ROOT / "data"
"""Git-ignored. ``python -m reproduce data NAME`` makes a data set in it again. ``data/runs`` and ``data/probabilities``
hold results of training, which no data command makes again."""


def scratch_folder() -> Path:
    """Return the folder for checkpoints, locks and compiled kernels, outside the work tree.

    ``$REPRODUCE_SCRATCH`` if set, else ``alexnet-reproduction`` in the user's cache folder. That is
    ``$XDG_CACHE_HOME`` if it is an absolute path, as its specification asks, else ``.cache`` in the home folder.

    Raises:
        ReproduceError: no variable names the folder, and the home folder is unknown or no absolute path.
    """
    named = os.environ.get(SCRATCH_VARIABLE)
    if named:
        return Path(named).expanduser().resolve()
    try:
        cache = Path(os.environ.get("XDG_CACHE_HOME", ""))
        cache = cache if cache.is_absolute() else Path.home() / ".cache"
    except RuntimeError as error:  # no HOME and an unknown user, as in some containers
        raise ReproduceError(f"there is no home folder here; set {SCRATCH_VARIABLE} to a writable folder") from error
    if not cache.is_absolute():  # checkpoints would depend on the folder that a command is started in
        raise ReproduceError(f"HOME is {os.environ['HOME']!r}, no absolute path; set {SCRATCH_VARIABLE} to a folder")
    return cache / "alexnet-reproduction"


def relative_to_repo(path: Path) -> str:
    """Return ``path`` as readers know it: relative to the repository where it lies inside, else as it is."""
    try:
        return Path(os.path.realpath(path)).relative_to(REPO_ROOT).as_posix()  # never fails, as resolve() can
    except ValueError:
        return str(path)
