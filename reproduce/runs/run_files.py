"""Reads the files of published runs, and checks each against the form in which training writes it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from reproduce.base.errors import ReproduceError
from reproduce.base.files import RESTORE, read_arrays, read_json
from reproduce.base.paths import relative_to_repo
from reproduce.base.tables import read_csv
from reproduce.base.validation import validated
from reproduce.data.registry import DATASETS
from reproduce.runs import places
from reproduce.study.run_id import RunId

_REMEDY = f"{RESTORE} or train the run again"


class _Form(BaseModel):
    """A part of run.json, with the fields and types that are checked; other fields are allowed."""

    model_config = ConfigDict(strict=True, extra="allow")


class _Machine(_Form):
    cpu: str
    cores: int | None
    threads: int
    gpu: str | None
    torch: str


class _Session(_Form):
    machine: dict[str, Any]


class _Run(_Form):
    run_id: str
    study: str
    variant: str
    epochs: int
    seed: int
    status: str
    dataset: Literal[tuple(DATASETS)]
    scale: str
    schedule: str
    precision: str
    config: dict[str, Any]
    config_sha256: str
    golden_sha256: str | None
    data_manifest_sha256: str
    source_sha256: str
    git_commit: str | None
    git_dirty: bool | None
    started_utc: str
    finished_utc: str
    training_seconds: float | None
    evaluation_seconds: float | None
    images_per_second: float | None
    interruptions: int
    machine: _Machine
    sessions: list[_Session] = []
    ensemble_of: list[str] = []


# Number of dimensions and NumPy dtype kinds of the arrays that analyses read, by the endings of their names.
_ARRAYS = {
    "_predicted": (1, "u"),
    "_probabilities": (2, "u"),
    "_correct_bits": (1, "u"),
    "_losses_nats": (1, "f"),
    "_weights": (4, "f"),
    "_rows": (2, "iu"),
}


def read_record(folder: Path) -> dict[str, Any]:
    """Return a run's ``run.json``.

    Raises:
        ReproduceError: the file is missing or damaged, or a field is missing or of another type.
    """
    path = folder / "run.json"
    record = read_json(path)
    validated(_Run, record, relative_to_repo(path), _REMEDY)
    return record


def read_metrics(folder: Path) -> dict[str, float | int | None]:
    """Return a run's ``metrics.json``: numbers by name, None where a number is not finite.

    Raises:
        ReproduceError: the file is missing or damaged, or a value is no number.
    """
    path = folder / "metrics.json"
    metrics = read_json(path)
    if not isinstance(metrics, Mapping):
        raise ReproduceError(f"{relative_to_repo(path)} holds no mapping; {_REMEDY}")
    for name, value in metrics.items():
        if isinstance(value, bool) or not isinstance(value, int | float | None):
            raise ReproduceError(f"{relative_to_repo(path)}: {name} is {value!r}, no number; {_REMEDY}")
    return metrics


def needed(metrics: Mapping[str, float | int | None], name: str, folder: Path) -> float | int:
    """Return one of a run's metrics.

    Raises:
        ReproduceError: it is missing or not finite.
    """
    if metrics.get(name) is None:
        raise ReproduceError(f"{relative_to_repo(folder / 'metrics.json')} has no number {name!r}; {_REMEDY}")
    return metrics[name]


def read_history(path: Path) -> pd.DataFrame:
    """Return a run's ``history.csv``: one row per epoch, or one per ``cost`` tried where features were fitted.

    Raises:
        ReproduceError: the file is missing, damaged or incomplete: its epochs are not those that ``metrics.json``
            counts, or a stream of features does not have exactly one row for its final fit.
    """
    history = read_csv(path, ["epoch"])
    trained = needed(read_metrics(path.parent), "epochs", path.parent)
    if "cost" in history:
        final = history["held_out_error_percent"].isna()  # a final fit uses the held-out images too
        if not final.groupby(history["stream"]).sum().eq(1).all():
            raise ReproduceError(f"{relative_to_repo(path)} lacks the row of a final fit; {_REMEDY}")
        return history
    if history["epoch"].tolist() != list(range(1, int(trained) + 1)):
        raise ReproduceError(
            f"{relative_to_repo(path)} has {len(history)} rows, not one for each of {trained} epochs; {_REMEDY}"
        )
    return history


def read_predictions(run_id: RunId, runs_root: Path | None = None) -> dict[str, np.ndarray]:
    """Return the arrays of the run's ``predictions.npz`` by name (per test image, in the test file's order).

    Raises:
        ReproduceError: the file is missing or damaged.
    """
    return arrays_of_run(places.found_at(run_id, runs_root) / "predictions.npz")


def read_kept(run_id: RunId | str, runs_root: Path | None = None) -> dict[str, np.ndarray]:
    """Return the arrays of the run's ``arrays.npz`` by name; none where it has no such file.

    Raises:
        ReproduceError: the file is damaged.
    """
    path = places.found_at(run_id, runs_root) / "arrays.npz"
    return arrays_of_run(path) if path.exists() else {}


def arrays_of_run(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of a run's file by name.

    Raises:
        ReproduceError: the file is missing or damaged, or an array is of another form than its name says.
    """
    arrays = read_arrays(path)
    for name, array in arrays.items():
        for ending, (dimensions, kinds) in _ARRAYS.items():
            if name.endswith(ending) and (array.ndim != dimensions or array.dtype.kind not in kinds):
                raise ReproduceError(
                    f"{relative_to_repo(path)}: {name} is {array.dtype} of shape {array.shape}, not as training "
                    f"writes it; {_REMEDY}"
                )
    return arrays
