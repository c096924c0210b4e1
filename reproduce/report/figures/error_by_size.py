"""Top-1 error against parameters and against operations, one network each. Table in, figure out."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

from reproduce.base.text import format_number
from reproduce.report.literature.model_sizes import alexnet_and_its_equal
from reproduce.report.style import (
    BLUE,
    INK,
    MUTED,
    SMALL_PT,
    VERMILION,
    WIDE_INCHES,
    headline,
    label_point,
    new_figure,
    styled,
    text_color,
)

# Models named in both panels, with their labels' offsets in points: in the left panel, in the right panel.
_NAMED = {
    "AlexNet": ((7, 3), (6, 4)),
    "ShuffleNet V2 x0.5": ((6, -3), (6, -3)),
    "VGG-16": ((7, 2), (6, 2)),
    "GoogLeNet": ((5, 8), (5, 9)),
    "ResNet-50": ((6, 22), (-26, -26)),
    "EfficientNet-B4": ((-4, -9), (-4, -9)),
    "NASNet-A": ((16, 22), (8, 22)),
    "VOLO-D5": ((-3, -8), (-3, -8)),
}
_FAR_PT = 10  # from here on a thin line leads from a name to its mark
_LEADER = {"arrowstyle": "-", "color": INK, "linewidth": 0.6, "shrinkA": 0, "shrinkB": 3}
_BEFORE_2015 = "2012 to 2014"
_PANELS = {
    "params_millions": "parameters, millions (log scale)",
    "gmacs": "10\u2079 multiply-accumulates per view (log scale)",
}


@styled
def error_by_size(sized: pd.DataFrame) -> Figure:
    """Draw top-1 error against parameters (left) and multiply-accumulates (right), AlexNet's error as a line.

    Args:
        sized: ``model_sizes.sized_models``.
    """
    alexnet, equal = alexnet_and_its_equal(sized)
    figure, grid = new_figure(WIDE_INCHES, 3.9, ncols=2, sharey=True)
    headline(figure, _sentence(alexnet, equal))
    for axes, (column, words) in zip(grid, _PANELS.items(), strict=True):
        _draw_panel(axes, sized, column, alexnet)
        axes.set(xscale="log", xlabel=words, ylim=(8, 49))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    grid[0].set_ylabel("top-1 error on ImageNet validation, %")
    grid[1].legend(loc="upper right", handletextpad=0.3)
    return figure


def _sentence(alexnet: pd.Series, equal: pd.Series) -> str:
    errors = [format_number(row["top1_error_percent"], 1) for row in (equal, alexnet)]
    fewer = format_number(alexnet["gmacs"] / equal["gmacs"], 0)
    return (
        f"{equal['name']} by one view does no worse than AlexNet by ten ({errors[0]} against {errors[1]} % top-1 "
        f"error): {format_number(equal['params_millions'], 1)} million parameters instead of "
        f"{format_number(alexnet['params_millions'], 0)}, and {fewer} times fewer operations."
    )


def _draw_panel(axes: Axes, sized: pd.DataFrame, column: str, alexnet: pd.Series) -> None:
    axes.axhline(alexnet["top1_error_percent"], color=MUTED, linestyle=":", linewidth=1, zorder=0)
    place = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "ha": "right", "va": "top"}
    words = "AlexNet's error, by ten views"
    axes.annotate(words, (1, alexnet["top1_error_percent"]), (-2, -2), fontsize=SMALL_PT, color=MUTED, **place)
    early = sized["year"].lt(2015)
    for part, color, marker, words in (
        (sized[~early], BLUE, "o", f"{sized['year'][~early].min()} to {sized['year'].max()}"),
        (sized[early], VERMILION, "s", _BEFORE_2015),
    ):
        look = {"color": color, "marker": marker, "linestyle": "none", "markersize": 3.5, "alpha": 0.45}
        axes.plot(part[column], part["top1_error_percent"], label=words, **look)
    for name, offsets in _NAMED.items():
        row = _own_figure(sized[sized["name"].eq(name)])
        color, marker = (VERMILION, "s") if row["year"] < 2015 else (BLUE, "o")
        axes.plot(row[column], row["top1_error_percent"], marker, color=INK, markersize=5, markerfacecolor="none")
        offset = offsets[list(_PANELS).index(column)]
        look = {"color": text_color(color)}
        if max(map(abs, offset)) > _FAR_PT:
            place = {"xytext": offset, "textcoords": "offset points", "arrowprops": _LEADER}
            axes.annotate("", (row[column], row["top1_error_percent"]), **place)
        label_point(axes, row[column], row["top1_error_percent"], name, offset, **look)


def _own_figure(rows: pd.DataFrame) -> pd.Series:
    """Return one row of a model that was trained or tested several times.

    It is its own paper's figure if there is one, by one view if that is printed, and else the highest.
    """
    ordered = rows.assign(
        is_other=~rows["kind"].eq("published"),
        has_more_views=~rows["views"].eq("one"),
        lower=-rows["top1_error_percent"],
    )
    return ordered.sort_values(["is_other", "has_more_views", "lower"], kind="stable").iloc[0]
