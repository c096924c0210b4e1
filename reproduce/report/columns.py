"""What the columns of the reduced AlexNet learned: its runs and images brought into the shape that the figures show.

Nothing is chosen by its outcome: runs by the order of their seeds, images by their place in the test file.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from reproduce.data.cifar10 import Cifar10
from reproduce.data.in_memory import balanced_subset
from reproduce.data.pixel_neighbors import NEIGHBORS, SUBSET_IMAGES
from reproduce.report.timeline import read_table
from reproduce.runs import places
from reproduce.runs.files import read_predictions
from reproduce.runs.filters import color_shares, first_layer
from reproduce.runs.labels import read_labels
from reproduce.runs.neighbors import read_neighbors, read_pixel_neighbors
from reproduce.runs.table import published_runs, read_runs
from reproduce.study.run_id import RunId
from reproduce.study.study import Study

STUDY, BASE = "alexnet_small", "base"
SEEDS_SHOWN = 5
TOP_FIVE_IMAGES, NEIGHBOR_QUERIES = 8, 5  # as many as in the paper's Figure 4
_COLOR_COLUMNS = "study variant seed role color_specialization shuffled_mean shuffled_95th_percentile p_value"
_PURITY_COLUMNS = "study variant seed feature_purity_percent pixel_purity_percent difference_percentage_points"


@dataclass(frozen=True)
class Filters:
    """The first layer of one run: weights (maps, 3, rows, columns), and each filter's color share."""

    seed: int
    weights: np.ndarray
    shares: np.ndarray

    def columns(self) -> list["Filters"]:
        """Return the filters of each half, sorted by color share, the grayest first."""
        halves = []
        for rows in np.split(np.arange(len(self.shares)), 2):
            order = rows[np.argsort(self.shares[rows], kind="stable")]
            halves.append(Filters(self.seed, self.weights[order], self.shares[order]))
        return halves


@dataclass(frozen=True)
class TopFive:
    """An image (32, 32, 3) uint8, its class, and the five likeliest classes with their probabilities.

    Fewer than five where the others' probabilities are stored as 0, that is below 1/510: their order is not known.
    """

    image: np.ndarray
    label: int
    classes: list[int]
    probabilities: list[float]


@dataclass(frozen=True)
class Neighborhood:
    """A query (32, 32, 3) uint8 with its class; its nearest training images (6, 32, 32, 3) with theirs, two ways."""

    image: np.ndarray
    label: int
    by_features: np.ndarray
    feature_labels: np.ndarray
    by_pixels: np.ndarray
    pixel_labels: np.ndarray


def base_runs(study: Study, runs_root: Path | None = None) -> list[RunId]:
    """Return the finished listed runs of the base variant, in the order of their seeds."""
    listed = [run for run in published_runs(study, runs_root) if run.variant == BASE]
    finished = read_runs(listed, runs_root)["status"].eq("finished")
    there = [run for run, done in zip(listed, finished, strict=True) if done]
    return sorted(there, key=lambda run: run.seed)


def shown_filters(runs: Sequence[RunId], runs_root: Path | None = None) -> list[Filters]:
    """Return the first layers of the first five runs."""
    layers = [(run.seed, first_layer(places.found_at(run, runs_root)).astype(np.float64)) for run in runs[:SEEDS_SHOWN]]
    return [Filters(seed, weights, color_shares(weights)) for seed, weights in layers]


def first_of_classes(labels: np.ndarray, count: int) -> np.ndarray:
    """Return the rows of the first image of each class, the first ``count`` of them in the order of the file."""
    return np.sort(np.unique(labels, return_index=True)[1])[:count]


def top_fives(run: RunId, images: np.ndarray, runs_root: Path | None = None) -> list[TopFive]:
    """Return the five likeliest classes of eight test images, by a run's stored probabilities.

    Args:
        run: the run.
        images: all test images, uint8 (10000, 32, 32, 3).
        runs_root: the folder of all run folders.
    """
    labels = read_labels("cifar10", runs_root=runs_root)
    probabilities = read_predictions(run, runs_root)["test_probabilities"] / 255
    found = []
    for row in first_of_classes(labels, TOP_FIVE_IMAGES):
        order = [place for place in np.argsort(-probabilities[row], kind="stable")[:5] if probabilities[row][place] > 0]
        found.append(
            TopFive(images[row], int(labels[row]), [int(place) for place in order], probabilities[row][order].tolist())
        )
    return found


def neighborhoods(run: RunId, data: Cifar10, runs_root: Path | None = None) -> list[Neighborhood]:
    """Return five queries with their nearest training images in features and in pixels; none if the run kept none."""
    features, pixels = read_neighbors(run, runs_root), read_pixel_neighbors(runs_root)
    if features is None:
        return []
    subset, _ = balanced_subset(data.training_labels, SUBSET_IMAGES)
    found = []
    for row in first_of_classes(data.test_labels[: len(pixels)], NEIGHBOR_QUERIES):
        near = [subset[rows[row][:NEIGHBORS]] for rows in (features, pixels)]
        shown = [part for rows in near for part in (data.training_images[rows], data.training_labels[rows])]
        found.append(Neighborhood(data.test_images[row], int(data.test_labels[row]), *shown))
    return found


def load_specialization(tables: Path, study: str = STUDY) -> pd.DataFrame:
    """Return the study's rows of ``color_specialization.csv``."""
    return _of_study(read_table(tables / "color_specialization.csv", _COLOR_COLUMNS), study)


def load_purity(tables: Path, study: str = STUDY) -> pd.DataFrame:
    """Return the study's rows of ``neighbor_purity.csv``."""
    return _of_study(read_table(tables / "neighbor_purity.csv", _PURITY_COLUMNS), study)


def _of_study(table: pd.DataFrame, study: str) -> pd.DataFrame:
    return table[table["study"].eq(study)].reset_index(drop=True)
