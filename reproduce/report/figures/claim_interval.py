"""One claim drawn: our interval against the published value, the margin around it, and the value of no effect."""

import math
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reproduce.base.text import format_number, unit_words, with_interval
from reproduce.judge.rules import Region, accepted_region
from reproduce.report.figures.verdict_forest import VERDICT_LOOKS
from reproduce.report.style import INK, MUTED, RULE, SMALL_PT, label_point, new_figure, styled, text_color
from reproduce.study.claims import Claim

_WIDE_INCHES, _HIGH_INCHES = 3.8, 1.6


@styled
def claim_interval(claim: Claim, row: Any) -> Figure:
    """Draw a claim's mean and interval, the published value as a dashed line, and the margin as a band.

    Args:
        claim: what was claimed; its margin gives the band.
        row: the claim's row of the verdict table, with ``estimate``, ``low`` and ``high`` in ``unit``.
    """
    figure, axes = new_figure(_WIDE_INCHES, _HIGH_INCHES)
    region, nothing = accepted_region(claim), no_effect(claim)
    low, high = _reach(row, region, nothing)
    axes.set(xlim=(low, high), ylim=(-1, 1), yticks=[])
    axes.spines["left"].set_visible(False)
    if region is not None:
        axes.axvspan(max(region.low, low), min(region.high, high), color=RULE, linewidth=0, zorder=0)
    if row.target_value is not None:
        _line(axes, row.target_value, f"{row.target_kind.replace('_', ' ')} {row.target_value:g}", "--", 1.02)
    if nothing is not None:
        _line(axes, nothing, "no effect", ":", 1.02 if row.target_value is None else 1.4)
    color, marker = VERDICT_LOOKS.get(row.verdict, (MUTED, "D"))
    axes.plot([row.low, row.high], [0, 0], color=color, linewidth=2.5)
    axes.plot(row.estimate, 0, color=color, marker=marker, markersize=9, markeredgecolor="white")
    words = with_interval(row.estimate, row.low, row.high, confidence_percent=row.confidence_percent)
    patch = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1}
    label_point(axes, _inside(row.estimate, words, axes), 0, words, (0, -9), color=text_color(color), bbox=patch)
    axes.set_xlabel(axis_words(claim, row))
    return figure


def no_effect(claim: Claim) -> float | None:
    """Return the value that means no effect: 1 for a ratio, 0 for a difference, None for a single value."""
    return {"ratio": 1.0, "difference": 0.0, "gain": 0.0}.get(claim.kind)


def axis_words(claim: Claim, row: Any) -> str:
    """Return the axis' label: the quantity, its unit and the arms."""
    unit = unit_words(row.unit).strip() or "times"
    measure = str(claim.estimand).removesuffix("_percent").replace("_", " ").replace("top1", "top-1")
    arms = [arm.rpartition("/")[2] for arm in claim.arms]
    joined = f": {arms[0]} {'over' if claim.kind == 'ratio' else 'minus'} {arms[1]}" if len(arms) == 2 else ""
    return f"{measure}, {unit}\n{joined.removeprefix(': ')}".rstrip()


def interval_words(claim: Claim, row: Any) -> str:
    """Return in words what ``claim_interval`` draws, for those who cannot see it."""
    unit, region, nothing = unit_words(row.unit), accepted_region(claim), no_effect(claim)
    ours = with_interval(row.estimate, row.low, row.high, unit=unit, confidence_percent=row.confidence_percent)
    parts = [f"Ours is {ours}."]
    if row.target_value is not None:
        parts.append(f"The {row.target_kind.replace('_', ' ')} value is {row.target_value:g}{unit}.")
    if region is not None:
        ends = ["any" if math.isinf(end) else format_number(end) for end in (region.low, region.high)]
        parts.append(f"The margin reaches from {ends[0]} to {ends[1]}.")
    if nothing is not None:
        parts.append(f"No effect would be {nothing:g}.")
    return " ".join(parts)


def _reach(row: Any, region: Region | None, nothing: float | None) -> tuple[float, float]:
    ends = [row.low, row.high, row.target_value, nothing, *((region.low, region.high) if region else ())]
    known = [end for end in ends if end is not None and math.isfinite(end)]
    room = 0.12 * (max(known) - min(known))
    return min(known) - room, max(known) + room


def _inside(place: float, words: str, axes: Axes) -> float:
    """Return where to center words: at their place, or further in where they would leave the axes."""
    low, high = axes.get_xlim()
    room = 0.0085 * len(words) * (high - low)  # half the width of the words, at a sixtieth of the figure per letter
    return min(max(place, low + room), high - room)


def _line(axes: Axes, place: float, words: str, linestyle: str, height: float) -> None:
    axes.axvline(place, color=INK, linestyle=linestyle, linewidth=1, zorder=1)
    axes.text(_inside(place, words, axes), height, words, ha="center", va="bottom", fontsize=SMALL_PT)
