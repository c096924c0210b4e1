"""The same weights under other labels and on other images. Table in, figure out."""

import pandas as pd
from matplotlib.figure import Figure

from reproduce.base.text import format_number
from reproduce.report.style import (
    BLUE,
    INK,
    MUTED,
    VERMILION,
    WIDE_INCHES,
    headline,
    label_point,
    new_figure,
    styled,
    text_color,
)

_MEASURES = {
    "imagenetv2_top1_error_percent": (VERMILION, "s", "new images\n(ImageNet-V2)"),
    "real_top1_error_percent": (BLUE, "o", "the same images,\nreassessed labels\n(ReaL)"),
}
_NAMED = ("NASNet-A", "EVA-02-L", "VGG-16")


@styled
def error_by_labels(tested: pd.DataFrame) -> Figure:
    """Draw each model's errors by reassessed labels and on new images against its error by the contest's labels.

    Args:
        tested: ``model_sizes.relabeled``.
    """
    figure, axes = new_figure(WIDE_INCHES, 3.8)
    headline(figure, _sentence(tested))
    first = tested["top1_error_percent"]
    ends = [first.min() - 1, first.max() + 1]
    axes.plot(ends, ends, color=MUTED, linestyle="--", linewidth=1, zorder=1)
    label_point(axes, ends[1], ends[1], "no change", (4, 0), color=MUTED)
    worst = tested.iloc[-1]
    for column, (color, marker, words) in _MEASURES.items():
        axes.plot(first, tested[column], color=color, marker=marker, markersize=3.5, linestyle="none", alpha=0.45)
        label_point(axes, worst["top1_error_percent"], worst[column], words, (7, 0), color=text_color(color))
    for name in _NAMED:
        row = tested[tested["name"].eq(name)].iloc[0]
        x = row["top1_error_percent"]
        axes.plot([x] * 2, [row[column] for column in _MEASURES], color=INK, linewidth=0.7, zorder=1.5)
        label_point(axes, x, row["imagenetv2_top1_error_percent"], name, (8, -7))
    axes.set(xlim=(ends[0], ends[1] + 0.5), xlabel="top-1 error by the contest's labels, %", ylabel="top-1 error, %")
    return figure


def _sentence(tested: pd.DataFrame) -> str:
    best = tested.iloc[0]
    images, labels = (best[column] for column in _MEASURES)
    more = tested["imagenetv2_top1_error_percent"] - tested["top1_error_percent"]
    first, labels, images = (format_number(error, 1) for error in (best["top1_error_percent"], labels, images))
    low, high = (format_number(points, 0) for points in (more.min(), more.max()))
    return (
        f"The best weights re-tested ({best['name']}) make {first} % errors by the contest's labels, {labels} by "
        f"reassessed ones, {images} on new images; all {len(tested)} make {low} to {high} points more there."
    )
