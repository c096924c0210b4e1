"""The paper's Figure 1 again: training error by epoch for ReLU and tanh units, every seed."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from reproduce.report.relu_vs_tanh import NETS, TARGET_PERCENT, UNITS
from reproduce.report.style import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    PURPLE,
    SMALL_PT,
    VERMILION,
    WIDE_INCHES,
    format_number,
    label_point,
    new_figure,
    styled,
    text_color,
)

_COLORS, _LINES = (BLUE, VERMILION, PURPLE, GREEN), ("-", (0, (4, 1.5)), (0, (4, 1, 1, 1)), (0, (1, 1)))
_LOOKS = dict(zip(UNITS.values(), zip(_COLORS, _LINES, strict=True), strict=True))


@styled
def training_errors(curves: pd.DataFrame, crossings: pd.DataFrame) -> Figure:
    """Draw the running training error by epoch, a panel a net, a line a seed, and where each arm comes to 25 %.

    Args:
        curves: columns net, unit, seed, epoch, training_error_percent.
        crossings: columns net, unit, measure, seeds, mean (epochs); the running ones are written.
    """
    nets = [net for net in NETS.values() if net in set(curves["net"])] or list(NETS.values())[:1]
    figure, grid = new_figure(WIDE_INCHES, 3.1, ncols=len(nets), squeeze=False, sharey=True)
    for axes, net in zip(grid.flat, nets, strict=True):
        axes.set_title(net)
        _draw_net(axes, curves[curves["net"].eq(net)], crossings[crossings["net"].eq(net)])
    grid[0, 0].set_ylabel("running training error, %")
    figure.supxlabel(
        "epoch (a line a seed; a run ends once its error in test mode is at 25 %, too)", fontsize=SMALL_PT + 1
    )
    if curves.empty:
        grid[0, 0].text(0.5, 0.6, "not run yet", transform=grid[0, 0].transAxes, ha="center", color=MUTED)
    return figure


def _draw_net(axes: Axes, curves: pd.DataFrame, crossings: pd.DataFrame) -> None:
    axes.axhline(TARGET_PERCENT, color=INK, linestyle="--", linewidth=0.8, zorder=1)
    for unit, (color, line) in _LOOKS.items():
        for _, seed in curves[curves["unit"].eq(unit)].groupby("seed"):
            axes.plot(seed["epoch"], seed["training_error_percent"], color=color, linestyle=line, linewidth=1)
    written = crossings[crossings["measure"].eq("running") & crossings["mean"].notna()].sort_values("mean")
    for place, arm in enumerate(written.itertuples()):
        color, _ = _LOOKS[arm.unit]
        axes.plot(arm.mean, TARGET_PERCENT, marker="o", markersize=5, color=color, markeredgecolor="white", zorder=3)
        text = f"{arm.unit}\n{format_number(arm.mean, 1)} epochs"
        below = (0, -6 - 26 * (place % 2))  # neighbors at two heights
        label_point(axes, arm.mean, TARGET_PERCENT, text, below, color=text_color(color))
    axes.set_xlim(left=0)
    axes.set_ylim(0, 75)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, steps=[1, 2, 5, 10]))
