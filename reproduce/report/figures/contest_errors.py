"""The contest's errors from 2010 to 2017, one band per test set. Tables in, figure out."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reproduce.base.text import format_number
from reproduce.report.literature.drops import comparison
from reproduce.report.style import (
    BLUE,
    INK,
    MUTED,
    ORANGE,
    PURPLE,
    SMALL_PT,
    VERMILION,
    WIDE_INCHES,
    headline,
    label_point,
    new_figure,
    styled,
    text_color,
)

_YEARS = range(2010, 2018)
_SET_SPANS = {"ILSVRC-2010": (2009.8, 2010.86), "ILSVRC-2011": (2010.9, 2011.86), "ILSVRC-2012": (2011.9, 2017.45)}
_BAND = "#f2f2f2"
_WINNER = {"color": BLUE, "marker": "o", "linestyle": "-", "markersize": 5, "linewidth": 1.3}
_RUNNER_UP = {"color": ORANGE, "marker": "s", "linestyle": "none", "markersize": 7}  # shows behind a winner's dot
_OUTSIDE = _WINNER | {"linestyle": "none", "markerfacecolor": "white"}
_ONE_NETWORK = {"color": PURPLE, "marker": "D", "linestyle": "none", "markersize": 5}
_LATER_PAPER = {"color": INK, "marker": "^", "linestyle": "none", "markersize": 5.5}
_QUOTED = {"color": VERMILION, "linestyle": "--", "linewidth": 1.2, "zorder": 2}
_ARROW = {"arrowstyle": "-|>", "color": INK, "linewidth": 1, "shrinkA": 4, "shrinkB": 4, "mutation_scale": 8}
_FIRST_LOW_YEAR = 2015  # from here on winner and runner-up nearly coincide


@styled
def contest_errors(series: pd.DataFrame, alexnet: pd.Series, human: pd.Series, drops: pd.DataFrame) -> Figure:
    """Draw the contest's top-5 errors, one band per test set; arrows join results on the same images.

    Args:
        series: ``timeline.contest_series``.
        alexnet: ``timeline.single_alexnet`` (one network, validation images).
        human: ``timeline.human_error``.
        drops: from ``literature.drops``. Its top-5 rows on the same images are the arrows; the quoted drop is dashed.
    """
    figure, axes = new_figure(WIDE_INCHES, 4.7)
    headline(figure, _sentence(drops))
    for name, (first, last) in _SET_SPANS.items():
        axes.axvspan(first, last, color=_BAND, linewidth=0, zorder=0)
        several = name == "ILSVRC-2012"
        what = f"{name} test set, the same images to 2017" if several else f"{name}\ntest set"
        axes.text((first + last) / 2, 40.4, what, ha="center", va="top", fontsize=SMALL_PT, color=MUTED)
    _draw_entries(axes, series)
    _draw_drops(axes, drops)
    _draw_single_network(axes, alexnet)
    _draw_human(axes, human)
    axes.set(xlim=(2009.8, 2017.45), ylim=(0, 41), xlabel="contest", ylabel="top-5 error, %")
    axes.set_xticks(list(_YEARS), [str(year) for year in _YEARS])
    axes.legend(loc="upper right", bbox_to_anchor=(1.0, 0.94), handlelength=2.6, labelspacing=0.55)
    return figure


def _sentence(drops: pd.DataFrame) -> str:
    same, quoted = comparison(drops, "supplied"), comparison(drops, "quoted")
    ends = [format_number(row[f"{end}_percent"], 1) for row in (same, quoted) for end in ("before", "after")]
    return (
        f"On the same 2012 images the top-5 error fell from {ends[0]} to {ends[1]} %. "
        f"The quoted {ends[2]} to {ends[3]} % compares two test sets."
    )


def _draw_entries(axes: Axes, series: pd.DataFrame) -> None:
    entries = series.assign(x=series["year"], y=series["top5_error_percent"])
    supplied = entries[~entries["outside_data"]]
    names = {"runner-up": (_RUNNER_UP, "runner-up", 3), "winner": (_WINNER, "winner, supplied data only", 3.5)}
    for place, (look, words, order) in names.items():
        for test_set, part in supplied[supplied["place"].eq(place)].groupby("test_set"):
            axes.plot(part["x"], part["y"], label=words if test_set == "ILSVRC-2012" else None, zorder=order, **look)
    outside = entries[entries["outside_data"]]
    axes.plot(outside["x"], outside["y"], label="winner, with outside data", zorder=4, **_OUTSIDE)
    for row in outside.itertuples():
        label_point(axes, row.x, row.y, format_number(row.y, 1), (3, -4), ha="center", color=text_color(BLUE))
    for row in supplied.itertuples():
        _label_entry(axes, row)


def _label_entry(axes: Axes, row: tuple) -> None:
    winner = row.place == "winner"
    name, error = row.team.split(" (")[0], format_number(row.y, 1)
    look = {"color": text_color(BLUE if winner else ORANGE)}
    if row.year < 2012:
        name = name.replace("University of ", "").replace(" & ", "\n+ ")
        label_point(axes, row.x, row.y, f"{name}\n{error}", (6, 4), **look | {"va": "center"})
    elif row.year == 2012:
        label_point(axes, row.x, row.y, f"{name} {error}", (9, 0) if winner else (6, 4), **look)
    elif row.year < _FIRST_LOW_YEAR:  # to the right of the pair, above the falling line
        label_point(axes, row.x, row.y, f"{name} {error}", (5, 3 if winner else 9), **look | {"va": "bottom"})
    else:  # the runner-up over its mark, the winner under it
        box = {"boxstyle": "square,pad=0.1", "facecolor": _BAND, "linewidth": 0}
        words, offset = (f"{name} {error}", (0, -4)) if winner else (f"{name}\n{error}".replace("-S", "-\nS"), (0, 5))
        if row.year == _FIRST_LOW_YEAR and not winner:
            offset = (12, 5)  # off the winners' line
        if row.year == _YEARS[-1] and winner:
            offset = (5, -4)  # away from the long name of the year before
        label_point(axes, row.x, row.y, words, offset, bbox=box, zorder=2.5, ha="center", **look)


def _draw_drops(axes: Axes, drops: pd.DataFrame) -> None:
    contest, paper, quoted = (comparison(drops, name) for name in ("supplied", "older", "quoted"))
    axes.annotate("", (2012, contest["after_percent"]), (2012, contest["before_percent"]), arrowprops=_ARROW)
    middle = 0.7 * contest["before_percent"] + 0.3 * contest["after_percent"]
    label_point(axes, 2012, middle, f"same images:\nlower by {_drop_words(contest)}", (5, 0), fontweight="bold")
    ends = [paper["before_percent"], paper["after_percent"]]
    axes.plot([2010, 2010], ends, label="published after that contest", **_LATER_PAPER)
    axes.annotate("", (2010, ends[1]), (2010, ends[0]), arrowprops=_ARROW)
    label_point(axes, 2010, ends[0], f"Fisher\nvectors\n{format_number(ends[0], 1)}", (6, 1), va="top")
    label_point(axes, 2010, ends[1], f"AlexNet\n{format_number(ends[1], 1)}", (6, -1), va="top")
    in_lines = _drop_words(paper).replace(" ", "\n", 1)
    label_point(axes, 2010, 0.3 * ends[0] + 0.7 * ends[1], in_lines, (5, 0), fontweight="bold")
    pair = [quoted["before_percent"], quoted["after_percent"]]
    axes.plot([2011, 2012], pair, label="the quoted drop: two test sets", **_QUOTED)
    words = f"quoted:\n{format_number(pair[0], 1)} to\n{format_number(pair[1], 1)}"
    label_point(axes, 2011.55, 20.0, words, (-5, 0), color=text_color(VERMILION), va="top")


def _drop_words(drop: pd.Series) -> str:
    points, share = format_number(drop["drop_points"], 1), format_number(drop["drop_percent"], 0)
    return f"{points} points\n({share} %)"


def _draw_single_network(axes: Axes, alexnet: pd.Series) -> None:
    y = alexnet["top5_error_percent"]
    axes.plot(2012.14, y, label="one AlexNet, validation images", zorder=5, **_ONE_NETWORK)
    label_point(axes, 2012.14, y, f"one AlexNet {format_number(y, 1)}", (6, 3), va="bottom", color=text_color(PURPLE))


def _draw_human(axes: Axes, human: pd.Series) -> None:
    y = human["top5_error_percent"]
    first, last = _SET_SPANS["ILSVRC-2012"]  # the person saw images of that test set
    axes.plot([first, last], [y, y], color=MUTED, linestyle=":", linewidth=1, zorder=1)
    words = f"one trained person, {human['images']:,} test images: {format_number(y, 1)}"
    label_point(axes, first, y, words, (3, -3), color=MUTED)
