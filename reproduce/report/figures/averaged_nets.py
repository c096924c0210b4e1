"""The figure of averaged nets: points by which the error is lower, against the number of nets."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from reproduce.base.text import format_number
from reproduce.report.style import (
    BLUE,
    GRAY,
    GREEN,
    ORANGE,
    PURPLE,
    SMALL_PT,
    VERMILION,
    WIDE_INCHES,
    headline,
    new_figure,
    note,
    styled,
)

_LOOKS = ((BLUE, "o"), (VERMILION, "s"), (GREEN, "^"), (PURPLE, "D"), (ORANGE, "v"))


_PAPERS_NETS = 5  # the paper averages five nets (Table 2)


@styled
def averaged_nets(ensembles: pd.DataFrame) -> Figure:
    """Draw the points by which the error of k averaged nets is lower than one net's, against k, one panel per scale.

    Filled marks are means of at least two groups. In each panel the five variants with the most seeds are named; the
    others are thin gray lines.

    Args:
        ensembles: the table ``ensembles.csv``.
    """
    scales = list(ensembles.groupby("scale", sort=True))
    if not scales:
        return note("no four seeds yet")
    figure, grid = new_figure(WIDE_INCHES, 3.6, ncols=len(scales), squeeze=False, sharey=True)
    for axes, (name, shown) in zip(grid.flat, scales, strict=True):
        _draw_scale(axes, f"CIFAR-10, {name} scale", shown)
    headline(figure, _sentence(ensembles))
    grid[0, 0].set_ylim(0, 1.55 * ensembles["gain_percentage_points"].max())  # the keys stand above the lines
    grid[0, 0].set_ylabel("points of test error lower than one net's")
    key = "nets averaged (filled: mean over groups that share no seed; hollow: one group; gray: other variants)"
    figure.supxlabel(key, fontsize=SMALL_PT + 1)
    return figure


def _sentence(ensembles: pd.DataFrame) -> str:
    """Return a sentence on five averaged nets, of the variant with the most groups of five."""
    nets = min(_PAPERS_NETS, ensembles["nets"].max())
    row = ensembles[ensembles["nets"].eq(nets)].nlargest(1, "groups").iloc[0]
    gain, one, several = (
        format_number(row[name])
        for name in ("gain_percentage_points", "member_error_percent", "ensemble_error_percent")
    )
    return (
        f"With {nets} nets of {row['variant']} averaged the test error is {gain} points lower "
        f"({several} in place of {one} %, {row['scale']} scale)."
    )


def _draw_scale(axes: Axes, title: str, shown: pd.DataFrame) -> None:
    arms = list(shown.groupby(["study", "variant", "epochs"], sort=False))
    arms.sort(key=lambda arm: -len(arm[1]))  # one row per k: the most seeds come first
    key = []
    for place, ((_, variant, _), arm) in enumerate(arms):
        if place >= len(_LOOKS):
            axes.plot(arm["nets"], arm["gain_percentage_points"], color=GRAY, linewidth=0.6, alpha=0.7, zorder=1)
            continue
        color, marker = _LOOKS[place]
        axes.plot(arm["nets"], arm["gain_percentage_points"], color=color, linewidth=1)
        look = {"marker": marker, "markersize": 4.5, "linestyle": "none", "zorder": 4, "color": color}
        for several, fill in ((True, color), (False, "white")):
            part = arm[arm["groups"].gt(1).eq(several)]
            axes.plot(part["nets"], part["gain_percentage_points"], markerfacecolor=fill, **look)
        key.append(Line2D([], [], label=variant, **look))
    axes.legend(handles=key, loc="upper left", labelspacing=0.3)
    axes.set_title(title)
    axes.set_xlim(0.5, shown["nets"].max() + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=2))
