"""The picture of the points by which normalization lowers the errors of the 13 % net, epoch by epoch and at the end."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reproduce.base.text import format_number, with_interval
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
)

# Each measure by the column of the histories: its name, color and line.
_LINES = {
    "validation": ("held-out error, center view", BLUE, "-"),
    "test": ("test error, center view", SKY, "-"),
    "training": ("running training error", VERMILION, "--"),
}

_AVERAGED = 20  # epochs


@styled
def normalization_course(lowered: pd.DataFrame, step: DrawnStep, drops: list[int]) -> Figure:
    """Draw the points by which each error is lower with normalization, a mean over seeds; below zero it is higher.

    Args:
        lowered: columns epoch, training, validation and test; an error is missing where it was not measured.
        step: normalization by itself, by ten views after the last epoch, where it is drawn as a dot.
        drops: the epochs after which the learning rate falls.
    """
    if lowered.empty or pd.isna(step.points):
        return not_run()
    figure, axes = new_figure(WIDE_INCHES, 3.4)
    headline(figure, _sentence(lowered, step))
    axes.axhline(0, color=INK, linewidth=0.7, zorder=1)
    for epoch in drops:
        axes.axvline(epoch, color=MUTED, linestyle=":", linewidth=0.8, zorder=0)
    for measure, (name, color, line) in _LINES.items():
        axes.plot(lowered["epoch"], lowered[measure], color=color, linestyle=line, linewidth=1.2, label=name)
    _draw_end(axes, int(lowered["epoch"].max()), step)
    axes.set_xlim(0, 1.28 * lowered["epoch"].max())
    axes.set_xticks(range(0, int(lowered["epoch"].max()) + 1, 20))
    axes.set_ylabel("points lower with normalization\n(means over seeds)")
    axes.set_xlabel("epoch (dotted: the learning rate falls)")
    axes.legend(loc="lower left", fontsize=SMALL_PT)
    return figure


def _draw_end(axes: Axes, epoch: int, step: DrawnStep) -> None:
    x = 1.03 * epoch
    if pd.notna(step.low):
        axes.plot([x, x], [step.low, step.high], color=INK, linewidth=1.8)
    axes.plot(x, step.points, marker="o", markersize=6, color=INK, markeredgecolor="white", zorder=3)
    words = f"test error, ten views:\n{with_interval(step.points, step.low, step.high)}"
    label_point(axes, x, step.points, words, (6, 0), color=INK)


def _sentence(lowered: pd.DataFrame, step: DrawnStep) -> str:
    end = f"At the end, by ten views, the 13 % net's test error is {_side(step.points)} with normalization."
    held_out = lowered.dropna(subset=["validation"]).tail(_AVERAGED)  # one epoch's error jumps by a point
    if held_out.empty:
        return end
    first, last = held_out["epoch"].iloc[[0, -1]]
    return f"{end} Over epochs {first} to {last} its held-out error is {_side(held_out['validation'].mean())} with it."


def _side(points: float) -> str:
    return f"{format_number(abs(points))} points {'lower' if points >= 0 else 'higher'}"
