"""The figure of averaged nets: error against the number of nets."""

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


@styled
def averaged_nets(ensembles: pd.DataFrame) -> Figure:
    """Draw the error of k averaged nets against k, one panel per study.

    Filled marks are means of at least two groups.

    In each panel the five variants with the most seeds are named; the others are gray.

    Args:
        ensembles: the table ``ensembles.csv``.
    """
    studies = list(ensembles.groupby("study", sort=False))
    if not studies:
        return note("no four seeds yet")
    figure, grid = new_figure(WIDE_INCHES, 4.1, ncols=len(studies), squeeze=False)
    for axes, (name, study) in zip(grid.flat, studies, strict=False):
        _draw_study(axes, str(name), study)
    headline(figure, _sentence(ensembles))
    grid[0, 0].set_ylabel("test error, %")
    figure.supxlabel(
        "nets averaged (filled: mean over groups that share no seed; hollow: one group)", fontsize=SMALL_PT + 1
    )
    return figure


def _sentence(ensembles: pd.DataFrame) -> str:
    """Return a sentence on the gain from averaging the largest number of nets in the table."""
    most = ensembles.loc[ensembles["nets"].idxmax()]
    gain = most["member_error_percent"] - most["ensemble_error_percent"]
    net = f"{most['study']} {most['variant'].replace('_', ' ')}"
    return (
        f"Averaging {most['nets']} nets of {net} lowers the test error from "
        f"{format_number(most['member_error_percent'], 1)} to {format_number(most['ensemble_error_percent'], 1)} %, by "
        f"{format_number(gain, 1)} points."
    )


def _draw_study(axes: Axes, name: str, study: pd.DataFrame) -> None:
    arms = list(study.groupby(["variant", "epochs"], sort=False))
    arms.sort(key=lambda arm: -len(arm[1]))  # one row per k: the most seeds come first
    key = []
    for place, ((variant, _), arm) in enumerate(arms):
        named = place < len(_LOOKS)
        color, marker = _LOOKS[place] if named else (GRAY, ".")
        axes.plot(arm["nets"], arm["ensemble_error_percent"], color=color, linewidth=1 if named else 0.6)
        look = {"marker": marker, "markersize": 4.5, "linestyle": "none", "zorder": 4, "color": color}
        for several, fill in ((True, color), (False, "white")):
            part = arm[arm["groups"].gt(1).eq(several)]
            axes.plot(part["nets"], part["ensemble_error_percent"], markerfacecolor=fill, **look)
        if place <= len(_LOOKS):
            key.append(Line2D([], [], label=variant.replace("_", " ") if named else "the others", **look))
    axes.legend(handles=key, loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2)  # inside it would cover marks
    axes.set_title(name)
    axes.set_xlim(0.5, study["nets"].max() + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=2))
