"""The figures of our own runs: learning curves, verdicts, and seeds by precision. Table in, figure out."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from reproduce.base.text import format_number, with_interval
from reproduce.report.style import (
    BLUE,
    GRAY,
    GREEN,
    INK,
    MUTED,
    PURPLE,
    SMALL_PT,
    VERMILION,
    WIDE_INCHES,
    label_point,
    new_figure,
    styled,
    text_color,
)

_CURVES = {
    "test_error_percent": {"color": BLUE, "linestyle": "-", "label": "test"},
    "training_error_percent": {"color": VERMILION, "linestyle": (0, (4, 1.5)), "label": "training (running)"},
}
VERDICT_LOOKS = {
    "reproduced": (GREEN, "o"),
    "direction reproduced": (BLUE, "^"),
    "direction reproduced, size not": (BLUE, "v"),
    "no effect": (MUTED, "s"),
    "inconclusive": (MUTED, "D"),
    "not reproduced": (VERMILION, "X"),
    "not run": (GRAY, "none"),
}
_IN_AXES = {"xycoords": "axes fraction", "textcoords": "offset points", "va": "bottom"}
_PRINTED = {"linestyle": "none", "marker": "D", "markersize": 4.5, "markeredgecolor": INK, "markeredgewidth": 0.8}
_INSET = (0.36, 0.6, 0.46, 0.32)  # clear of the curves, which are low by then, and left of the falls of the rate
_PRECISION_LOOKS = {"fp32": (BLUE, "o"), "bf16": (PURPLE, "s")}


@styled
def learning_curves(histories: pd.DataFrame, published: pd.DataFrame, printed: pd.DataFrame | None = None) -> Figure:
    """Draw training and test error by epoch, a panel per variant: thin seeds, their mean, the published value dashed.

    Args:
        histories: columns ``variant``, ``epochs`` (length of schedule), ``seed``, ``epoch``, ``weight_rate_factor``,
            ``training_error_percent``, ``test_error_percent`` (one center view); panels in order of appearance.
        published: columns ``variant``, ``value`` (percent) and ``label``; a variant may be absent.
        printed: what the authors print of the course of training, that of ``training_points.printed_points``.
    """
    panels = list(histories.groupby(["variant", "epochs"], sort=False))
    columns = min(3, max(1, len(panels)))
    rows = -(-len(panels) // columns) or 1
    figure, grid = new_figure(WIDE_INCHES, 0.3 + 2.45 * rows, nrows=rows, ncols=columns, squeeze=False, sharey=True)
    most = 1 + int(published["variant"].value_counts().max() if len(published) else 0)
    for axes, ((variant, epochs), history) in zip(grid.flat, panels, strict=False):
        seeds = history["seed"].nunique()
        drawn = published[published["variant"].eq(variant)]
        counted = f"{epochs} epochs, {seeds} seed{'s' if seeds > 1 else ''}"
        _title(axes, str(variant), [counted, *(f"dashed: {label}" for label in drawn["label"])], most)
        _draw_history(axes, history)
        _draw_published(axes, drawn)
        if printed is not None:
            _draw_printed(axes, history, printed[printed["variant"].eq(variant) & printed["epochs"].eq(epochs)])
    for axes in grid.flat[len(panels) :]:
        axes.set_visible(False)
    _finish_curves(figure, grid, histories, has_printed=printed is not None and len(printed) > 0)
    _say_if_empty(figure, histories)
    return figure


def _say_if_empty(figure: Figure, table: pd.DataFrame) -> None:
    if table.empty:
        figure.text(0.5, 0.6, "not run yet", ha="center", va="center", color=MUTED, fontstyle="italic")


def _title(axes: Axes, title: str, lines: list[str], most: int) -> None:
    """Write a bold title with lines of small type under it, above the axes; titles of a row are at one height."""
    axes.set_title(title, pad=4 + 11 * most)
    blank = [" "] * (most - len(lines))
    text = axes.annotate(
        "\n".join([*lines, *blank]), (0, 1), xytext=(0, 5), fontsize=SMALL_PT, linespacing=1.2, **_IN_AXES
    )
    text.set_in_layout(False)  # the title's pad already makes the room


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
    """Mark the authors' points; where all lie in the first tenth of the training, in an inset of that part instead."""
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


def _finish_curves(figure: Figure, grid: np.ndarray, histories: pd.DataFrame, has_printed: bool) -> None:
    if histories.empty:
        return
    panels = histories.groupby(["variant", "epochs"])["test_error_percent"]
    top = 1.15 * float(panels.quantile(0.97).max())  # a long training must not cut off the start of a short one
    grid[0, 0].set_ylim(0, min(100.0, top))
    for axes in grid[:, 0]:
        axes.set_ylabel("error, %")
    figure.supxlabel("epoch (dotted: the learning rate falls)", fontsize=SMALL_PT + 1)
    handles, _ = grid[0, 0].get_legend_handles_labels()
    if has_printed:
        handles.append(Line2D([], [], color="white", label="authors, printed (at the end: ten views)", **_PRINTED))
    figure.legend(handles=handles, loc="outside upper left", ncols=3, handlelength=2.4)


@styled
def verdict_forest(verdicts: pd.DataFrame, seeds: pd.DataFrame) -> Figure:
    """Draw each claim's seeds, mean and 95 % interval as distances from the published value, with its margin as a band.

    Args:
        verdicts: rows of the verdict table in percent or percentage points (``claim_id``, ``label``, ``target_kind``,
            ``target_value``,
            ``margin``, ``estimate``, ``low``, ``high``, ``n_seeds``, ``verdict``); a claim without runs stays as a row.
        seeds: columns ``claim_id`` and ``value``, one value a seed, in the claim's unit.
    """
    figure, axes = new_figure(WIDE_INCHES, 0.9 + 0.42 * max(1, len(verdicts)))
    reach = _forest_reach(verdicts, seeds)
    for position, row in enumerate(verdicts.itertuples()):
        _draw_claim(axes, -position, row, seeds.loc[seeds["claim_id"].eq(row.claim_id), "value"], reach)
    axes.axvline(0, color=INK, linestyle="--", linewidth=1, zorder=1)
    axes.set(xlim=(-reach, reach), ylim=(-len(verdicts) + 0.4, 0.6))
    key = "band: the margin fixed before the runs; small dots: seeds"
    axes.set_xlabel(f"ours minus the source's figure, percentage points\n({key})")
    axes.set_yticks(-np.arange(len(verdicts)), [_claim_words(row) for row in verdicts.itertuples()])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    return figure


def _forest_reach(verdicts: pd.DataFrame, seeds: pd.DataFrame) -> float:
    targets = verdicts.set_index("claim_id")["target_value"]
    distances = [
        verdicts["margin"],
        verdicts["low"] - verdicts["target_value"],
        verdicts["high"] - verdicts["target_value"],
        seeds["value"] - seeds["claim_id"].map(targets[~targets.index.duplicated()]).astype(float),
    ]
    return 1.1 * max([float(part.abs().max()) for part in distances if part.notna().any()], default=1.0)


def _claim_words(row: tuple) -> str:
    kind = {"authors_log": "authors' log"}.get(row.target_kind, row.target_kind)
    return f"{row.label}\n{kind} {format_number(row.target_value, 1)} %"


def _draw_claim(axes: Axes, y: int, row: tuple, values: pd.Series, reach: float) -> None:
    color, marker = VERDICT_LOOKS.get(row.verdict, (MUTED, "D"))
    if pd.notna(row.margin):
        axes.add_patch(Rectangle((-row.margin, y - 0.36), 2 * row.margin, 0.72, color="#e6e6e6", linewidth=0, zorder=0))
    if pd.isna(row.estimate):
        label_point(axes, reach, y, row.verdict, (6, 0), color=MUTED, fontstyle="italic")
        return
    away = np.asarray(values) - row.target_value
    below = y - 0.16 - 0.10 * (np.arange(len(away)) % 2)
    axes.plot(away, below, linestyle="none", marker=".", markersize=3, color=GRAY)
    axes.plot([row.low - row.target_value, row.high - row.target_value], [y, y], color=color, linewidth=2)
    mark = {"marker": marker, "markersize": 8, "markeredgecolor": "white", "linestyle": "none"}
    axes.plot(row.estimate - row.target_value, y, color=color, **mark)
    label_point(axes, reach, y, _estimate_words(row), (6, 0), color=text_color(color))


def _estimate_words(row: tuple) -> str:
    seeds = f"{row.n_seeds:.0f} seed{'s' if row.n_seeds > 1 else ''}"
    return f"{with_interval(row.estimate, row.low, row.high, unit=' %')}\n{seeds}: {row.verdict}"


@styled
def seed_distribution(runs: pd.DataFrame, summary: pd.DataFrame, published: float | None = None) -> Figure:
    """Draw every seed's test error by precision, with mean and 95 % interval.

    Args:
        runs: columns ``precision``, ``seed``, ``test_top1_error_percent``.
        summary: columns ``precision``, ``estimate``, ``low``, ``high`` in percent.
        published: the published error in percent, drawn dashed where given.
    """
    order = [name for name in _PRECISION_LOOKS if name in set(runs["precision"])]
    figure, axes = new_figure(WIDE_INCHES * 0.7, 0.8 + 0.55 * max(1, len(order)))
    for position, precision in enumerate(order):
        values = runs.loc[runs["precision"].eq(precision), "test_top1_error_percent"]
        _draw_precision(axes, -position, precision, values, summary[summary["precision"].eq(precision)])
    if published is not None:
        axes.axvline(published, color=INK, linestyle="--", linewidth=1, zorder=0)
        axes.annotate(f"published {published:g} %", (published, 1), xycoords=("data", "axes fraction"), xytext=(3, 0),
                      textcoords="offset points", va="top", fontsize=SMALL_PT)  # fmt: skip
    axes.set(ylim=(-len(order) + 0.4, 0.7), xlabel="test error, % (one dot a seed)")
    axes.set_yticks(-np.arange(len(order)), _counted(runs, order))
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    _say_if_empty(figure, runs)
    return figure


def _counted(runs: pd.DataFrame, order: Sequence[str]) -> list[str]:
    return [f"{name}\n{runs['precision'].eq(name).sum()} seeds" for name in order]


def _draw_precision(axes: Axes, y: int, precision: str, values: pd.Series, summary: pd.DataFrame) -> None:
    color, marker = _PRECISION_LOOKS[precision]
    spread = y - 0.2 - 0.08 * (np.arange(len(values)) % 3)
    axes.plot(values, spread, linestyle="none", marker=marker, markersize=3.5, color=color, alpha=0.6)
    for row in summary.itertuples():
        axes.plot([row.low, row.high], [y, y], color=color, linewidth=2)
        axes.plot(row.estimate, y, marker=marker, color=color, markersize=6)
        text = with_interval(row.estimate, row.low, row.high, unit=" %")
        label_point(axes, row.estimate, y, text, (0, 5), color=text_color(color))
