"""Training and test error by epoch, a panel per variant."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from reproduce.base.text import format_number
from reproduce.report.style import (
    BLUE,
    GRAY,
    INK,
    SMALL_PT,
    VERMILION,
    WIDE_INCHES,
    headline_with_key,
    new_figure,
    say_not_run,
    styled,
)

_CURVES = {
    "test_error_percent": {"color": BLUE, "linestyle": "-", "label": "test"},
    "training_error_percent": {"color": VERMILION, "linestyle": "-", "label": "training (running)"},
}
_IN_AXES = {"xycoords": "axes fraction", "textcoords": "offset points", "va": "bottom"}
_PRINTED = {"linestyle": "none", "marker": "D", "markersize": 4.5, "markeredgecolor": INK, "markeredgewidth": 0.8}
# Wider than a printed mark, which may lie on it.
_AVERAGED = {"linestyle": "none", "marker": "o", "markersize": 9, "markeredgecolor": "white", "markeredgewidth": 0.8}
_MOST_LETTERS = 24  # of a bold title, in a third of the page's width
_INSET = (0.36, 0.6, 0.46, 0.32)  # above the curves, which are low by then, and left of the falls of the learning rate


@styled
def learning_curves(
    histories: pd.DataFrame, published: pd.DataFrame, averaged: pd.DataFrame, printed: pd.DataFrame | None = None
) -> Figure:
    """Draw training and test error by epoch, a panel per variant: seeds thin, mean thick, published value dashed.

    Args:
        histories: columns ``variant``, ``epochs`` (length of schedule), ``seed``, ``epoch``, ``weight_rate_factor``,
            ``training_error_percent``, ``test_error_percent`` (one center view); panels in order of appearance.
        published: columns ``variant``, ``value`` (percent) and ``label``; a variant may be absent.
        averaged: test errors by several views at the end of training, from ``records.averaged_view_errors``.
        printed: errors that the authors printed during training, from ``cifar10_nets.printed_points``.
    """
    panels = list(histories.groupby(["variant", "epochs"], sort=False))
    columns = min(3, max(1, len(panels)))
    rows = -(-len(panels) // columns) or 1
    figure, grid = new_figure(WIDE_INCHES, 0.6 + 2.45 * rows, nrows=rows, ncols=columns, squeeze=False, sharey=True)
    most = 1 + int(published["variant"].value_counts().max() if len(published) else 0) + bool(len(averaged))
    for axes, ((variant, epochs), history) in zip(grid.flat, panels, strict=False):
        seeds = history["seed"].nunique()
        drawn = published[published["variant"].eq(variant)]
        ends = averaged[averaged["variant"].eq(variant) & averaged["epochs"].eq(epochs)]
        lines = [f"{epochs} epochs, {seeds} seed{'s' if seeds > 1 else ''}"]
        lines += [f"dashed: {label}" for label in drawn["label"]]
        lines += [f"dot: {format_number(error, 1)} %, views averaged" for error in ends["error_percent"]]
        _title(axes, str(variant), lines, most)
        _draw_history(axes, history)
        _draw_published(axes, drawn)
        axes.plot(ends["epochs"], ends["error_percent"], color=BLUE, zorder=3, **_AVERAGED)
        if printed is not None:
            _draw_printed(axes, history, printed[printed["variant"].eq(variant) & printed["epochs"].eq(epochs)])
    for axes in grid.flat[len(panels) :]:
        axes.set_visible(False)
    if histories.empty:
        say_not_run(figure)
        return figure
    marks = []
    if len(averaged):
        marks.append(Line2D([], [], color=BLUE, label="ours, views averaged (mean of seeds)", **_AVERAGED))
    if printed is not None and len(printed):
        at_end = " (at the end: views averaged)" if printed["passes"].ge(printed["epochs"]).any() else ""
        marks.append(Line2D([], [], color="white", label=f"authors, printed{at_end}", **_PRINTED))
    _finish_curves(figure, grid, histories, _sentence(histories, published, averaged), marks)
    return figure


def _title(axes: Axes, title: str, lines: list[str], most: int) -> None:
    """Write a bold title with lines of small type under it, above the axes; titles of a row are at one height."""
    axes.set_title(_in_lines(title), pad=4 + 11 * most)
    blank = [" "] * (most - len(lines))
    text = axes.annotate(
        "\n".join([*lines, *blank]), (0, 1), xytext=(0, 5), fontsize=SMALL_PT, linespacing=1.2, **_IN_AXES
    )
    text.set_in_layout(False)  # the title's pad already makes the room


def _in_lines(name: str) -> str:
    """Return the name of a variant, in two lines if it is too long for the width of a panel."""
    breaks = [place for place, letter in enumerate(name) if letter == "_"]
    if len(name) <= _MOST_LETTERS or not breaks:
        return name
    middle = min(breaks, key=lambda place: abs(place - len(name) / 2))
    return f"{name[: middle + 1]}\n{name[middle + 1 :]}"


def _draw_history(axes: Axes, history: pd.DataFrame) -> None:
    _draw_seeds(axes, history)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    rates = history.drop_duplicates("epoch").sort_values("epoch")
    for epoch in rates["epoch"][rates["weight_rate_factor"].diff().lt(0)]:
        axes.axvline(epoch - 0.5, color=GRAY, linestyle=":", linewidth=0.8, zorder=0)


def _draw_seeds(axes: Axes, history: pd.DataFrame) -> None:
    for column, look in _CURVES.items():
        style = {key: look[key] for key in ("color", "linestyle")}
        for _, seed in history.groupby("seed"):
            axes.plot(seed["epoch"], seed[column], linewidth=0.5, alpha=0.35, **style)
        mean = history.groupby("epoch")[column].mean()
        axes.plot(mean.index, mean, linewidth=1.5, label=look["label"], **style)


def _draw_printed(axes: Axes, history: pd.DataFrame, points: pd.DataFrame) -> None:
    """Mark the authors' points; if all lie in the first tenth of the training, mark them in an inset of that tenth."""
    last = points["passes"].max()
    if last < history["epoch"].max() / 10:
        axes = axes.inset_axes(_INSET)
        _draw_seeds(axes, history[history["epoch"].le(np.ceil(last) + 1)])
        axes.set_xlim(0.5, last + 0.5)
        axes.margins(y=0.15)
        axes.set_title(f"epochs 1 to {np.ceil(last):.0f}", fontsize=SMALL_PT - 1, fontweight="normal", pad=3)
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.tick_params(labelsize=SMALL_PT - 1, length=2)
    for point in points.itertuples():
        color = _CURVES[f"{point.measure}_error_percent"]["color"]
        axes.plot(point.passes, point.error_percent, color=color, zorder=4, **_PRINTED)


def _draw_published(axes: Axes, published: pd.DataFrame) -> None:
    for row in published.itertuples():
        axes.axhline(row.value, color=INK, linestyle="--", linewidth=1)
        beside = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "va": "center"}
        axes.annotate(f"{row.value:g}", (1, row.value), xytext=(3, 0), fontsize=SMALL_PT, **beside)


def _sentence(histories: pd.DataFrame, published: pd.DataFrame, averaged: pd.DataFrame) -> str:
    """Return the mean errors at the end; where some are published, those alone, by the views of the published test."""
    ended = histories[histories["epoch"].eq(histories["epochs"])]
    ends = ended.groupby(["variant", "epochs"], sort=False)["test_error_percent"].mean()
    by_views = averaged.set_index(["variant", "epochs"])["error_percent"]
    printed = published.drop_duplicates("variant").set_index("variant")["value"]
    compared = ends[ends.index.get_level_values("variant").isin(printed.index)]
    if compared.empty:
        errors = [f"{variant} {format_number(error, 1)} %" for (variant, _), error in ends.items()]
        return f"Test error after the last epoch, by one center view: {', '.join(errors)}."
    errors = []
    for run, error in compared.items():
        shown = by_views[run] if run in by_views.index else error
        errors.append(f"{run[0]} {format_number(shown, 1)} ({printed[run[0]]:g})")
    return f"Test error at the end (published), %: {', '.join(errors)}."


def _finish_curves(
    figure: Figure, grid: np.ndarray, histories: pd.DataFrame, sentence: str, marks: list[Line2D]
) -> None:
    panels = histories.groupby(["variant", "epochs"])["test_error_percent"]
    top = 1.15 * float(panels.quantile(0.97).max())  # a long training must not cut off the start of a short one
    grid[0, 0].set_ylim(0, min(100.0, top))
    for axes in grid[:, 0]:
        axes.set_ylabel("error, %")
    figure.supxlabel("epoch (dotted: the learning rate falls)", fontsize=SMALL_PT + 1)
    handles, _ = grid[0, 0].get_legend_handles_labels()
    headline_with_key(figure, sentence, [*handles, *marks], handlelength=2.4)
