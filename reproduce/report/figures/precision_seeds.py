"""Seeds of one net by precision, with mean and interval."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reproduce.base.text import with_interval
from reproduce.report.style import (
    BLUE,
    INK,
    PURPLE,
    SMALL_PT,
    WIDE_INCHES,
    headline,
    label_point,
    new_figure,
    say_not_run,
    styled,
    text_color,
)

_PRECISION_LOOKS = {"fp32": (BLUE, "o"), "bf16": (PURPLE, "s")}


@styled
def seed_distribution(
    runs: pd.DataFrame, summary: pd.DataFrame, difference: str = "", published: float | None = None
) -> Figure:
    """Draw every seed's test error by precision, with mean and 95 % interval.

    Args:
        runs: columns ``precision``, ``seed``, ``test_top1_error_percent``.
        summary: columns ``precision``, ``estimate``, ``low``, ``high`` in percent.
        difference: by how much the error in bf16 is lower or higher, in words; empty where it is not known.
        published: the published error in percent, drawn dashed where given.
    """
    order = [name for name in _PRECISION_LOOKS if name in set(runs["precision"])]
    figure, axes = new_figure(WIDE_INCHES * 0.7, 1.15 + 0.55 * max(1, len(order)))
    if difference:
        headline(figure, f"In bf16 the error is {difference}.")
    for position, precision in enumerate(order):
        values = runs.loc[runs["precision"].eq(precision), "test_top1_error_percent"]
        _draw_precision(axes, -position, precision, values, summary[summary["precision"].eq(precision)])
    if published is not None:
        axes.axvline(published, color=INK, linestyle="--", linewidth=1, zorder=0)
        axes.annotate(f"published {published:g} %", (published, 1), xycoords=("data", "axes fraction"), xytext=(3, 0),
                      textcoords="offset points", va="top", fontsize=SMALL_PT)  # fmt: skip
    axes.set(ylim=(-len(order) + 0.4, 0.7), xlabel="test error, % (one dot per seed)")
    axes.set_yticks(-np.arange(len(order)), _counted(runs, order))
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    if runs.empty:
        say_not_run(figure)
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
