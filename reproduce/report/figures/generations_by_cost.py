"""Test error on CIFAR-10 against the cost of training in operations or in core-hours, one panel per protocol."""

from collections import Counter
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from reproduce.base.text import format_number
from reproduce.judge.few_seeds import FEWEST
from reproduce.report.figures.generations import FIRST_READING, DrawnMethod, named_in_headlines
from reproduce.report.style import (
    BLUE,
    BROWN,
    GRAY,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    PURPLE,
    RULE,
    SKY,
    SMALL_PT,
    VERMILION,
    WIDE_INCHES,
    headline_with_key,
    new_figure,
    say_not_run,
    styled,
)

# Color tells the kind of method, the mark one method of a kind.
_LOOKS = {
    f"visual words{FIRST_READING}": (ORANGE, "P"),
    "visual words": (ORANGE, "v"),
    "Fisher vectors": (ORANGE, "^"),
    "k-means": (ORANGE, "s"),
    "18 % net": (BLUE, "o"),
    "13 % net": (BLUE, "<"),
    "11 % net": (BLUE, ">"),
    "18 % net, batch normalization": (SKY, "p"),
    "18 % net, today's start and schedule": (GREEN, "D"),
    "18 % net, today's recipe": (GREEN, "h"),
    "VGG of half the width (flips alone)": (BROWN, "v"),
    "VGG (flips alone)": (BROWN, "^"),
    "ResNet-20": (PURPLE, "s"),
    "ResNet-20, today's recipe": (PURPLE, "h"),
    "NASNet-A (2 @ 768)": (VERMILION, "d"),
    "NASNet-A (6 @ 768)": (VERMILION, "D"),
}
_NO_LOOK = (GRAY, "o")
_NEAR = 0.1  # a method counts as being of a declared cost if it differs by at most this share of that cost
_COLUMNS_OF_KEY = 3
_MOST_NAMED = 3  # nets in a headline


@styled
def error_by_operations(methods: Sequence[DrawnMethod], costs: Mapping[str, float]) -> Figure:
    """Draw errors against training operations: dots are our seeds, hollow marks published errors.

    Args:
        methods: each is drawn if its operations were counted and it has runs or a published error.
        costs: declared costs in operations by name, drawn as dotted lines; the headline compares at the first.
    """
    shown = [each for each in methods if each.operations and (each.errors or each.published is not None)]
    figure, panels = _panels(
        shown, "operations of a run's training (log scale); small dots: seeds, large marks: their means"
    )
    for method in shown:
        _draw(panels[method.protocol], method, [method.operations] * len(method.errors))
        _draw_published(panels[method.protocol], method)
    if shown:
        _draw_costs(list(panels.values()), costs)
        _tick(panels[shown[-1].protocol])
    headline_with_key(figure, _operations_sentence(shown, costs), _key(shown, True), ncols=_COLUMNS_OF_KEY)
    return figure


@styled
def error_by_core_hours(methods: Sequence[DrawnMethod]) -> Figure:
    """Draw the errors of our runs against their training time, in hours times threads; first readings are left out."""
    shown = [each for each in methods if each.errors and not each.family.endswith(FIRST_READING)]
    figure, panels = _panels(shown, "core-hours of training (log scale); small dots: seeds, large marks: their means")
    for method in shown:
        _draw(panels[method.protocol], method, method.core_hours)
    if shown:
        _tick(panels[shown[-1].protocol])
    headline_with_key(figure, _hours_sentence(shown), _key(shown, False), ncols=_COLUMNS_OF_KEY)
    return figure


def _panels(shown: Sequence[DrawnMethod], words: str) -> tuple[Figure, dict[str, Axes]]:
    """Return a figure and its panels by protocol, which share the horizontal axis. More methods make a panel higher."""
    counts = Counter(method.protocol for method in shown) or Counter([""])
    heights = [min(2.6, 1.1 + 0.12 * count) for count in counts.values()]
    rows_of_key = -(-(len(_families(shown)) + 1) // _COLUMNS_OF_KEY)
    figure, grid = new_figure(
        WIDE_INCHES,
        0.9 + 0.2 * rows_of_key + sum(heights) + 0.3 * len(counts),
        nrows=len(counts),
        sharex=True,
        squeeze=False,
        gridspec_kw={"height_ratios": heights},
    )
    panels, top = dict(zip(counts, grid[:, 0], strict=True)), _top(shown)
    for protocol, axes in panels.items():
        axes.set_title(protocol)
        axes.set(xscale="log", ylim=(0, top), yticks=range(0, top + 1, 5 if top <= 20 else 10))
        axes.grid(axis="y", color=RULE, linewidth=0.6, zorder=0)
    axes.set_xlabel(words)
    figure.supylabel("test error on CIFAR-10, %", fontsize=SMALL_PT + 1)
    if not shown:
        say_not_run(figure)
    return figure, panels


def _top(shown: Sequence[DrawnMethod]) -> int:
    """Return the upper end of every panel: the next multiple of ten above all marks."""
    marks = [error for each in shown for error in (*each.errors, each.published or 0)]
    return 10 * (int(max(marks, default=0) + 2) // 10 + 1)


def _draw(axes: Axes, method: DrawnMethod, places: Sequence[float]) -> None:
    """Draw the seeds at ``places`` as dots, and their mean."""
    if not method.errors:
        return
    color, mark = _LOOKS.get(method.family, _NO_LOOK)
    axes.plot(places, method.errors, ".", color=color, markersize=3.5, zorder=3)
    axes.plot(sum(places) / len(places), method.mean, mark, color=color, markersize=5.5, zorder=4)


def _draw_published(axes: Axes, method: DrawnMethod) -> None:
    if method.published is not None:
        color, mark = _LOOKS.get(method.family, _NO_LOOK)
        hollow = {"color": color, "markerfacecolor": "none", "markersize": 8, "zorder": 5}
        axes.plot(method.operations, method.published, mark, **hollow)


def _draw_costs(panels: Sequence[Axes], costs: Mapping[str, float]) -> None:
    for axes in panels:
        for cost in costs.values():
            axes.axvline(cost, color=MUTED, linestyle=":", linewidth=0.9, zorder=0)
    for name, cost in costs.items():
        side = {"transform": panels[0].get_xaxis_transform(), "fontsize": SMALL_PT, "color": MUTED}
        panels[0].text(cost, 0.97, f" {name}", va="top", **side)


def _tick(axes: Axes) -> None:
    """Number the shared axis at each power of ten, and on a short axis also at three times each power."""
    low, high = axes.get_xlim()
    axes.set_xlim(low / 1.5, high * 1.5)
    axes.xaxis.set_major_locator(LogLocator(10, subs=(1.0, 3.0) if high / low < 1000 else (1.0,)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _plain(value)))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _plain(value: float) -> str:
    return f"{value:.0e}".replace("e+", "e") if value >= 1e4 else f"{value:g}"


def _families(shown: Sequence[DrawnMethod]) -> list[str]:
    return list(dict.fromkeys(method.family for method in shown))


def _key(shown: Sequence[DrawnMethod], has_published: bool) -> list[Line2D]:
    entries = []
    for family in _families(shown):
        color, mark = _LOOKS.get(family, _NO_LOOK)
        entries.append(Line2D([], [], color=color, marker=mark, markersize=5.5, linestyle="none", label=family))
    hollow = {"color": INK, "markerfacecolor": "none", "markersize": 8, "linestyle": "none"}
    return [*entries, *([Line2D([], [], marker="o", label="hollow: published", **hollow)] if has_published else [])]


def _operations_sentence(shown: Sequence[DrawnMethod], costs: Mapping[str, float]) -> str:
    """Return the errors of the methods that come to the first declared cost and share a protocol, highest first.

    Of more methods than a headline has room for, the highest and the lowest error.
    """
    name, cost = next(iter(costs.items()))
    near = [each for each in shown if each.errors and abs(each.operations / cost - 1) <= _NEAR]
    protocols = [each.protocol for each in near]
    protocol = max(protocols, key=protocols.count, default=None)
    compared = sorted((each for each in near if each.protocol == protocol), key=lambda method: -method.mean)
    if len(compared) < 2 and near:
        return f"Error against training operations on CIFAR-10: no two methods of one protocol are run at the {name}."
    if not near:
        return "Error against training operations on CIFAR-10: the nets after 2012 are still to be run."
    parts = [f"{each.family} {format_number(each.mean, 1)} %{_few(each)}" for each in compared]
    if len(parts) > _MOST_NAMED:
        return f"At the {name}, {protocol}, {len(parts)} nets: from {parts[0]} to {parts[-1]}."
    return f"At the {name}, {protocol}: {'; '.join(parts)}."


def _few(method: DrawnMethod) -> str:
    count = len(method.errors)
    return "" if count >= FEWEST else f" ({count} seed{'s' if count > 1 else ''})"


def _hours_sentence(shown: Sequence[DrawnMethod]) -> str:
    """Return the time and error of the first protocol's methods that a headline may name, the shortest first."""
    named = named_in_headlines(shown)
    if not named:
        return "Error against hours of training on CIFAR-10: runs are still to be made."
    hours = {each.family: sum(each.core_hours) / len(each.core_hours) for each in named}
    ordered = sorted(named, key=lambda method: hours[method.family])
    parts = [
        f"{each.family} {format_number(hours[each.family], 1)} core-hours, {format_number(each.mean, 1)} % errors"
        for each in ordered
    ]
    processors = " and ".join(dict.fromkeys(each.processor for each in named))
    return f"To train on {processors}, {named[0].protocol}: {'; '.join(parts)}."
