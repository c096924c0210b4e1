"""The forest plot of the ablations: what each ingredient is worth by the paper, its authors' log, and our runs."""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import FixedLocator, LogLocator, MaxNLocator, NullLocator, StrMethodFormatter

from reproduce.judge.rules import INCONCLUSIVE, NO_EFFECT, NOT_REPRODUCED, NOT_RUN, REPRODUCED
from reproduce.report.ablation_table import Panel, Row, panels, verdicts_shown
from reproduce.report.figures.verdict_forest import VERDICT_LOOKS
from reproduce.report.style import (
    INK,
    MUTED,
    PURPLE,
    RULE,
    WIDE_INCHES,
    headline_with_key,
    new_figure,
    styled,
    text_color,
    text_width_pt,
    write_beside,
)

_LINE_INCHES, _GAP_INCHES, _HEADER_INCHES, _AXIS_INCHES = 0.13, 0.07, 0.2, 0.5
_TALL_INCHES = 6.0  # from here on the axis is labeled at both ends
_INDENT_PT = 7
_TRIANGLE = 9  # matplotlib's caret whose base is at the value
_MARKS = {
    "published": {"marker": "|", "markersize": 10, "markeredgewidth": 1.8, "color": INK},
    "authors_log": {"marker": "o", "markersize": 5, "markerfacecolor": "none", "color": PURPLE},
    "bound": {"marker": _TRIANGLE, "markersize": 6, "color": INK},
    "direction": {"marker": _TRIANGLE, "markersize": 6, "color": INK, "markerfacecolor": "none"},
}
_MARK_WORDS = {
    "published": "the paper's figure",
    "bound": "at least so much",
    "authors_log": "the authors' log",
    "direction": "claimed without a figure",
}


@styled
def ablation_forest(table: pd.DataFrame, run_alone: bool = False) -> Figure:
    """Draw each ingredient's gain by the paper, the authors' log and our runs, with our 95 % interval and verdict.

    Args:
        table: from ``ablation_table.load_ablations``; a claim without runs stays as a row.
        run_alone: leave out the rows of claims that were not run; the headline counts them.

    There is one panel per unit, with ratios on a logarithmic axis. An interval that reaches far beyond everything else
    ends in an arrow at the axis' edge.
    """
    sentence = _sentence(panels(table))
    shown = panels(table[table["verdict"].ne(NOT_RUN)] if run_alone else table)
    heights = [_height(panel) for panel in shown] or [0.5]
    figure, grid = new_figure(
        WIDE_INCHES,
        0.85 + sum(heights) + _AXIS_INCHES * len(heights) + _LINE_INCHES * sum("\n" in panel.title for panel in shown),
        nrows=len(heights),
        squeeze=False,
        height_ratios=heights,
    )
    if not shown:
        grid[0, 0].set_axis_off()
        grid[0, 0].text(
            0.5,
            0.5,
            "no claim on an ablation is run" if len(table) else "no claim names an ablation",
            ha="center",
            color=MUTED,
            fontstyle="italic",
        )
        return figure
    lines = {line for panel in shown for row in panel.rows for line in row.label}
    margin = _INDENT_PT + 6 + max(map(text_width_pt, lines))
    for axes, panel in zip(grid[:, 0], shown, strict=True):
        _draw_panel(axes, panel, margin)
    headline_with_key(figure, sentence, _handles(shown), ncols=4, handlelength=1.6, columnspacing=1.2)
    return figure


def _sentence(shown: Sequence[Panel]) -> str:
    rows = [row for panel in shown for row in panel.rows]
    counts = Counter(row.verdict for row in rows if row.verdict != NOT_RUN)
    in_direction = sum(count for verdict, count in counts.items() if verdict.startswith("direction reproduced"))
    said = [f"{in_direction} reproduced in direction"] if in_direction else []
    others = (REPRODUCED, NO_EFFECT, INCONCLUSIVE, NOT_REPRODUCED)
    said += [f"{counts[verdict]} {verdict}" for verdict in others if counts[verdict]]
    listed = f": {', '.join(said)}" if said else ""
    return f"Of {len(rows)} claims about ingredients {counts.total()} were run here{listed}."


def _row_height(row: Row) -> float:
    return _GAP_INCHES + _LINE_INCHES * max(len(row.label), len(row.result))


def _height(panel: Panel) -> float:
    return _HEADER_INCHES * len(panel.groups) + sum(map(_row_height, panel.rows))


def _draw_panel(axes: Axes, panel: Panel, margin_pt: float) -> None:
    """Draw a panel on an axis that runs downwards in inches."""
    null, reach = float(panel.is_ratio), _limits(panel)
    axes.set(xscale="log" if panel.is_ratio else "linear", xlim=reach, xlabel=panel.title)
    axes.set(ylim=(_height(panel), 0), yticks=[])
    axes.spines["left"].set_visible(False)
    locator = LogLocator(subs=(1, 2, 5)) if panel.is_ratio else MaxNLocator(6)
    axes.xaxis.set_major_locator(locator if _figures(panel) else FixedLocator([null]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.grid(axis="x", color=RULE, linewidth=0.6)
    axes.tick_params(axis="x", labeltop=_height(panel) > _TALL_INCHES)
    axes.axvline(null, color=INK, linestyle="--", linewidth=0.8, zorder=1)
    top = 0.0
    for ablation, rows in panel.groups.items():
        axes.axhline(top, color=RULE, linewidth=0.8, zorder=0)
        write_beside(axes, 0, top + _HEADER_INCHES / 2, ablation, -margin_pt, fontweight="bold")
        top += _HEADER_INCHES
        for row in rows:
            _draw_row(axes, top + _row_height(row) / 2, row, null, reach)
            write_beside(axes, 0, top + _row_height(row) / 2, "\n".join(row.label), _INDENT_PT - margin_pt)
            top += _row_height(row)


def _draw_row(axes: Axes, y: float, row: Row, null: float, reach: tuple[float, float]) -> None:
    color, marker = VERDICT_LOOKS.get(row.verdict, (MUTED, "D"))
    if pd.notna(row.low):
        low, high = np.clip([row.low, row.high], *reach)
        axes.plot([low, high], [y, y], color=color, linewidth=1.8, zorder=2)
        for end, edge, arrow in ((row.low, reach[0], "<"), (row.high, reach[1], ">")):
            if not reach[0] <= end <= reach[1]:
                axes.plot(edge, y, marker=arrow, color=color, markersize=5, clip_on=False, zorder=3)
    if pd.notna(row.estimate):
        axes.plot(row.estimate, y, marker=marker, color=color, markersize=6.5, markeredgecolor="white", zorder=3)
    _draw_margin(axes, y, row, bool(null))
    for kind, value in _claimed(row, null).items():
        below = kind == "direction"  # the mark tells no size, so an estimate near it may cover it
        axes.plot(value, y, linestyle="none", zorder=1.5 if below else 4, **_MARKS[kind])
    if pd.isna(row.estimate):
        write_beside(axes, 1, y, "\n".join(row.result), 6, color=MUTED, fontstyle="italic")
    else:
        write_beside(axes, 1, y, "\n".join(row.result), 6, color=text_color(color))


def _draw_margin(axes: Axes, y: float, row: Row, is_ratio: bool) -> None:
    """Draw the values that count as the published one; a bound's band ends where the axis ends."""
    if pd.isna(row.margin) or pd.isna(row.published):
        return
    low = row.published / row.margin if is_ratio else row.published - row.margin
    high = row.published * row.margin if is_ratio else row.published + row.margin
    high = axes.get_xlim()[1] if row.is_bound else high
    axes.add_patch(Rectangle((low, y - 0.11), high - low, 0.22, color=RULE, linewidth=0, zorder=0.5))


def _claimed(row: Row, null: float) -> dict[str, float]:
    """Return what is claimed, by kind of mark."""
    if row.is_direction:
        return {"direction": null}
    claimed = {"published": row.published, "authors_log": row.authors_log}
    claimed |= {"bound": row.published} if row.is_bound else {}
    return {kind: value for kind, value in claimed.items() if pd.notna(value)}


def _figures(panel: Panel) -> list[float]:
    """Return every figure and estimate of a panel."""
    found = [value for row in panel.rows for value in (row.published, row.authors_log, row.estimate)]
    return [value for value in found if pd.notna(value)]


def _limits(panel: Panel) -> tuple[float, float]:
    """Return the axis' ends: all figures and the value of no effect lie inside.

    Intervals may widen either side by at most the span of those values.
    """
    forward, back = (math.log, math.exp) if panel.is_ratio else (float, float)
    values = [forward(value) for value in [float(panel.is_ratio), *_figures(panel)]]
    ends = [forward(end) for row in panel.rows for end in (row.low, row.high) if pd.notna(end)]
    low, high = min(values), max(values)
    span = max(high - low, 0.5)
    low, high = max(min([low, *ends]), low - span), min(max([high, *ends]), high + span)
    pad = 0.08 * (high - low + span)
    return back(low - pad), back(high + pad)


def _handles(shown: Sequence[Panel]) -> list[Artist]:
    kinds = {kind for panel in shown for row in panel.rows for kind in _claimed(row, 0.0)}
    handles: list[Artist] = [
        Line2D([], [], linestyle="none", label=words, **_MARKS[kind])
        for kind, words in _MARK_WORDS.items()
        if kind in kinds
    ]
    if any(pd.notna(row.margin) and pd.notna(row.published) for panel in shown for row in panel.rows):
        handles.append(Patch(color=RULE, label="its margin, fixed before the runs"))
    found = verdicts_shown(shown)
    for verdict, (color, marker) in VERDICT_LOOKS.items():
        if verdict in found and marker != "none":
            look = {"color": color, "marker": marker, "markeredgecolor": "white", "markersize": 6.5, "linewidth": 1.8}
            handles.append(Line2D([], [], label=f"ours: {verdict}", **look))
    return handles
