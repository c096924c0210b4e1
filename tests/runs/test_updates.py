"""Losses of every update and activation scales: read from the listed runs that have them, and no others."""

import numpy as np
import pandas as pd
import pytest

from reproduce.base.errors import ReproduceError
from reproduce.runs.updates import read_activations, read_update_losses
from reproduce.study.run_id import RunId

FIRST, SECOND, MISSING = (RunId("study", "arm", 1, seed) for seed in (1, 2, 3))


def test_losses_come_with_run_and_update(tmp_path):
    for run, losses in ((FIRST, [3.0, 2.0]), (SECOND, [5.0])):
        folder = tmp_path / str(run)
        folder.mkdir(parents=True)
        np.savez(
            folder / "arrays.npz", conv1_weights=np.zeros((2, 3, 5, 5)), update_losses_nats=np.array(losses, np.float32)
        )
    frame = read_update_losses([SECOND, FIRST, MISSING], tmp_path)
    assert frame[["seed", "update", "training_loss_nats"]].values.tolist() == [[2, 1, 5.0], [1, 1, 3.0], [1, 2, 2.0]]
    assert set(frame["variant"]) == {"arm"} and set(frame["study"]) == {"study"}


def test_a_run_without_diagnostics_gives_no_rows(tmp_path):
    folder = tmp_path / str(FIRST)
    folder.mkdir(parents=True)
    np.savez(folder / "arrays.npz", conv1_weights=np.zeros((2, 3, 5, 5)))
    assert read_update_losses([FIRST], tmp_path).empty and read_activations([FIRST], tmp_path).empty


def test_a_damaged_file_is_named(tmp_path):
    folder = tmp_path / str(FIRST)
    folder.mkdir(parents=True)
    (folder / "arrays.npz").write_bytes(b"PK not an archive")
    with pytest.raises(ReproduceError, match=r"seed1/arrays\.npz cannot be read .*; restore it with git"):
        read_update_losses([FIRST], tmp_path)


def test_activations_keep_their_columns(tmp_path):
    folder = tmp_path / str(SECOND)
    folder.mkdir(parents=True)
    pd.DataFrame({"layer": ["conv1", "fc8"], "mean": [0.5, 2.0]}).to_csv(folder / "activations.csv", index=False)
    frame = read_activations([FIRST, SECOND], tmp_path)
    assert frame[["seed", "layer", "mean"]].values.tolist() == [[2, "conv1", 0.5], [2, "fc8", 2.0]]
