"""Methods of three generations on the same images, one panel per protocol, ours beside the published errors."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from reproduce.base.text import format_number
from reproduce.judge.few_seeds import FEWEST
from reproduce.report.style import (
    BLUE,
    GRAY,
    INK,
    MUTED,
    ORANGE,
    PURPLE,
    RULE,
    WIDE_INCHES,
    headline_with_key,
    label_point,
    new_figure,
    styled,
)
from reproduce.runs.statistics import mean_interval

BEFORE, AUTHORS, AFTER = "before", "AlexNet's authors'", "after"
FIRST_READING = ", first reading"  # how the name of a method ends whose second reading is drawn beside it
COLORS = {BEFORE: ORANGE, AUTHORS: BLUE, AFTER: PURPLE}
_REACH = 50  # percent
_MARKERS = {BEFORE: "s", AUTHORS: "o", AFTER: "^"}


@dataclass(frozen=True)
class DrawnMethod:
    """A method at one length of training: its published error and the errors of our runs.

    Attributes:
        name, year, protocol: as drawn; the year is that of the source's files or print.
        generation: ``BEFORE``, ``AUTHORS`` (nets of AlexNet's authors, of 2011 and 2012) or ``AFTER``.
        published: test error in print, in percent.
        errors: test errors of our runs, in percent.
        family: the method's name whatever its length.
        operations: floating-point operations of one run's training; None where they were not counted.
        core_hours: training time of each of our runs, in the order of ``errors``.
        processor: the one that trained our runs.
        is_planned: whether a study of ours lists it.
    """

    name: str
    year: int
    generation: str
    protocol: str
    published: float | None
    errors: Sequence[float]
    family: str = ""
    operations: float | None = None
    core_hours: Sequence[float] = ()
    processor: str = ""
    is_planned: bool = True

    @property
    def mean(self) -> float:
        """The mean of the runs' errors; there must be at least one."""
        return sum(self.errors) / len(self.errors)


@styled
def generations(methods: Sequence[DrawnMethod], contest: pd.Series | None = None) -> Figure:
    """Draw each method's seeds, their mean with its interval, and the published error as a hollow mark.

    No line joins two methods. Below three seeds there is no interval. The contest's own drop, another measure on other
    images, stands below on an axis of its own.

    A method with neither runs nor a published error is left out, and so is one without runs whose published error
    stands in another row. A first reading is gray, since it is no measure of its method.

    Args:
        methods: from ``cifar10_methods.load_methods``.
        contest: from ``literature.drops``: errors of the contest's second and first place on the same images.
    """
    shown = [
        method for method in methods if method.errors or (method.published and _is_first_in_print(method, methods))
    ]
    protocols = dict.fromkeys(method.protocol for method in shown)
    panels = {name: [each for each in shown if each.protocol == name] for name in protocols}
    heights = [len(panel) for panel in panels.values()] + ([] if contest is None else [1])
    figure, grid = new_figure(
        WIDE_INCHES,
        1.7 + 0.3 * sum(heights) + (0 if contest is None else 0.5),
        nrows=len(heights),
        squeeze=False,
        gridspec_kw={"height_ratios": heights},
    )
    for (protocol, panel), axes in zip(panels.items(), grid[:, 0], strict=False):
        axes.set_title(protocol)
        _draw_panel(axes, panel)
        axes.tick_params(labelbottom=protocol == [*panels][-1])
    grid[len(panels) - 1, 0].set_xlabel("test error on CIFAR-10, %")
    if contest is not None:
        _draw_contest(grid[-1, 0], contest)
    headline_with_key(figure, _sentence(methods), _key(shown), ncols=4)
    return figure


def _draw_contest(axes: Axes, contest: pd.Series) -> None:
    axes.set_title("for comparison: the contest of 2012, another measure")
    marks = {"before_percent": (BEFORE, "second place", 9), "after_percent": (AUTHORS, "AlexNet's authors", -9)}
    for name, (generation, words, side) in marks.items():
        look = {"marker": "o", "color": COLORS[generation], "markerfacecolor": "white", "markersize": 7}
        axes.plot(contest[name], 0, **look)
        label_point(axes, contest[name], 0, f"{words} {format_number(contest[name], 1)}", (side, 0), color=INK)
    axes.set_yticks([0], ["published (2012)"])
    axes.set(xlim=(0, _REACH), ylim=(0.5, -0.5), xlabel="top-5 error on ILSVRC-2012's test images, %")
    axes.grid(axis="x", color=RULE, linewidth=0.6, zorder=0)
    axes.tick_params(axis="y", length=0)


def _is_first_in_print(method: DrawnMethod, methods: Sequence[DrawnMethod]) -> bool:
    same = [each for each in methods if (each.family, each.published) == (method.family, method.published)]
    return same[0] is method


def _draw_panel(axes: Axes, panel: Sequence[DrawnMethod]) -> None:
    for place, method in enumerate(panel):
        color, marker = COLORS[method.generation], _MARKERS[method.generation]
        color = GRAY if method.family.endswith(FIRST_READING) else color
        if method.published is not None:
            axes.plot(method.published, place, marker="o", color=INK, markerfacecolor="white", markersize=7, zorder=2)
        if method.errors:
            axes.plot(method.errors, [place] * len(method.errors), "|", color=color, markersize=9, alpha=0.6, zorder=3)
            axes.plot(method.mean, place, marker=marker, color=color, markersize=6, zorder=4)
            if len(method.errors) >= FEWEST:
                found = mean_interval(method.errors)
                axes.plot([found.low, found.high], [place, place], color=INK, linewidth=1.2, zorder=5)
        side = -9 if method.errors and min(method.errors) > 0.6 * _REACH else 9  # where there is room for words
        label_point(axes, *_end(method, place), _words(method), (side, 0), color=INK if method.errors else MUTED)
    axes.set_yticks(range(len(panel)), [f"{method.name} ({method.year})" for method in panel])
    axes.set_ylim(len(panel) - 0.5, -0.5)
    axes.set_xlim(0, _REACH)
    axes.grid(axis="x", color=RULE, linewidth=0.6, zorder=0)
    axes.tick_params(axis="y", length=0)


def _end(method: DrawnMethod, place: int) -> tuple[float, float]:
    marks = [*method.errors, *([] if method.published is None else [method.published])]
    return max(marks, default=0.0), place


def _words(method: DrawnMethod) -> str:
    printed = "" if method.published is None else f"published {method.published:g}"
    if not method.errors:
        return printed
    seeds = "1 seed" if len(method.errors) == 1 else f"{len(method.errors)} seeds"
    seeds += ", no measure of the method" if method.family.endswith(FIRST_READING) else ""
    return f"{format_number(method.mean, 1)} ({seeds})" + (f"; {printed}" if printed else "")


def _key(shown: Sequence[DrawnMethod]) -> list[Line2D]:
    run = {method.generation for method in shown if method.errors}
    marks = [
        Line2D([], [], color=COLORS[name], marker=marker, linestyle="none", label=f"{name}, mean of our seeds")
        for name, marker in _MARKERS.items()
        if name in run
    ]
    hollow = {"color": INK, "markerfacecolor": "white", "linestyle": "none"}
    interval = [Line2D([], [], color=INK, linewidth=1.2, label="95 % interval")]
    several = any(len(method.errors) >= FEWEST for method in shown)
    return [*marks, *(interval if several else []), Line2D([], [], marker="o", label="published", **hollow)]


def named_in_headlines(methods: Sequence[DrawnMethod]) -> list[DrawnMethod]:
    """Return the methods of the first protocol that a headline may name: those of three seeds and more.

    Of several settings of one method the first listed stands for it, and a second reading takes the first one's place.
    """
    by_family: dict[str, DrawnMethod] = {}
    for method in methods:
        if method.protocol == methods[0].protocol and len(method.errors) >= FEWEST:
            by_family.setdefault(method.family, method)
    replaced = {f"{name}{FIRST_READING}" for name in by_family}
    return [method for name, method in by_family.items() if name not in replaced]


def _sentence(methods: Sequence[DrawnMethod]) -> str:
    """Return the errors of the authors' net and of the earlier methods, lowest first, without augmentation.

    The best earlier method in print is named too.
    """
    named = sorted(named_in_headlines(methods), key=lambda method: method.mean)
    nets = [each for each in named if each.generation == AUTHORS]
    earlier = [each for each in named if each.generation == BEFORE]
    if not nets or not earlier:
        return "Three generations on CIFAR-10: runs are still to be made."
    said = ", ".join(f"{each.family} {format_number(each.mean, 1)} %" for each in earlier)
    printed = [
        each.published
        for each in methods
        if each.protocol == methods[0].protocol and each.published is not None and each.generation == BEFORE
    ]
    best = f" The best of others in print before 2012 is {min(printed):g} %." if printed else ""
    net = format_number(nets[0].mean, 1)
    return f"On CIFAR-10, without augmentation, AlexNet's authors' 18 % net makes {net} % errors; before: {said}.{best}"
