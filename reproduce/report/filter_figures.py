"""Pictures of what a net learned: first-layer filters by column, likeliest classes, nearest training images."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure

from reproduce.base.text import format_number
from reproduce.report.columns import Filters, Neighborhood, TopFive
from reproduce.report.style import BLUE, GREEN, MUTED, SMALL_PT, VERMILION, WIDE_INCHES, label_point, new_figure, styled
from reproduce.runs.filters import SPLIT_P_VALUE, specialization_summary
from reproduce.runs.labels import CIFAR10_CLASSES
from reproduce.runs.statistics import mean_interval

_TILES_ACROSS = 8
_PIXELS_PER_WEIGHT = 12  # pixels are repeated, so that no viewer smooths them
_SHORT = {"airplane": "plane", "automobile": "car"}  # fits below a small picture
_RIGHT, _OTHER = to_hex(0.45 * np.array(to_rgb(GREEN)) + 0.55), "#d9d9d9"  # pale: words lie on the bars
_NOT_RUN = {"ha": "center", "color": MUTED, "fontstyle": "italic"}


def filter_pictures(weights: np.ndarray) -> np.ndarray:
    """Return filters as pictures, (maps, rows, columns, 3), 0 to 1: zero is mid gray, the largest weight an end.

    Args:
        weights: (maps, 3, rows, columns); each filter is scaled by its own largest magnitude.
    """
    largest = np.abs(weights).max(axis=(1, 2, 3), keepdims=True)
    return (0.5 + 0.5 * weights / np.where(largest > 0, largest, 1)).transpose(0, 2, 3, 1)


def mosaic(pictures: np.ndarray, across: int = _TILES_ACROSS) -> np.ndarray:
    """Return pictures side by side, ``across`` in a row, with white lines of one pixel between and around them."""
    count, rows, columns, _ = pictures.shape
    down = -(-count // across)
    canvas = np.ones((down * (rows + 1) + 1, across * (columns + 1) + 1, 3))
    for number, picture in enumerate(pictures):
        top, left = (rows + 1) * (number // across) + 1, (columns + 1) * (number % across) + 1
        canvas[top : top + rows, left : left + columns] = picture
    return canvas


@styled
def column_filters(layers: Sequence[Filters]) -> Figure:
    """Draw the filters of both columns side by side, a row a seed, each column sorted by color share."""
    if not layers:
        return _not_run()
    down = -(-len(layers[0].shares) // 2 // _TILES_ACROSS)
    size = WIDE_INCHES, 0.2 + (0.3 + 0.4 * down) * len(layers)
    figure, grid = new_figure(*size, nrows=len(layers), ncols=2, squeeze=False)
    for axes, part in zip(grid, layers, strict=True):
        for number, (place, half) in enumerate(zip(axes, part.columns(), strict=True), 1):
            tiles = mosaic(filter_pictures(half.weights))
            place.imshow(
                tiles.repeat(_PIXELS_PER_WEIGHT, axis=0).repeat(_PIXELS_PER_WEIGHT, axis=1), interpolation="none"
            )
            place.set_axis_off()
            share = f"mean color share {half.shares.mean():.2f}"
            place.set_title(f"seed {part.seed}, column {number}: {share}", fontweight="normal", fontsize=SMALL_PT)
    figure.supxlabel(
        f"the first {len(layers)} seeds; each column's filters from the grayest to the most colored", fontsize=SMALL_PT
    )
    return figure


@styled
def specialization(table: pd.DataFrame) -> Figure:
    """Draw how differently the two columns see color: a row a variant, a dot a seed, mean and interval, chance in gray.

    Args:
        table: rows of ``color_specialization.csv``.
    """
    if table.empty:
        return _not_run()
    summary = specialization_summary(table)
    figure, axes = new_figure(WIDE_INCHES, 0.9 + 0.34 * len(summary))
    shown = [*table["color_specialization"], *table["shuffled_95th_percentile"], *summary["high"].dropna()]
    reach = 1.05 * max(shown)
    start = min(0.0, 1.05 * summary["low"].min())  # an interval may reach below what an absolute difference can be
    for place, row in enumerate(summary.itertuples()):
        arm = table[table["variant"].eq(row.variant) & table["epochs"].eq(row.epochs)]
        _draw_arm(axes, -place, arm, row, reach)
    axes.set(xlim=(start, reach), ylim=(0.6 - len(summary), 0.6))
    cut = {"columns": "", "control": " (halves)"}
    axes.set_yticks(-np.arange(len(summary)), [r.variant.replace("_", " ") + cut[r.role] for r in summary.itertuples()])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(
        "difference of the two columns' mean color shares\n"
        f"(dots: seeds, filled where p < {SPLIT_P_VALUE:g}; gray: 95 % of what shuffling filters gives)"
    )
    return figure


def _draw_arm(axes: Axes, y: int, arm: pd.DataFrame, row: tuple, reach: float) -> None:
    color = BLUE if row.role == "columns" else VERMILION
    axes.barh(y, arm["shuffled_95th_percentile"].mean(), height=0.6, color="#e6e6e6", zorder=0)
    below = y - 0.16 - 0.09 * (np.arange(len(arm)) % 2)
    for split, fill in ((False, "white"), (True, color)):  # a run that splits is never hidden by one that does not
        chosen = arm["p_value"].lt(SPLIT_P_VALUE).eq(split).to_numpy()
        dots = {"linestyle": "none", "marker": "o", "markersize": 3.5, "markeredgewidth": 0.8}
        values = arm["color_specialization"].to_numpy()[chosen]
        axes.plot(values, below[chosen], color=color, markerfacecolor=fill, **dots)
    axes.plot([row.low, row.high], [y + 0.12] * 2, color=color, linewidth=2)
    axes.plot(row.mean, y + 0.12, marker="D", color=color, markersize=5)
    label_point(axes, reach, y, f"{row.n_split} of {row.n_seeds} split", (6, 0), color=MUTED)


@styled
def top_five_lists(images: Sequence[TopFive], seed: int | None) -> Figure:
    """Draw each image with its class and, below, bars of the five likeliest classes, the right one marked."""
    if not images:
        return _not_run()
    across = 4
    figure, grid = new_figure(
        *(WIDE_INCHES, 5.2), nrows=4, ncols=across, squeeze=False, gridspec_kw={"height_ratios": [1, 1.05, 1, 1.05]}
    )
    for place, found in enumerate(images):
        row, column = divmod(place, across)
        picture, bars = grid[2 * row, column], grid[2 * row + 1, column]
        picture.imshow(found.image, interpolation="nearest")
        picture.set_axis_off()
        picture.set_title(CIFAR10_CLASSES[found.label], loc="center")
        _draw_bars(bars, found)
    figure.supxlabel(
        f"probability of the five likeliest classes, seed {seed}, those below 1/510 left out; the right one in green",
        fontsize=SMALL_PT,
    )
    return figure


def _draw_bars(axes: Axes, found: TopFive) -> None:
    places = -np.arange(len(found.classes))
    colors = [_RIGHT if name == found.label else _OTHER for name in found.classes]
    axes.barh(places, found.probabilities, color=colors, height=0.8)
    for place, name in zip(places, found.classes, strict=True):
        weight = "bold" if name == found.label else "normal"
        axes.text(0.03, place, CIFAR10_CLASSES[name], va="center", fontsize=SMALL_PT, fontweight=weight)
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
        return _not_run()
    near = len(found[0].by_features)
    widths = [1, 0.3, *[1] * near, 0.3, *[1] * near]
    size = WIDE_INCHES, 0.5 + 0.62 * len(found)
    figure, grid = new_figure(*size, nrows=len(found), ncols=len(widths), squeeze=False, width_ratios=widths)
    for row, query in zip(grid, found, strict=True):
        _draw_image(row[0], query.image, query.label, None)
        _draw_neighbors(row[2 : 2 + near], query.by_features, query.feature_labels, query.label)
        _draw_neighbors(row[3 + near :], query.by_pixels, query.pixel_labels, query.label)
        row[1].set_axis_off()
        row[2 + near].set_axis_off()
    grid[0, 0].set_title(" ")  # makes the headings' room
    _heading(grid[0, 0], "query")
    by_features, by_pixels, words = _purity_words(purity)
    _heading(grid[0, 2], f"nearest in features, seed {seed} ({by_features})")
    _heading(grid[0, 3 + near], f"nearest in pixels ({by_pixels})")
    figure.supxlabel(f"framed: of the query's class; in parentheses their share\n{words}", fontsize=SMALL_PT)
    return figure


def _purity_words(purity: pd.DataFrame) -> tuple[str, str, str]:
    """Return the purities by features and by pixels, and their difference with what they are of, in words."""
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
    name = CIFAR10_CLASSES[label]
    axes.text(
        0.5, -0.04, _SHORT.get(name, name), transform=axes.transAxes, ha="center", va="top", fontsize=SMALL_PT - 1
    )
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(visible=label == wanted, color=GREEN, linewidth=2)


def _not_run() -> Figure:
    figure, axes = new_figure(WIDE_INCHES, 1)
    axes.set_axis_off()
    axes.text(0.5, 0.5, "not run yet", **_NOT_RUN)
    return figure
