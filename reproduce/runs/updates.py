"""Diagnostics of runs: the loss of every update, and the scale of each layer's activations."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from reproduce.base.tables import read_csv
from reproduce.runs import places
from reproduce.runs.run_files import read_kept
from reproduce.study.run_id import RunId

_IDENTITY = ["study", "variant", "epochs", "seed"]


def read_update_losses(run_ids: Iterable[RunId], runs_root: Path | None = None) -> pd.DataFrame:
    """Return one row per update of every listed run that recorded its updates' losses.

    Columns are study, variant, epochs, seed, update (from 1) and training_loss_nats, the mean over the update's batch.

    Raises:
        ReproduceError: a run's arrays cannot be read.
    """
    parts = []
    for run_id in run_ids:
        losses = read_kept(run_id, runs_root).get("update_losses_nats")
        if losses is not None:
            numbers = np.arange(1, len(losses) + 1)
            parts.append(_of_run(run_id, pd.DataFrame({"update": numbers, "training_loss_nats": losses})))
    columns = [*_IDENTITY, "update", "training_loss_nats"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def read_activations(run_ids: Iterable[RunId], runs_root: Path | None = None) -> pd.DataFrame:
    """Return the rows of every listed run's ``activations.csv``, the run's identity in front."""
    parts = []
    for run_id in run_ids:
        path = places.found_at(run_id, runs_root) / "activations.csv"
        if path.is_file():
            parts.append(_of_run(run_id, read_csv(path)))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=[*_IDENTITY, "layer", "when"])


def _of_run(run_id: RunId, frame: pd.DataFrame) -> pd.DataFrame:
    identity = {name: getattr(run_id, name) for name in _IDENTITY}
    return frame.assign(**identity)[[*_IDENTITY, *frame.columns]]
