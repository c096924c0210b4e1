"""The picture of the way from the 13 % net to the 11 % net: seeds, means, and the size of each step beside it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from reproduce.base.text import format_number
from reproduce.judge.rules import NOT_RUN
from reproduce.report.effects import effect_words
from reproduce.report.style import (
    BLUE,
    GRAY,
    INK,
    MUTED,
    SMALL_PT,
    WIDE_INCHES,
    headline,
    new_figure,
    styled,
    write_beside,
)
from reproduce.runs.statistics import Estimate

_ROW_INCHES = 0.5
_GAP_PT = 8  # between the axes and the words beside them
_INCOMPLETE = "a seed failed or is missing"
_CHAIN_ARMS = ("13 % net", "with normalization", "and the 11 % net's body", "and its length: the 11 % net")
_ALONE_ARMS = ("11 % net without normalization", "11 % net")


@dataclass(frozen=True)
class DrawnArm:
    """A net at one length of training: each finished seed's test error, and their mean unless a seed is lacking."""

    epochs: int
    errors: Sequence[float]
    estimate: Estimate | None

    @property
    def lack(self) -> str:
        """Why there is no mean, in words."""
        return _INCOMPLETE if self.errors else NOT_RUN


@dataclass(frozen=True)
class DrawnStep:
    """One change: the arm without and the arm with it, and the points by which it lowers the error (nan: no value).

    ``method`` is the interval's; None where the interval waits for planned seeds.
    """

    name: str
    change: str
    before: DrawnArm
    after: DrawnArm
    points: float
    low: float
    high: float
    method: str | None

    @property
    def lack(self) -> str:
        """Why there are no points, in words."""
        return NOT_RUN if NOT_RUN in (self.before.lack, self.after.lack) else _INCOMPLETE

    @property
    def n_seeds(self) -> int:
        """Seeds of the smaller arm."""
        return min(len(self.before.errors), len(self.after.errors))

    @property
    def words(self) -> str:
        """The points as "0.29 points higher (0.05 to 0.53)"; there must be a value."""
        row = {"value": self.points, "low": self.low, "high": self.high}
        return effect_words(row | {"n_seeds": self.n_seeds, "method": self.method})


@styled
def error_steps(
    chain: Sequence[DrawnStep], total: DrawnStep, alone: DrawnStep, published: tuple[float, float]
) -> Figure:
    """Draw the chain of arms from top to bottom, and normalization alone below the chain.

    The points by which each step lowers the error stand at the right.

    Args:
        chain: the steps in order, each starting from the arm at which the previous step ended. An arm without runs
            keeps its row.
        total: the whole chain as one step.
        alone: normalization by itself.
        published: errors of the 13 % and the 11 % net in percent, drawn dashed.
    """
    arms = [chain[0].before, *(step.after for step in chain)]
    alone_arms = [alone.before, alone.after]
    heights = [len(arms), len(alone_arms)]
    height_inches = _ROW_INCHES * sum(heights) + 2.1
    figure, (upper, lower) = new_figure(WIDE_INCHES, height_inches, nrows=2, sharex=True, height_ratios=heights)
    headline(figure, _sentence(chain, total))
    _draw_panel(upper, "From 13 % to 11 %, in three steps", _CHAIN_ARMS, arms, chain)
    write_beside(upper, 1, 0.15, "points of error\n(95 % interval)", _GAP_PT, color=MUTED)
    _write_size(upper, -len(chain) - 0.25, total, fontweight="bold")
    _draw_panel(lower, "Normalization alone, in the 11 % net", _ALONE_ARMS, alone_arms, [alone])
    for axes in (upper, lower):
        for value in published:
            axes.axvline(value, color=INK, linestyle="--", linewidth=1, zorder=0)
    for value in published:
        _above(upper, value, f"published {value:g} %")
    upper.set_xlim(*_reach([*arms, *alone_arms], published))
    lower.set_xlabel("test error by ten views, %\n(dots: seeds; bars: 95 % intervals of their means)")
    return figure


def _sentence(chain: Sequence[DrawnStep], total: DrawnStep) -> str:
    normalization, length = chain[0], chain[-1]
    if math.isnan(total.points) or math.isnan(normalization.points):
        return "What takes 13 to 11 % is not settled: not every net of these lengths is trained."
    whole = f"With the 11 % net in place of the 13 % net the error by ten views is {total.words}"
    alone = f"with normalization alone it is {normalization.words}"
    if math.isnan(length.low):
        return f"{whole}; {alone}, before any correction."
    return f"{whole}. By step, before any correction: {alone}, with the length alone {length.words}."


def _draw_panel(
    axes: Axes, title: str, names: Sequence[str], arms: Sequence[DrawnArm], steps: Sequence[DrawnStep]
) -> None:
    """Draw one row per arm, and between two rows the step that leads from the upper to the lower."""
    for row, arm in enumerate(arms):
        _draw_arm(axes, -row, arm)
    for row, step in enumerate(steps):
        _draw_step(axes, -row, step)
    axes.set_title(title, pad=16 if len(steps) > 1 else 6)
    axes.set_ylim(-len(arms) + 0.5, 0.5)
    axes.set_yticks(-np.arange(len(arms)), [_arm_words(name, arm) for name, arm in zip(names, arms, strict=True)])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))


def _draw_arm(axes: Axes, y: float, arm: DrawnArm) -> None:
    spread = y - 0.16 - 0.09 * (np.arange(len(arm.errors)) % 2)
    axes.plot(arm.errors, spread, linestyle="none", marker=".", markersize=3.5, color=GRAY)
    if arm.estimate is None:
        place = {"xycoords": ("axes fraction", "data"), "va": "center", "ha": "center", "fontsize": SMALL_PT}
        axes.annotate(arm.lack, (0.5, y), color=MUTED, fontstyle="italic", **place)
        return
    if arm.estimate.low is not None:
        axes.plot([arm.estimate.low, arm.estimate.high], [y, y], color=BLUE, linewidth=2)
    axes.plot(arm.estimate.value, y, marker="o", markersize=6.5, color=BLUE, markeredgecolor="white", zorder=3)


def _draw_step(axes: Axes, y: float, step: DrawnStep) -> None:
    """Write the step's size; draw the step from the arm at ``y`` to the arm one row below if it has an interval."""
    _write_size(axes, y - 0.5, step)
    if not math.isnan(step.low):
        ends = {"xy": (step.after.estimate.value, y - 1), "xytext": (step.before.estimate.value, y)}
        look = {"arrowstyle": "-|>", "color": MUTED, "linewidth": 0.8, "shrinkA": 4, "shrinkB": 4}
        axes.annotate("", **ends, arrowprops=look, zorder=1)


def _arm_words(name: str, arm: DrawnArm) -> str:
    seeds = f"{len(arm.errors)} seed{'s' if len(arm.errors) > 1 else ''}"
    mean = f", {seeds}: {format_number(arm.estimate.value)} %" if arm.estimate else ""
    return f"{name}\n{arm.epochs} epochs{mean}"


def _write_size(axes: Axes, y: float, step: DrawnStep, **look: object) -> None:
    """Write a step's name and points, or why there are none, at the right of the axes."""
    if is_open := pd.isna(step.points):
        look |= {"color": MUTED, "fontstyle": "italic"}
    size = (
        step.lack
        if is_open
        else step.words.replace(" points ", " ", 1).replace(" (too", "\n(too").replace(" (no ", "\n(no ")
    )
    write_beside(axes, 1, y, f"{step.name}\n{size}", _GAP_PT, **look)


def _above(axes: Axes, x: float, text: str) -> None:
    place = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points", "annotation_clip": False}
    axes.annotate(text, (x, 1), xytext=(0, 2), ha="center", va="bottom", fontsize=SMALL_PT, **place)


def _reach(arms: Sequence[DrawnArm], published: Sequence[float]) -> tuple[float, float]:
    """Return the axis' ends, which enclose every seed, interval and published error with some room."""
    estimates = [arm.estimate for arm in arms if arm.estimate and arm.estimate.low is not None]
    ends = [end for estimate in estimates for end in (estimate.low, estimate.high)]
    values = [*published, *ends, *(error for arm in arms for error in arm.errors)]
    room = 0.12 * (max(values) - min(values))
    return min(values) - room, max(values) + room
