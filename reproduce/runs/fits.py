"""Fits of linear classifiers on features: every cost tried, and whether the chosen cost is the lowest or highest."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from reproduce.runs import places
from reproduce.runs.run_files import read_history
from reproduce.study.run_id import RunId

_IDENTITY = ["study", "variant", "epochs", "seed"]
_OF_A_FIT = ["stream", "cost", "images", "iterations", "stopped_by", "training_error_percent", "held_out_error_percent"]
COLUMNS = [*_IDENTITY, *_OF_A_FIT, "seconds", "is_chosen", "edge"]
LOWEST, HIGHEST = "lowest", "highest"


def read_fits(run_ids: Iterable[RunId], runs_root: Path | None = None) -> pd.DataFrame:
    """Return the fits of every listed run that exists, one row per fit, with ``COLUMNS``.

    ``edge`` is ``lowest`` or ``highest`` where the chosen cost is the lowest or highest of several tried: a cost
    outside the grid might have done better. It is empty in all other rows. ``stopped_by`` is missing in runs made
    before it was recorded.

    Raises:
        ReproduceError: an existing run's history is damaged.
    """
    parts = []
    for run_id in run_ids:
        path = places.found_at(run_id, runs_root) / "history.csv"
        if path.is_file():
            identity = {name: getattr(run_id, name) for name in _IDENTITY}
            parts += [stream.assign(**identity, edge=_edges(stream)) for _, stream in _streams(path)]
    return pd.concat(parts, ignore_index=True).reindex(columns=COLUMNS) if parts else pd.DataFrame(columns=COLUMNS)


def _streams(path: Path) -> Iterable[tuple[str, pd.DataFrame]]:
    return read_history(path).groupby("stream", sort=False)


def _edges(stream: pd.DataFrame) -> np.ndarray:
    """Return the column ``edge`` that ``read_fits`` describes, for the rows of one stream."""
    low, high = stream["cost"].min(), stream["cost"].max()
    may_be = stream["is_chosen"] & (low < high)
    at = [may_be & stream["cost"].eq(low), may_be & stream["cost"].eq(high)]
    return np.select(at, [LOWEST, HIGHEST], default="")
