"""Reading the files of published runs."""

from pathlib import Path

import numpy as np
import pandas as pd

from reproduce.base.files import read_arrays
from reproduce.base.tables import read_csv
from reproduce.runs import places
from reproduce.study.run_id import RunId


def read_history(path: Path) -> pd.DataFrame:
    """Return a run's ``history.csv``, one row per epoch.

    Raises:
        ReproduceError: the file is missing or damaged.
    """
    return read_csv(path, ["epoch"])


def read_predictions(run_id: RunId, runs_root: Path | None = None) -> dict[str, np.ndarray]:
    """Return the arrays of the run's ``predictions.npz`` by name (per test image, in the test file's order).

    Raises:
        ReproduceError: the file is missing or damaged.
    """
    return read_arrays(places.found_at(run_id, runs_root) / "predictions.npz")


def read_kept(run_id: RunId | str, runs_root: Path | None = None) -> dict[str, np.ndarray]:
    """Return the arrays of the run's ``arrays.npz`` by name; none where it has no such file.

    Raises:
        ReproduceError: the file is damaged.
    """
    path = places.found_at(run_id, runs_root) / "arrays.npz"
    return read_arrays(path) if path.is_file() else {}
