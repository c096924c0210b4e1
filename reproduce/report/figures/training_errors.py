"""Training error by epoch, a line per seed, as in the paper's Figure 1: until every arm comes to a target."""

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from reproduce.base.text import format_number
from reproduce.report.style import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    PURPLE,
    SMALL_PT,
    VERMILION,
    WIDE_INCHES,
    headline,
    new_figure,
    styled,
)

_AIR = 1.08  # at the right of the longest run, so that the panels' numbers do not meet
_LOOKS = (
    (BLUE, "-", "o"),
    (VERMILION, (0, (4, 1.5)), "s"),
    (PURPLE, (0, (4, 1, 1, 1)), "v"),
    (GREEN, (0, (1, 1)), "^"),
)


@styled
def training_errors(
    curves: pd.DataFrame, crossings: pd.DataFrame, units: Sequence[str], target_percent: float, sentence: str
) -> Figure:
    """Draw the running training error by epoch and mark where each arm reaches the target.

    One panel per net, one line per seed.

    Args:
        curves: columns net, unit, seed, epoch, training_error_percent.
        crossings: columns net, unit, measure, seeds, mean (epochs); the figure shows the rows of the running error.
        units: all units, in the order of the legend.
        target_percent: the training error at which an arm's epochs are counted, drawn dashed.
        sentence: the headline.
    """
    nets = list(dict.fromkeys(curves["net"])) or [""]
    looks = dict(zip(units, _LOOKS, strict=False))
    figure, grid = new_figure(WIDE_INCHES, 3.5, ncols=len(nets), squeeze=False, sharex=True, sharey=True)
    headline(figure, sentence)
    for axes, net in zip(grid.flat, nets, strict=True):
        axes.set_title(net)
        _draw_net(axes, curves[curves["net"].eq(net)], crossings[crossings["net"].eq(net)], looks, target_percent)
    grid[0, 0].set_xlim(0, _AIR * curves["epoch"].max() if len(curves) else None)  # of every panel
    grid[0, 0].set_ylabel("running training error, %")
    figure.supxlabel(
        "epoch (one line per seed; a run ends once its error in test mode is at 25 %, too)", fontsize=SMALL_PT + 1
    )
    if curves.empty:
        grid[0, 0].text(0.5, 0.6, "not run yet", transform=grid[0, 0].transAxes, ha="center", color=MUTED)
    return figure


def _draw_net(
    axes: Axes,
    curves: pd.DataFrame,
    crossings: pd.DataFrame,
    looks: Mapping[str, tuple[str, object, str]],
    target_percent: float,
) -> None:
    axes.axhline(target_percent, color=INK, linestyle="--", linewidth=0.8, zorder=1)
    written = crossings[crossings["measure"].eq("running")].set_index("unit")["mean"].dropna()
    for unit, (color, line, marker) in looks.items():
        arm, label = curves[curves["unit"].eq(unit)], unit
        if unit in written:
            mark = {"marker": marker, "markersize": 5, "color": color, "markeredgecolor": "white", "zorder": 3}
            axes.plot(written[unit], target_percent, **mark)
            label = f"{unit}: {format_number(written[unit], 1)}"
        for number, (_, seed) in enumerate(arm.groupby("seed")):
            named = (
                {} if number else {"label": label, "marker": marker, "markersize": 5, "markevery": []}
            )  # for the key
            axes.plot(seed["epoch"], seed["training_error_percent"], color=color, linestyle=line, linewidth=1, **named)
    if len(curves):
        title = f"epochs to {target_percent:g} %, mean over seeds"
        axes.legend(loc="upper right", fontsize=SMALL_PT, title=title, title_fontsize=SMALL_PT, alignment="left")
    axes.set_ylim(0, 75)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, steps=[1, 2, 5, 10]))
