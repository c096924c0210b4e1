"""Error by epoch, a panel per arm, beside the arm that it departs from."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from reproduce.report.style import BLUE, MUTED, SMALL_PT, VERMILION, WIDE_INCHES, new_figure, styled

_MEASURES = {"training": "--", "validation": "-"}
_WORDS = {"training": "training, as trained (running)", "validation": "held out"}
_COLUMNS = 3
_PANEL_INCHES = 1.75
_BASE_COLOR = "#a0a0a0"


@styled
def arms_beside_base(curves: pd.DataFrame, base: str) -> Figure:
    """Draw the errors by epoch of each arm that is as long as the base, in a panel of its own, over the base's in gray.

    Args:
        curves: columns variant, epochs, epoch, n_seeds, training_error_percent, validation_error_percent.
        base: the variant that every other one is drawn beside.
    """
    length = curves.loc[curves["variant"].eq(base), "epochs"].max()
    curves = curves[curves["epochs"].eq(length)]
    arms = [variant for variant in curves["variant"].unique() if variant != base]
    columns = min(_COLUMNS, max(1, len(arms)))
    rows = max(1, -(-len(arms) // columns))
    figure, grid = new_figure(
        WIDE_INCHES, 0.8 + _PANEL_INCHES * rows, nrows=rows, ncols=columns, squeeze=False, sharex=True, sharey=True
    )
    for axes, arm in zip(grid.flat, arms, strict=False):
        _draw_arm(axes, curves[curves["variant"].eq(arm)], curves[curves["variant"].eq(base)])
    for axes in grid.flat[len(arms) :]:
        axes.set_axis_off()
    if not arms:
        grid[0, 0].text(0, 0.5, "not run yet", color=MUTED)
        return figure
    figure.supylabel("top-1 error, % (mean over seeds)", fontsize=SMALL_PT + 1)
    figure.supxlabel("epoch", fontsize=SMALL_PT + 1)
    figure.legend(handles=_legend(), loc="outside upper center", ncols=3)
    return figure


def _draw_arm(axes: Axes, arm: pd.DataFrame, base: pd.DataFrame) -> None:
    for measure, line in _MEASURES.items():
        for curve, color, width in ((base, _BASE_COLOR, 1.0), (arm, _color(measure), 1.2)):
            axes.plot(curve["epoch"], curve[f"{measure}_error_percent"], color=color, linestyle=line, linewidth=width)
    seeds = arm["n_seeds"].iloc[0]
    axes.set_title(arm["variant"].iloc[0].replace("_", " "))
    words = "1 seed" if seeds == 1 else f"{seeds} seeds"
    axes.text(0.98, 0.95, words, transform=axes.transAxes, ha="right", va="top", color=MUTED, fontsize=SMALL_PT)
    axes.set_ylim(0, 60)
    axes.set_xlim(left=0)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True, steps=[1, 2, 2.5, 5, 10]))
    axes.tick_params(labelbottom=True)


def _color(measure: str) -> str:
    return VERMILION if measure == "training" else BLUE


def _legend() -> list[Line2D]:
    of_arms = [
        Line2D([], [], color=_color(measure), linestyle=line, label=_WORDS[measure])
        for measure, line in _MEASURES.items()
    ]
    return [*of_arms, Line2D([], [], color=_BASE_COLOR, label="the base's")]
