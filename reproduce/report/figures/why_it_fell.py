"""The effects of the paper's own steps, beside the whole drop of 2012. Table in, figure out."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reproduce.base.text import format_number
from reproduce.report.style import (
    BLUE,
    INK,
    MUTED,
    ORANGE,
    RULE,
    VERMILION,
    WIDE_INCHES,
    headline,
    label_point,
    new_figure,
    styled,
    text_color,
)

_LOOKS = {
    "ingredient": (BLUE, "o", "ingredient of the net"),
    "averaging": (ORANGE, "s", "averaging views or nets"),
    "outside images": (VERMILION, "D", "with outside images"),
}


@styled
def why_it_fell(reasons: pd.DataFrame, drop: pd.Series) -> Figure:
    """Draw each step's printed effect on the top-1 (hollow) and top-5 error (filled), and the drop as a line.

    Args:
        reasons: ``fall_reasons.reasons``.
        drop: the row of ``literature.drops`` on the same images with supplied data.
    """
    figure, axes = new_figure(WIDE_INCHES, 4.0)
    headline(figure, _sentence(reasons, drop))
    ordered = reasons.sort_values(["top5_points", "top1_points"], na_position="first", kind="stable")
    ordered = ordered.reset_index(drop=True)
    for place, row in enumerate(ordered.itertuples()):
        _draw_step(axes, place, row)
    whole = drop["drop_points"]
    axes.axvline(whole, color=INK, linestyle="--", linewidth=1)
    words = f"second place to\nwinner, same\nimages: {format_number(whole, 1)}\n(top-5)"
    label_point(axes, whole, 3, words, (-5, 0))
    axes.set(xlim=(0, whole * 1.05), ylim=(-0.6, len(ordered) - 0.4))
    axes.set_yticks(range(len(ordered)), ordered["step"])
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color=RULE, linewidth=0.6)
    axes.set_xlabel(
        "points lower with the step, as the paper prints them\n(filled: top-5 error; hollow: top-1 error;\n"
        "steps: validation images or ILSVRC-2010;\ndrop: test images of 2012)"
    )
    for color, marker, words in _LOOKS.values():
        axes.plot([], [], color=color, marker=marker, linestyle="none", label=words)
    axes.legend(loc="upper right", bbox_to_anchor=(0.95, 0.93), handletextpad=0.2)
    return figure


def _sentence(reasons: pd.DataFrame, drop: pd.Series) -> str:
    alone = reasons[reasons["kind"].ne("outside images")]
    largest = alone.loc[alone["top5_points"].idxmax()]
    taken, whole = format_number(largest["top5_points"], 1), format_number(drop["drop_points"], 1)
    return (
        f"No step the paper measured explains the drop: the largest on the supplied images, {largest['step']}, took "
        f"{taken} of {whole} points off the top-5 error."
    )


def _draw_step(axes: Axes, place: int, row: tuple) -> None:
    color, marker, _ = _LOOKS[row.kind]
    look = {"color": color, "marker": marker, "markersize": 5.5, "linestyle": "none"}
    axes.plot(row.top1_points, place, markerfacecolor="white", **look)
    right, words = row.top1_points, format_number(row.top1_points, 1)
    if pd.notna(row.top5_points):
        axes.plot([row.top5_points, row.top1_points], [place, place], color=color, linewidth=1, zorder=1)
        axes.plot(row.top5_points, place, **look)
        words = f"{format_number(row.top5_points, 1)} (top-1: {words})"
    else:
        words = f"{'at least ' if row.is_bound else ''}{words} (top-1; no top-5 printed)"
    label_point(axes, right, place, words, (7, 0), color=text_color(color) if row.kind else MUTED)
