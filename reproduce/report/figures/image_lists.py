"""Test images with their likeliest classes and their nearest training images."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure

from reproduce.base.text import format_number
from reproduce.data.registry import CIFAR10
from reproduce.report.style import GREEN, SMALL_PT, WIDE_INCHES, headline, new_figure, not_run, styled
from reproduce.runs.statistics import mean_interval

_SHORT = {"airplane": "plane", "automobile": "car"}  # fits below a small picture
_RIGHT, _OTHER = to_hex(0.45 * np.array(to_rgb(GREEN)) + 0.55), "#d9d9d9"  # pale: words lie on the bars


@dataclass(frozen=True)
class TopFive:
    """An image (32, 32, 3) uint8, its class, and the five likeliest classes with their probabilities.

    A probability below 1/510 is stored as 0. Such classes are left out, since their order is not known.
    """

    image: np.ndarray
    label: int
    classes: list[int]
    probabilities: list[float]


@dataclass(frozen=True)
class Neighborhood:
    """A query and its six nearest training images by features and by pixels: uint8 (..., 32, 32, 3) with classes."""

    image: np.ndarray
    label: int
    by_features: np.ndarray
    feature_labels: np.ndarray
    by_pixels: np.ndarray
    pixel_labels: np.ndarray


@styled
def top_five_lists(images: Sequence[TopFive], seed: int | None, error_percent: float | None = None) -> Figure:
    """Draw each image with its class and, below, bars of the five likeliest classes, with the right class marked.

    Args:
        images: the first test image of each of eight classes.
        seed: of the run.
        error_percent: the run's error on all test images.
    """
    if not images:
        return not_run()
    across = 4
    figure, grid = new_figure(
        *(WIDE_INCHES, 5.5), nrows=4, ncols=across, squeeze=False, gridspec_kw={"height_ratios": [1, 1.05, 1, 1.05]}
    )
    right = sum(found.classes[0] == found.label for found in images)
    headline(
        figure,
        f"The likeliest class is the right one for {right} of these {len(images)} test images, each the first of its "
        f"class. On all test images this net (seed {seed}) makes {format_number(error_percent, 1)} % errors.",
    )
    for place, found in enumerate(images):
        row, column = divmod(place, across)
        picture, bars = grid[2 * row, column], grid[2 * row + 1, column]
        picture.imshow(found.image, interpolation="nearest")
        picture.set_axis_off()
        picture.set_title(CIFAR10.class_names[found.label], loc="center")
        _draw_bars(bars, found)
    figure.supxlabel(
        "probability of the five likeliest classes, those below 1/510 (the smallest stored) left out; the right one in "
        "green",
        fontsize=SMALL_PT,
    )
    return figure


def _draw_bars(axes: Axes, found: TopFive) -> None:
    places = -np.arange(len(found.classes))
    colors = [_RIGHT if name == found.label else _OTHER for name in found.classes]
    axes.barh(places, found.probabilities, color=colors, height=0.8)
    for place, name in zip(places, found.classes, strict=True):
        weight = "bold" if name == found.label else "normal"
        axes.text(0.03, place, CIFAR10.class_names[name], va="center", fontsize=SMALL_PT, fontweight=weight)
    axes.set(xlim=(0, 1), ylim=(-4.5, 0.5), xticks=[0, 1], yticks=[])
    axes.spines["left"].set_visible(False)


@styled
def nearest_images(found: Sequence[Neighborhood], purity: pd.DataFrame, seed: int | None) -> Figure:
    """Draw each query with its six nearest training images by features and by pixels; frames mark the query's class.

    Args:
        found: the queries.
        purity: the base variant's rows of ``neighbor_purity.csv``, for the share over all queries.
        seed: of the run whose features are shown.
    """
    if not found:
        return not_run()
    near = len(found[0].by_features)
    widths = [1, 0.3, *[1] * near, 0.3, *[1] * near]
    size = WIDE_INCHES, 0.85 + 0.62 * len(found)
    figure, grid = new_figure(*size, nrows=len(found), ncols=len(widths), squeeze=False, width_ratios=widths)
    for row, query in zip(grid, found, strict=True):
        _draw_image(row[0], query.image, query.label, None)
        _draw_neighbors(row[2 : 2 + near], query.by_features, query.feature_labels, query.label)
        _draw_neighbors(row[3 + near :], query.by_pixels, query.pixel_labels, query.label)
        row[1].set_axis_off()
        row[2 + near].set_axis_off()
    grid[0, 0].set_title(" ")  # makes room for the headings
    _heading(grid[0, 0], "query")
    by_features, by_pixels, words = _purity_words(purity)
    headline(figure, f"{by_features} of the nearest images in features share the query's class, {by_pixels} in pixels.")
    _heading(grid[0, 2], f"nearest in features ({by_features})")
    _heading(grid[0, 3 + near], f"nearest in pixels ({by_pixels})")
    figure.supxlabel(
        f"pictures: seed {seed}; framed: of the query's class; in parentheses their share\n{words}", fontsize=SMALL_PT
    )
    return figure


def _purity_words(purity: pd.DataFrame) -> tuple[str, str, str]:
    """Return in words the shares of neighbors of the query's class, by features and by pixels, and their difference."""
    columns = ("feature_purity_percent", "pixel_purity_percent", "difference_percentage_points")
    features, pixels, gap = (mean_interval(purity[name].tolist()) for name in columns)
    interval = "" if gap.low is None else f" ({format_number(gap.low, 1)} to {format_number(gap.high, 1)})"
    seeds = f"{gap.n} seed{'s' if gap.n > 1 else ''}"
    words = f"among the neighbors of 1,000 queries, {seeds}; difference {format_number(gap.value, 1)} points{interval}"
    return f"{format_number(features.value, 0)} %", f"{format_number(pixels.value, 0)} %", words


def _heading(axes: Axes, text: str) -> None:
    """Write a bold line above narrow axes that may run past them and takes no room from their neighbors."""
    place = {"xycoords": "axes fraction", "textcoords": "offset points"}
    axes.annotate(text, (0, 1), xytext=(0, 6), fontweight="bold", **place).set_in_layout(False)


def _draw_neighbors(places: np.ndarray, images: np.ndarray, labels: np.ndarray, wanted: int) -> None:
    for axes, image, label in zip(places, images, labels, strict=True):
        _draw_image(axes, image, int(label), wanted)


def _draw_image(axes: Axes, image: np.ndarray, label: int, wanted: int | None) -> None:
    axes.imshow(image, interpolation="nearest")
    name = CIFAR10.class_names[label]
    axes.text(
        0.5, -0.04, _SHORT.get(name, name), transform=axes.transAxes, ha="center", va="top", fontsize=SMALL_PT - 1
    )
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(visible=label == wanted, color=GREEN, linewidth=2)
