"""Which training images lie nearest to test images, in pixels and in a net's features, and whether their class agrees.

The paper shows five queries with six neighbors each (6.1, Figure 4); the share of neighbors of the query's own class
puts a number on what the picture shows (deviation D47).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from reproduce.base.errors import ReproduceError
from reproduce.base.files import read_array, read_json, write_bytes
from reproduce.data.cifar10 import STATISTICS_FOLDER, load_cifar10
from reproduce.data.in_memory import balanced_subset
from reproduce.data.statistics import npy_bytes
from reproduce.runs import places
from reproduce.runs.files import read_kept
from reproduce.runs.labels import read_labels
from reproduce.study.run_id import RunId

QUERIES, NEIGHBORS = 1_000, 6
SUBSET_IMAGES = 20_000  # balanced; what the reduced AlexNet trains on
PIXEL_FILE = "pixel_neighbors.npy"
_IMAGES_AT_ONCE = 1_000
_IDENTITY = ["run_id", "study", "variant", "epochs", "seed", "dataset", "scale", "schedule"]
COLUMNS = [*_IDENTITY, "feature_purity_percent", "pixel_purity_percent", "difference_percentage_points"]


def nearest_rows(queries: np.ndarray, images: np.ndarray, count: int) -> np.ndarray:
    """Return, for each query, the rows of the ``count`` nearest images by Euclidean distance, nearest first.

    Squared distances of bytes are whole numbers below 2**53, so float64 holds them exactly and every machine finds the
    same rows; of equally near images the first in order counts as nearer.

    Args:
        queries: uint8 (queries, ...).
        images: uint8 (images, ...), of the same shape an image.
        count: neighbors wanted.

    Returns:
        uint16 (queries, count).
    """
    flat, wanted = images.reshape(len(images), -1), queries.reshape(len(queries), -1).astype(np.float64)
    distances = np.empty((len(queries), len(images)))  # less the query's own square, the same for every image
    for start in range(0, len(images), _IMAGES_AT_ONCE):
        rows = slice(start, start + _IMAGES_AT_ONCE)
        block = flat[rows].astype(np.float64)
        distances[:, rows] = np.square(block).sum(axis=1) - 2 * wanted @ block.T
    return np.argsort(distances, axis=1, kind="stable")[:, :count].astype(np.uint16)


def write_pixel_neighbors(folder: Path = STATISTICS_FOLDER) -> Path:
    """Write ``pixel_neighbors.npy`` from the images of CIFAR-10: the first 1,000 test images', six each; return it.

    Raises:
        ReproduceError: the images are missing or not the official ones, or the folder cannot be written.
    """
    data = load_cifar10()
    chosen, _ = balanced_subset(data.training_labels, SUBSET_IMAGES)
    rows = nearest_rows(data.test_images[:QUERIES], data.training_images[chosen], NEIGHBORS)
    write_bytes(folder / PIXEL_FILE, npy_bytes(rows))
    return folder / PIXEL_FILE


def read_pixel_neighbors(runs_root: Path | None = None) -> np.ndarray:
    """Return the rows that ``write_pixel_neighbors`` found, uint16 (1000, 6).

    Raises:
        ReproduceError: the file is missing or damaged.
    """
    path = places.statistics_folder("cifar10", runs_root) / PIXEL_FILE
    return read_array(path, "python -m reproduce report neighbors")


def purity_percent(rows: np.ndarray, query_labels: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of neighbors that have their query's class, in percent.

    Args:
        rows: (queries, neighbors), rows of ``labels``.
        query_labels: (queries,).
        labels: of the images that the neighbors are among.
    """
    return 100 * float(np.mean(labels[rows] == query_labels[:, None]))


def read_neighbors(run_id: RunId | str, runs_root: Path | None = None) -> np.ndarray | None:
    """Return a run's neighbors in its features, uint16 (queries, neighbors), or None where it kept none.

    Raises:
        ReproduceError: the run's arrays cannot be read.
    """
    return read_kept(run_id, runs_root).get("neighbor_rows")


def neighbor_purity(runs: pd.DataFrame, runs_root: Path | None = None) -> pd.DataFrame:
    """Return a row for every finished run that kept its neighbors: their purity in features and in pixels.

    Args:
        runs: as ``runs.read_runs`` gives them.
        runs_root: the folder of all run folders.

    Raises:
        ReproduceError: a file cannot be read, or a run's training images are others than those compared by pixels.
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
        ReproduceError: a file cannot be read, or the run's training images are others than those compared by pixels.
    """
    if record["config"].get("training_images") != SUBSET_IMAGES or rows.shape != (QUERIES, NEIGHBORS):
        expected = f"{NEIGHBORS} neighbors of {QUERIES} test images among {SUBSET_IMAGES}"
        raise ReproduceError(
            f"{record['run_id']}: its neighbors are not {expected}, as those in pixels are; train it so"
        )
    every, tested = (read_labels("cifar10", part, runs_root) for part in ("training", "test"))
    labels, queries = every[balanced_subset(every, SUBSET_IMAGES)[0]], tested[:QUERIES]
    in_pixels = read_pixel_neighbors(runs_root)
    return purity_percent(rows, queries, labels), purity_percent(in_pixels, queries, labels)


def _row(run: dict[str, Any], rows: np.ndarray, runs_root: Path) -> dict[str, Any]:
    record = read_json(places.found_at(run["run_id"], runs_root) / "run.json")
    features, pixels = purities_percent(record, rows, runs_root)
    return {name: run[name] for name in _IDENTITY} | {
        "feature_purity_percent": features,
        "pixel_purity_percent": pixels,
        "difference_percentage_points": features - pixels,
    }
