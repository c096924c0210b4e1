"""Reading the files of published runs: their arrays and histories."""

from pathlib import Path

import numpy as np
import pandas as pd

from reproduce.base.errors import ReproduceError
from reproduce.base.paths import relative_to_repo
from reproduce.runs import places
from reproduce.study.run_id import RunId


def read_history(path: Path) -> pd.DataFrame:
    """Return a run's ``history.csv``, a row an epoch.

    Raises:
        ReproduceError: the file is missing or damaged.
    """
    try:
        history = pd.read_csv(path)
    except (OSError, ValueError) as error:  # pandas' parser errors are ValueErrors
        reason = " ".join(str(error).split())
        raise ReproduceError(f"{relative_to_repo(path)} cannot be read ({reason}); restore it with git") from error
    if "epoch" not in history:
        raise ReproduceError(f"{relative_to_repo(path)} has no column 'epoch'; restore it with git")
    return history


def read_predictions(run_id: RunId, runs_root: Path | None = None) -> dict[str, np.ndarray]:
    """Return the arrays of the run's ``predictions.npz`` by name (per test image, in the test file's order).

    Raises:
        ReproduceError: the file is missing or damaged.
    """
    return read_arrays(places.found_at(run_id, runs_root) / "predictions.npz")


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of an .npz file by name.

    Raises:
        ReproduceError: the file is missing or damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except Exception as error:  # a damaged archive raises OSError, ValueError, zipfile's or zlib's own errors
        reason = " ".join(str(error).split())
        raise ReproduceError(f"{relative_to_repo(path)} cannot be read ({reason}); restore it with git") from error
