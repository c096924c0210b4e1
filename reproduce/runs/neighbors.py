"""Purity of neighbors: of the training images nearest to a test image (the query), the share that have its class.

Neighbors are sought by a net's features and by pixels. The paper shows five queries with six neighbors each (6.1,
Figure 4); purity puts a number on what the picture shows (deviation D47).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from reproduce.base.errors import ReproduceError
from reproduce.base.files import read_array
from reproduce.data.balanced import balanced_subset
from reproduce.data.pixel_neighbors import NEIGHBORS, PIXEL_FILE, QUERIES, SUBSET_IMAGES
from reproduce.data.registry import CIFAR10
from reproduce.runs import places
from reproduce.runs.labels import read_labels
from reproduce.runs.run_files import read_kept, read_record
from reproduce.study.run_id import RunId

_IDENTITY = ["run_id", "study", "variant", "epochs", "seed", "dataset", "scale", "schedule"]
COLUMNS = [*_IDENTITY, "feature_purity_percent", "pixel_purity_percent", "difference_percentage_points"]


def read_pixel_neighbors(runs_root: Path | None = None) -> np.ndarray:
    """Return the rows of each query's nearest training images by pixels, as ``write_pixel_neighbors`` found them.

    They are uint16 (1000, 6).

    Raises:
        ReproduceError: the file is missing or damaged.
    """
    path = places.statistics_folder(CIFAR10.name, runs_root) / PIXEL_FILE
    return read_array(path, "python -m reproduce data neighbors")


def purity_percent(rows: np.ndarray, query_labels: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of neighbors that have their query's class, in percent.

    Args:
        rows: (queries, neighbors), indices into ``labels``.
        query_labels: (queries,).
        labels: labels of all images among which the neighbors were sought.
    """
    return 100 * float(np.mean(labels[rows] == query_labels[:, None]))


def read_neighbors(run_id: RunId | str, runs_root: Path | None = None) -> np.ndarray | None:
    """Return a run's neighbors in its features, uint16 (queries, neighbors), or None where it kept none.

    Raises:
        ReproduceError: the run's arrays cannot be read.
    """
    return read_kept(run_id, runs_root).get("neighbor_rows")


def neighbor_purity(runs: pd.DataFrame, runs_root: Path | None = None) -> pd.DataFrame:
    """Return one row per finished run that kept its neighbors, with their purity in features and in pixels.

    Args:
        runs: as ``table.read_runs`` gives them.
        runs_root: the folder of all run folders.

    Raises:
        ReproduceError: a file cannot be read, or a run's neighbors were not sought among the images compared by pixels.
    """
    finished = runs[runs["status"].eq("finished")].to_dict("records")
    found = [(run, read_neighbors(run["run_id"], runs_root)) for run in finished]
    found = [(run, rows) for run, rows in found if rows is not None]
    if not found:
        return pd.DataFrame(columns=COLUMNS)
    return pd.DataFrame([_row(run, rows, runs_root) for run, rows in found], columns=COLUMNS)


def purities_percent(record: Mapping[str, Any], rows: np.ndarray, runs_root: Path | None = None) -> tuple[float, float]:
    """Return the purity of a run's neighbors in features, and of the same queries' neighbors in pixels.

    Args:
        record: the run's ``run.json``.
        rows: its neighbors, (queries, neighbors).
        runs_root: the folder of all run folders.

    Raises:
        ReproduceError: a file cannot be read, or the neighbors were not sought among the images compared by pixels.
    """
    if record["config"].get("training_images") != SUBSET_IMAGES or rows.shape != (QUERIES, NEIGHBORS):
        expected = f"{NEIGHBORS} neighbors of {QUERIES} test images among {SUBSET_IMAGES}"
        raise ReproduceError(
            f"{record['run_id']} must keep {expected}, like the neighbors in pixels; train it again with "
            f"training_images: {SUBSET_IMAGES}"
        )
    every, tested = (read_labels(CIFAR10.name, part, runs_root) for part in ("training", "test"))
    labels, queries = every[balanced_subset(every, SUBSET_IMAGES)[0]], tested[:QUERIES]
    in_pixels = read_pixel_neighbors(runs_root)
    return purity_percent(rows, queries, labels), purity_percent(in_pixels, queries, labels)


def _row(run: dict[str, Any], rows: np.ndarray, runs_root: Path) -> dict[str, Any]:
    record = read_record(places.found_at(run["run_id"], runs_root))
    features, pixels = purities_percent(record, rows, runs_root)
    return {name: run[name] for name in _IDENTITY} | {
        "feature_purity_percent": features,
        "pixel_purity_percent": pixels,
        "difference_percentage_points": features - pixels,
    }
