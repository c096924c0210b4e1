"""Filters of the first layer by column, and how differently the columns see color."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reproduce.base.text import format_number
from reproduce.report.style import (
    BLUE,
    MUTED,
    RULE,
    SMALL_PT,
    VERMILION,
    WIDE_INCHES,
    headline,
    label_point,
    new_figure,
    not_run,
    styled,
)
from reproduce.runs.filters import SPLIT_P_VALUE, specialization_summary

_TILES_ACROSS = 8
_PIXELS_PER_WEIGHT = 12  # pixels are repeated, so that no viewer smooths them


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


def filter_pictures(weights: np.ndarray) -> np.ndarray:
    """Return filters as pictures, (maps, rows, columns, 3) from 0 to 1, in which a weight of 0 is mid gray.

    Args:
        weights: (maps, 3, rows, columns); each filter is scaled so that its weight of largest magnitude becomes 0 or 1.
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
    """Draw the filters of both columns side by side, one row per seed, each column sorted by color share."""
    if not layers:
        return not_run()
    down = -(-len(layers[0].shares) // 2 // _TILES_ACROSS)
    size = WIDE_INCHES, 0.6 + (0.3 + 0.4 * down) * len(layers)
    figure, grid = new_figure(*size, nrows=len(layers), ncols=2, squeeze=False)
    headline(figure, _shares_sentence(layers))
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


def _shares_sentence(layers: Sequence[Filters]) -> str:
    apart = [abs(first.shares.mean() - second.shares.mean()) for first, second in (each.columns() for each in layers)]
    return (
        "Gray and colored filters occur in both columns; their mean color shares differ by "
        f"{min(apart):.2f} to {max(apart):.2f} in the first {len(layers)} seeds."
    )


@styled
def specialization(table: pd.DataFrame) -> Figure:
    """Draw how unequally the two columns divide color, with the level of chance in gray.

    One row per variant: one dot per seed, and their mean. An absolute difference cannot be below zero, so a symmetric
    interval of its mean would mislead. The number of seeds whose columns split says how sure the finding is.

    Args:
        table: rows of ``color_specialization.csv``.
    """
    if table.empty:
        return not_run()
    summary = _tested_first(specialization_summary(table))
    figure, axes = new_figure(WIDE_INCHES, 1.3 + 0.34 * len(summary))
    headline(figure, _split_sentence(summary))
    reach = 1.05 * max([*table["color_specialization"], *table["shuffled_95th_percentile"]])
    for place, row in enumerate(summary.itertuples()):
        arm = table[table["variant"].eq(row.variant) & table["epochs"].eq(row.epochs)]
        _draw_arm(axes, -place, arm, row, reach)
    axes.set(xlim=(0, reach), ylim=(0.6 - len(summary), 0.6))
    n_tested = int(_is_tested(summary).sum())
    if n_tested < len(summary):
        axes.axhline(0.5 - n_tested, color=MUTED, linewidth=0.8)
        label_point(axes, reach, 0.5 - n_tested, "below: no test, looked at afterward", (-2, -2), color=MUTED)
    cut = {"columns": "", "control": " (halves)"}
    axes.set_yticks(-np.arange(len(summary)), [r.variant.replace("_", " ") + cut[r.role] for r in summary.itertuples()])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(
        "difference of the two columns' mean color shares (orange: of two halves of one column)\n"
        f"diamond: mean; dots: seeds, filled where p < {SPLIT_P_VALUE:g}\n"
        "gray: 95 % of what shuffling a seed's filters gives, mean over seeds"
    )
    return figure


def _is_tested(summary: pd.DataFrame) -> pd.Series:
    """Return which rows the study's test is about: the base, which comes first, and the control."""
    return summary["role"].eq("control") | summary["variant"].eq(summary["variant"].iloc[0])


def _tested_first(summary: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([summary[_is_tested(summary)], summary[~_is_tested(summary)]])


def _split_sentence(summary: pd.DataFrame) -> str:
    columns = summary[summary["role"].eq("columns")]
    base = columns.iloc[0]
    split, runs = columns["n_split"].sum(), columns["n_seeds"].sum()
    chance = f"chance alone would give {format_number(SPLIT_P_VALUE * runs, 0)}"
    if split * 2 >= runs:
        return f"The two columns divide color in {split} of {runs} runs; {chance}."
    return (
        f"The two columns seldom divide color: in {base['n_split']} of {base['n_seeds']} runs of the base, and in "
        f"{split} of all {runs} runs with two columns; {chance}."
    )


def _draw_arm(axes: Axes, y: int, arm: pd.DataFrame, row: tuple, reach: float) -> None:
    color = BLUE if row.role == "columns" else VERMILION
    axes.barh(y, arm["shuffled_95th_percentile"].mean(), height=0.6, color=RULE, zorder=0)
    below = y - 0.16 - 0.09 * (np.arange(len(arm)) % 2)
    for split, fill in ((False, "white"), (True, color)):  # drawn last, a run that splits is never hidden
        chosen = arm["p_value"].lt(SPLIT_P_VALUE).eq(split).to_numpy()
        dots = {"linestyle": "none", "marker": "o", "markersize": 3.5, "markeredgewidth": 0.8}
        values = arm["color_specialization"].to_numpy()[chosen]
        axes.plot(values, below[chosen], color=color, markerfacecolor=fill, **dots)
    axes.plot(row.mean, y + 0.12, marker="D", color=color, markersize=5)
    label_point(axes, reach, y, f"{row.n_split} of {row.n_seeds} split", (6, 0), color=MUTED)
