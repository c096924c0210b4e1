"""Filters, color shares, likeliest classes and nearest images of the runs of the reduced two-column AlexNet.

Nothing is chosen by its outcome: runs are taken in the order of their seeds, images by their place in the test file.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from reproduce.data.balanced import balanced_subset
from reproduce.data.official import ImageArrays
from reproduce.data.pixel_neighbors import NEIGHBORS, SUBSET_IMAGES
from reproduce.data.registry import CIFAR10
from reproduce.report.figures.column_filters import Filters, column_filters, specialization
from reproduce.report.figures.image_lists import Neighborhood, TopFive, nearest_images, top_five_lists
from reproduce.report.records import Records
from reproduce.report.studies.alexnet_small import BASE, STUDY
from reproduce.runs import places
from reproduce.runs.filters import color_shares, first_layer
from reproduce.runs.labels import read_labels
from reproduce.runs.neighbors import read_neighbors, read_pixel_neighbors
from reproduce.runs.run_files import read_predictions
from reproduce.runs.table import published_runs, read_runs
from reproduce.study.run_id import RunId
from reproduce.study.study import Study, load_study

SEEDS_SHOWN = 5
TOP_FIVE_IMAGES, NEIGHBOR_QUERIES = 8, 5  # as many as in the paper's Figure 4
_COLOR_COLUMNS = "study variant seed role color_specialization shuffled_mean shuffled_95th_percentile p_value"
_PURITY_COLUMNS = "study variant seed feature_purity_percent pixel_purity_percent difference_percentage_points"


def base_runs(study: Study, runs_root: Path | None = None) -> list[RunId]:
    """Return the finished runs of the base variant at the length listed first, in the order of their seeds."""
    listed = [run for run in published_runs(study, runs_root) if run.variant == BASE]
    listed = [run for run in listed if run.epochs == listed[0].epochs]
    finished = read_runs(listed, runs_root)["status"].eq("finished")
    there = [run for run, done in zip(listed, finished, strict=True) if done]
    return sorted(there, key=lambda run: run.seed)


def shown_filters(runs: Sequence[RunId], runs_root: Path | None = None) -> list[Filters]:
    """Return the first layers of the first five runs."""
    layers = [(run.seed, first_layer(places.found_at(run, runs_root)).astype(np.float64)) for run in runs[:SEEDS_SHOWN]]
    return [Filters(seed, weights, color_shares(weights)) for seed, weights in layers]


def first_of_classes(labels: np.ndarray, count: int) -> np.ndarray:
    """Return the rows of the first image of each class, in the order of the file, ``count`` rows at most."""
    return np.sort(np.unique(labels, return_index=True)[1])[:count]


def top_fives(run: RunId, images: np.ndarray, runs_root: Path | None = None) -> list[TopFive]:
    """Return the five likeliest classes of eight test images, from a run's stored probabilities.

    Args:
        run: the run.
        images: all test images, uint8 (10000, 32, 32, 3).
        runs_root: the folder of all run folders.
    """
    labels = read_labels(CIFAR10.name, runs_root=runs_root)
    probabilities = read_predictions(run, runs_root)["test_probabilities"] / 255
    found = []
    for row in first_of_classes(labels, TOP_FIVE_IMAGES):
        order = [place for place in np.argsort(-probabilities[row], kind="stable")[:5] if probabilities[row][place] > 0]
        found.append(
            TopFive(images[row], int(labels[row]), [int(place) for place in order], probabilities[row][order].tolist())
        )
    return found


def neighborhoods(run: RunId, data: ImageArrays, runs_root: Path | None = None) -> list[Neighborhood]:
    """Return five queries with their nearest training images in features and in pixels; empty if the run kept none."""
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


def _first_run(loaded: Records) -> RunId | None:
    """Return the run of the first seed; None before any is published."""
    return next(iter(base_runs(load_study(STUDY), loaded.runs_root)), None)


def _filters_figure(loaded: Records) -> Figure:
    return column_filters(shown_filters(base_runs(load_study(STUDY), loaded.runs_root), loaded.runs_root))


def _color_figure(loaded: Records) -> Figure:
    return specialization(loaded.table("color_specialization", _COLOR_COLUMNS, STUDY))


def _top_five_figure(loaded: Records) -> Figure:
    run = _first_run(loaded)
    if run is None:
        return top_five_lists([], None)
    found = top_fives(run, CIFAR10.read().test_images, loaded.runs_root)
    return top_five_lists(found, run.seed, read_runs([run], loaded.runs_root)["test_top1_error_percent"].iloc[0])


def _neighbors_figure(loaded: Records) -> Figure:
    run, purity = _first_run(loaded), loaded.table("neighbor_purity", _PURITY_COLUMNS, STUDY)
    near = neighborhoods(run, CIFAR10.read(), loaded.runs_root) if run else []
    return nearest_images(near, purity[purity["variant"].eq(BASE)], run.seed if run else None)


FIGURES = {
    "columns_filters": _filters_figure,
    "columns_color": _color_figure,
    "columns_top5": _top_five_figure,
    "columns_neighbors": _neighbors_figure,
}
BLOCKS = {}
