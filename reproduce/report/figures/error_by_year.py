"""The two figures of the literature: the contest's errors, and single models since AlexNet. Table in, figure out."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from reproduce.base.text import format_number
from reproduce.report.style import (
    BLUE,
    INK,
    MUTED,
    ORANGE,
    PURPLE,
    SMALL_PT,
    VERMILION,
    WIDE_INCHES,
    label_point,
    new_figure,
    styled,
    text_color,
)

# Where each contest stands: gaps part the test sets, since errors on different images make no line.
_POSITIONS = {2010: 0.0, 2011: 1.7} | {year: 4.15 + year - 2012 for year in range(2012, 2018)}
_SET_SPANS = {"ILSVRC-2010": (-0.3, 1.28), "ILSVRC-2011": (1.4, 2.75), "ILSVRC-2012": (2.9, 9.7)}
_WINNER = {"color": BLUE, "marker": "o", "linestyle": "-", "markersize": 5, "linewidth": 1.3}
_RUNNER_UP = {"color": ORANGE, "marker": "s", "linestyle": "--", "markersize": 5, "linewidth": 1.3}
_OUTSIDE = _WINNER | {"linestyle": "none", "markerfacecolor": "white"}
_ONE_NETWORK = {"color": PURPLE, "marker": "D", "linestyle": "none", "markersize": 5}
_LATER_PAPER = {"color": INK, "marker": "^", "linestyle": "none", "markersize": 5.5}
_ARROW = {"arrowstyle": "-|>", "color": INK, "linewidth": 1, "shrinkA": 4, "shrinkB": 4, "mutation_scale": 8}


@styled
def contest_errors(series: pd.DataFrame, alexnet: pd.Series, human: pd.Series, drops: pd.DataFrame) -> Figure:
    """Draw the contest's top-5 errors, one band per test set; arrows join results on the same images.

    Args:
        series: ``timeline.contest_series``.
        alexnet: ``timeline.single_alexnet`` (one network, validation images).
        human: ``timeline.human_error``.
        drops: ``timeline.drops``; its top-5 rows on the same images are the arrows.
    """
    figure, axes = new_figure(WIDE_INCHES, 4.1)
    for name, (first, last) in _SET_SPANS.items():
        axes.axvspan(first, last, color="#f2f2f2", linewidth=0, zorder=0)
        several = name == "ILSVRC-2012"
        what = f"{name} test set, the same images to 2017" if several else f"{name}\ntest set"
        axes.text((first + last) / 2, 40.4, what, ha="center", va="top", fontsize=SMALL_PT, color=MUTED)
    _draw_entries(axes, series)
    _draw_drops(axes, drops)
    _draw_single_network(axes, alexnet)
    _draw_human(axes, human)
    axes.set(xlim=(-0.3, 9.7), ylim=(0, 41), xlabel="contest", ylabel="top-5 error, %")
    axes.set_xticks(list(_POSITIONS.values()), [str(year) for year in _POSITIONS])
    axes.legend(loc="upper right", bbox_to_anchor=(1.0, 0.93), handlelength=2.6, labelspacing=0.55)
    return figure


def _draw_entries(axes: Axes, series: pd.DataFrame) -> None:
    entries = series.assign(x=series["year"].map(_POSITIONS), y=series["top5_error_percent"])
    supplied = entries[~entries["outside_data"]]
    names = {"winner": (_WINNER, "winner, supplied data only"), "runner-up": (_RUNNER_UP, "runner-up")}
    for place, (look, words) in names.items():
        for test_set, part in supplied[supplied["place"].eq(place)].groupby("test_set"):
            axes.plot(part["x"], part["y"], label=words if test_set == "ILSVRC-2012" else None, zorder=3, **look)
    outside = entries[entries["outside_data"]]
    axes.plot(outside["x"], outside["y"], label="winner, with outside data", zorder=4, **_OUTSIDE)
    for row in outside.itertuples():
        label_point(
            axes, row.x, row.y, f"{format_number(row.y, 1)} with\noutside data", (-5, -5), color=text_color(BLUE)
        )
    for row in supplied.itertuples():
        _label_entry(axes, row)


def _label_entry(axes: Axes, row: tuple) -> None:
    winner = row.place == "winner"
    name = (
        row.team.split(" (")[0].replace("University of ", "").replace(" & ", "\n+ ").replace("Trimps-S", "Trimps-\nS")
    )
    color = text_color(BLUE if winner else ORANGE)
    if row.year <= 2012:
        label_point(
            axes, row.x, row.y, f"{name}\n{format_number(row.y, 1)}", (6 if row.year < 2012 else -7, 0), color=color
        )
    elif row.year <= 2014:  # to the right of the pair, above the falling line
        label_point(
            axes,
            row.x,
            row.y,
            f"{name} {format_number(row.y, 1)}",
            (4, 11 if winner else 18) if row.year == 2014 else (4, 9 if winner else 15),
            color=color,
        )
    else:  # above the human line, the runner-up over the winner as their errors stand
        label_point(axes, row.x, 5.1 if winner else 11.0, f"{name}\n{format_number(row.y, 1)}", (0, 2), color=color)


def _draw_drops(axes: Axes, drops: pd.DataFrame) -> None:
    same = drops[drops["same_images"] & drops["metric"].eq("top-5")].set_index("comparison")
    contest, paper = same.loc["ILSVRC-2012 test, supplied data"], same.loc["ILSVRC-2010 test, one network"]
    x = _POSITIONS[2012]
    axes.annotate("", (x, contest["after_percent"]), (x, contest["before_percent"]), arrowprops=_ARROW)
    middle = (contest["before_percent"] + contest["after_percent"]) / 2
    label_point(axes, x, middle, _drop_words(contest), (-5, 0), fontweight="bold")
    x = _POSITIONS[2010]
    ends = [paper["before_percent"], paper["after_percent"]]
    axes.plot([x, x], ends, label="published after that contest", **_LATER_PAPER)
    axes.annotate("", (x, ends[1]), (x, ends[0]), arrowprops=_ARROW)
    label_point(axes, x, ends[0], f"Fisher vectors\n{format_number(ends[0], 1)}", (6, -1), va="center")
    label_point(axes, x, ends[1], f"AlexNet\n{format_number(ends[1], 1)}", (6, 0))
    label_point(axes, x, sum(ends) / 2, _drop_words(paper), (6, 0), fontweight="bold")


def _drop_words(drop: pd.Series) -> str:
    points, share = format_number(-drop["drop_points"], 1), format_number(-drop["drop_percent"], 0)
    return f"{points} points\n({share} %)"


def _draw_single_network(axes: Axes, alexnet: pd.Series) -> None:
    x, y = _POSITIONS[2012] + 0.2, alexnet["top5_error_percent"]
    axes.plot(x, y, label="one AlexNet, validation images", zorder=5, **_ONE_NETWORK)
    leader = {"arrowstyle": "-", "color": PURPLE, "linewidth": 0.7, "shrinkA": 1, "shrinkB": 4}
    place = {"xytext": (x + 0.75, y + 3.2), "fontsize": SMALL_PT, "color": text_color(PURPLE), "va": "center"}
    axes.annotate(f"one AlexNet {format_number(y, 1)}", (x, y), arrowprops=leader, **place)


def _draw_human(axes: Axes, human: pd.Series) -> None:
    y = human["top5_error_percent"]
    axes.axhline(y, color=MUTED, linestyle=":", linewidth=1, zorder=1)
    label_point(
        axes,
        -0.3,
        y,
        f"one trained person, {human['images']:,} test images: {format_number(y, 1)}",
        (3, -3),
        color=MUTED,
    )


# Points from a milestone's mark to its label, set by hand so that neighbors stay apart.
_LABEL_OFFSETS = {
    "AlexNet": (7, 4),
    "ZFNet": (7, 4),
    "VGG": (-7, -4),
    "Inception-v3": (-7, 0),
    "ResNet-152": (-7, -3),
    "PolyNet": (-5, -7),
    "NASNet-A": (-7, -6),
    "SENet-154": (-7, -17),
    "AmoebaNet-C": (8, 5),
    "EfficientNet-B7": (7, 2),
    "ResNeXt WSL": (-7, -3),
    "NoisyStudent": (-7, -3),
    "ViT-H/14": (-4, -10),
    "CoCa": (-4, -8),
}
_TICKS = (8, 10, 15, 20, 30, 40)
_RULES = {False: (BLUE, "supplied images only"), True: (VERMILION, "with outside images")}


@styled
def after_alexnet(single: pd.DataFrame, weights: pd.DataFrame) -> Figure:
    """Draw single models' top-1 error on ImageNet validation by year, told apart by views and training data.

    Args:
        single: ``milestones.published_single_models``; rows with a label are named, the rest is background.
        weights: ``milestones.best_weights``, public weights as others re-tested them.
    """
    figure, axes = new_figure(WIDE_INCHES, 4.1)
    for outside, (color, words) in _RULES.items():
        _draw_models(axes, single[single["outside_data"].eq(outside)], color, words, outside)
    for row in weights.itertuples():
        _draw_weights(axes, row)
    for row in single[single["label"].notna()].itertuples():
        weight = "bold" if row.label in ("AlexNet", "NASNet-A") else "normal"
        text, style = (
            f"{row.label} {format_number(row.top1_error_percent, 1)}",
            {"color": text_color(_RULES[row.outside_data][0]), "fontweight": weight},
        )
        label_point(axes, row.year, row.top1_error_percent, text, _LABEL_OFFSETS[row.label], **style)
    axes.set(xlim=(2011.6, 2025), ylim=(8, 46), yscale="log", xlabel="year of publication")
    axes.set_ylabel("top-1 error on ImageNet validation, % (log scale)")
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_yticks(_TICKS, [str(tick) for tick in _TICKS])
    axes.set_xticks(range(2012, 2025, 2))
    axes.legend(loc="upper right")
    return figure


def _draw_weights(axes: Axes, row: tuple) -> None:
    color = _RULES[row.outside_data][0]
    look = {"marker": "*", "color": color, "markerfacecolor": "white" if row.outside_data else color, "markersize": 9}
    label = None if row.outside_data else "best public weights, re-tested, one view"
    axes.plot(row.year, row.top1_error_percent, linestyle="none", zorder=5, label=label, **look)
    text = f"{row.model.split('.')[0]} {format_number(row.top1_error_percent, 1)}"
    label_point(axes, row.year, row.top1_error_percent, text, (0, 6), color=text_color(color))


def _draw_models(axes: Axes, models: pd.DataFrame, color: str, words: str, hollow: bool) -> None:
    """Draw one data rule: the record as steps (not across more than three silent years), the rest as marks."""
    records = models[models["record"]]
    for _, run in records.groupby(records["year"].diff().gt(3).cumsum()):
        axes.step(run["year"], run["top1_error_percent"], where="post", color=color, linewidth=1, alpha=0.5, zorder=1)
    for views, marker in (("several", "s"), ("one", "o")):
        look = {"marker": marker, "color": color, "linestyle": "none", "markerfacecolor": "white" if hollow else color}
        shown = models[models["views"].eq(views)]
        named = shown["label"].notna()
        axes.plot(shown["year"][~named], shown["top1_error_percent"][~named], markersize=3, alpha=0.35, **look)
        label = f"{words}, {views} view{'s' if views == 'several' else ''}"
        axes.plot(
            shown["year"][named], shown["top1_error_percent"][named], markersize=5.5, zorder=4, label=label, **look
        )
