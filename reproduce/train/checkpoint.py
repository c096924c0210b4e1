"""Checkpoints outside the work tree, so that a run killed at any moment goes on where it was."""

import shutil
from pathlib import Path
from typing import Any

import torch

from reproduce.base.errors import ReproduceError
from reproduce.base.files import atomic_path, json_digest
from reproduce.base.paths import scratch_folder

FORMAT = 1  # version of the checkpoint's content; a new version starts runs afresh


def checkpoint_folder() -> Path:
    """Return the folder of all checkpoints of this user, which may not exist yet."""
    return scratch_folder() / "checkpoints"


def checkpoint_path(identity: dict[str, Any]) -> Path:
    """Return where the run with this ``identity`` (config, length, seed, data, numerics) keeps its checkpoint."""
    return checkpoint_folder() / f"{json_digest({'format': FORMAT, **identity})[:24]}.pt"


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write ``state`` whole or not at all; the previous checkpoint stays until the new one is complete.

    Raises:
        ReproduceError: the disk is full or the folder not writable.
    """
    with atomic_path(path) as temporary:
        try:
            torch.save(state, temporary)
        except RuntimeError as error:  # torch reports a full disk by this error
            free = shutil.disk_usage(path.parent).free / 1e6
            raise ReproduceError(
                f"cannot write {path}: {free:,.0f} MB are free there; free space, or set REPRODUCE_SCRATCH elsewhere"
            ) from error


def load_checkpoint(path: Path) -> dict[str, Any] | None:
    """Return the saved state, or None where there is none.

    Incomplete files that a killed writer left are removed, so the caller must hold the run's lock.

    Raises:
        ReproduceError: the file is there but cannot be read.
    """
    # A save removes them too, but a run may end before its next save, and not on file systems without locks.
    for left in path.parent.glob(f".{path.name}.*.part"):
        left.unlink(missing_ok=True)
    if not path.exists():
        return None
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ReproduceError(
            f"checkpoint {path} cannot be read ({type(error).__name__}); delete it to start afresh"
        ) from error
