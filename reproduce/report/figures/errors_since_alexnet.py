"""Single models on ImageNet validation since AlexNet: the yearly record, and top-1 and top-5 errors up to NASNet."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from reproduce.base.text import format_number
from reproduce.report.literature.milestones import known_as
from reproduce.report.style import (
    BLUE,
    ORANGE,
    VERMILION,
    WIDE_INCHES,
    headline,
    label_point,
    new_figure,
    styled,
    text_color,
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
    "AmoebaNet-B": (7, 6),
    "EfficientNet-B8": (7, 4),
    "VOLO-D5": (7, 3),
    "ResNeXt WSL": (-7, -3),
    "NoisyStudent": (-7, -3),
    "ViT-H/14": (-4, -10),
    "CoCa": (-4, -8),
    "AIMv2-3B": (0, 6),
}
_TICKS = (8, 10, 15, 20, 30, 40)
_RULES = {False: (BLUE, "supplied images only"), True: (VERMILION, "with outside images")}
_QUIET_YEARS = 2  # across longer gaps the record is not drawn as a line


@styled
def errors_since_alexnet(single: pd.DataFrame, weights: pd.DataFrame) -> Figure:
    """Draw single models' top-1 error on ImageNet validation by year, told apart by views and training data.

    Args:
        single: ``milestones.published_single_models``; rows with a label are named, the rest is background.
        weights: ``milestones.best_weights``, public weights that others re-tested.
    """
    figure, axes = new_figure(WIDE_INCHES, 4.4)
    headline(figure, _sentence(single))
    for outside, (color, words) in _RULES.items():
        _draw_models(axes, single[single["outside_data"].eq(outside)], color, words, outside)
    named = single[single["label"].notna()]
    for row in weights.itertuples():
        _draw_weights(axes, row, known_as(row.model) in set(named["label"]))
    for row in named.itertuples():
        look = {
            "color": text_color(_RULES[row.outside_data][0]),
            "fontweight": "bold" if row.label in ("AlexNet", "NASNet-A") else "normal",
        }
        text = f"{row.label} {format_number(row.top1_error_percent, 1)}"
        label_point(axes, row.year, row.top1_error_percent, text, _LABEL_OFFSETS[row.label], **look)
    last = int(single["year"].max())
    axes.set(xlim=(2011.6, last + 1.1), ylim=(8, 46), yscale="log", xlabel="year of publication")
    axes.set_ylabel("top-1 error on ImageNet validation, % (log scale)")
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_yticks(_TICKS, [str(tick) for tick in _TICKS])
    axes.set_xticks(range(2012, last + 1, 2))
    axes.plot([], [], color=BLUE, alpha=0.5, linewidth=1, label="record, by any number of views")
    axes.plot([], [], "o", color=BLUE, alpha=0.35, markersize=3, label="small: not named")
    axes.legend(loc="upper right")
    return figure


def _sentence(single: pd.DataFrame) -> str:
    """Return what the record lines show."""
    first = single[single["label"].eq("AlexNet")].iloc[0]
    alone, helped = (
        single[single["outside_data"].eq(outside)].nsmallest(1, "top1_error_percent").iloc[0]
        for outside in (False, True)
    )
    start, end, outside_end = (format_number(row["top1_error_percent"], 1) for row in (first, alone, helped))
    return (
        f"One network's top-1 error fell from {start} % (AlexNet) to {end} % on the contest's images alone "
        f"({alone['label']}, {alone['year']}) and to {outside_end} % with outside images ({helped['label']}, "
        f"{helped['year']})."
    )


def _draw_weights(axes: Axes, row: tuple, is_named: bool) -> None:
    color = _RULES[row.outside_data][0]
    look = {"marker": "*", "color": color, "markerfacecolor": "white" if row.outside_data else color}
    look |= {"markersize": 9 if row.outside_data else 12}
    label = "best public weights" + (", outside images" if row.outside_data else ", re-tested, one view")
    axes.plot(row.year, row.top1_error_percent, linestyle="none", zorder=5 - is_named, label=label, **look)
    if not is_named:
        text = f"{known_as(row.model)} {format_number(row.top1_error_percent, 1)}"
        label_point(axes, row.year, row.top1_error_percent, text, (0, 6), color=text_color(color))


def _draw_models(axes: Axes, models: pd.DataFrame, color: str, words: str, hollow: bool) -> None:
    """Draw the models of one data rule as marks, and their record as steps, broken where it stood for years."""
    records = models[models["record"]]
    for _, run in records.groupby(records["year"].diff().gt(_QUIET_YEARS).cumsum()):
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


@styled
def alexnet_to_nasnet(named: pd.DataFrame) -> Figure:
    """Draw, side by side, top-1 and top-5 errors of the named models on supplied images alone, up to NASNet's year.

    No line joins two models, since some are tested by several views (filled) and some by one (hollow).

    Args:
        named: ``milestones.milestones``.
    """
    last_year = named.loc[named["label"].eq("NASNet-A"), "year"].iloc[0]
    shown = named[named["outside_data_note"].eq("no") & named["year"].le(last_year)].reset_index(drop=True)
    figure, axes = new_figure(WIDE_INCHES, 3.4)
    first, nasnet = shown.iloc[0], shown[shown["label"].eq("NASNet-A")].iloc[0]
    ends = [format_number(row[f"{metric}_error_percent"], 1) for metric in ("top1", "top5") for row in (first, nasnet)]
    headline(
        figure,
        f"From AlexNet to NASNet-A one network's top-1 error fell from {ends[0]} to {ends[1]} %, "
        f"its top-5 error from {ends[2]} to {ends[3]} %.",
    )
    for metric, color, marker in (("top1", BLUE, "o"), ("top5", ORANGE, "s")):
        errors = shown[f"{metric}_error_percent"]
        for views, fill in (("several", color), ("one", "white")):
            part = errors[shown["views"].eq(views)]
            axes.plot(
                part.index, part, color=color, marker=marker, markersize=5.5, linestyle="none", markerfacecolor=fill
            )
        for place, error in errors.items():
            label_point(axes, place, error, format_number(error, 1), (0, 6), color=text_color(color))
        words = metric.replace("top", "top-") + " error"
        label_point(axes, errors.index[-1], errors.iloc[-1], words, (9, 0), color=text_color(color))
    axes.set(ylim=(0, 46), xlim=(-0.4, len(shown) + 0.1), ylabel="error on ImageNet validation, %")
    axes.set_xlabel("filled: several views of an image; hollow: one view")
    views = shown["views"].map({"several": "several\nviews", "one": "one view"})
    ticks = shown["label"] + "\n" + shown["year"].astype(str) + "\n" + views
    axes.set_xticks(shown.index, ticks)
    return figure
