"""The picture of the points by which normalization lowers the errors of the 13 % net, epoch by epoch and at the end."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reproduce.base.text import format_number
from reproduce.report.figures.error_steps import DrawnStep
from reproduce.report.style import (
    BLUE,
    INK,
    MUTED,
    SKY,
    SMALL_PT,
    VERMILION,
    WIDE_INCHES,
    headline,
    label_point,
    new_figure,
    not_run,
    styled,
    text_color,
)

# Each measure by the column of the histories: its name, color and line.
_LINES = {
    "validation": ("held-out error, center view", BLUE, "-"),
    "test": ("test error, center view", SKY, "-"),
    "training": ("running training error", VERMILION, "--"),
}


@styled
def normalization_course(lowered: pd.DataFrame, ten_views: DrawnStep, center: DrawnStep, drops: list[int]) -> Figure:
    """Draw the points by which each error is lower with normalization, a mean over seeds; below zero it is higher.

    Args:
        lowered: columns epoch, training, validation and test; an error is missing where it was not measured.
        ten_views, center: normalization by itself after the last epoch, drawn as dots with their intervals.
        drops: the epochs after which the learning rate falls.
    """
    if lowered.empty or pd.isna(ten_views.points):
        return not_run()
    figure, axes = new_figure(WIDE_INCHES, 3.4)
    headline(figure, _sentence(ten_views, center))
    axes.axhline(0, color=INK, linewidth=0.7, zorder=1)
    for epoch in drops:
        axes.axvline(epoch, color=MUTED, linestyle=":", linewidth=0.8, zorder=0)
    for measure, (name, color, line) in _LINES.items():
        axes.plot(lowered["epoch"], lowered[measure], color=color, linestyle=line, linewidth=1.2, label=name)
    axes.margins(y=0.14)
    last = int(lowered["epoch"].max())
    _draw_end(axes, 1.03 * last, ten_views, "ten views", INK)
    _draw_end(axes, 1.06 * last, center, "the center view", text_color(SKY))
    _mark_fifth_file(axes, lowered)
    axes.set_xlim(0, 1.4 * last)
    axes.set_xticks(range(0, int(lowered["epoch"].max()) + 1, 20))
    axes.set_ylabel(f"points lower with normalization\n(means over {ten_views.n_seeds} seeds)")
    axes.set_xlabel("epoch (dotted: the learning rate falls)")
    axes.legend(loc="lower left", fontsize=SMALL_PT)
    return figure


def _draw_end(axes: Axes, x: float, step: DrawnStep, views: str, color: str) -> None:
    if pd.isna(step.points):
        return
    if pd.notna(step.low):
        axes.plot([x, x], [step.low, step.high], color=color, linewidth=1.8)
    axes.plot(x, step.points, marker="o", markersize=6, color=color, markeredgecolor="white", zorder=3)
    words = step.words.replace(" (", "\n(")
    away = 3 if step.points > 0 else -3  # the two labels and the line at zero keep apart
    label_point(axes, x, step.points, f"at the end, by {views}:\n{words}", (6, away), color=color)


def _mark_fifth_file(axes: Axes, lowered: pd.DataFrame) -> None:
    """Mark the epoch from which on the held-out file is trained on, too."""
    held_out = lowered.dropna(subset=["validation"])["epoch"]
    if len(held_out) and held_out.max() < lowered["epoch"].max():
        axes.axvline(held_out.max(), color=BLUE, linestyle="--", linewidth=0.8, zorder=0)
        place = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points", "va": "top", "ha": "right"}
        words = "the held-out file joins\nthe training images"
        axes.annotate(words, (held_out.max(), 1), (-3, -1), fontsize=SMALL_PT, color=text_color(BLUE), **place)


def _sentence(ten_views: DrawnStep, center: DrawnStep) -> str:
    said = f"With normalization the 13 % net's test error ends {_side(ten_views.points)} by ten views"
    return f"{said}." if pd.isna(center.points) else f"{said} and {_side(center.points)} by the center view."


def _side(points: float) -> str:
    return f"{format_number(abs(points))} points {'lower' if points >= 0 else 'higher'}"
