"""The figures on a step taken apart: what its time goes to, and how each layer compares with a matrix product."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.path import Path
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from reproduce.report.figures.machine_times import NETWORKS, PRECISIONS, note
from reproduce.report.speed.timing_tables import KINDS
from reproduce.report.style import (
    BLUE,
    GRAY,
    GREEN,
    MUTED,
    ORANGE,
    PINK,
    PURPLE,
    SKY,
    SMALL_PT,
    VERMILION,
    WIDE_INCHES,
    label_point,
    new_figure,
    styled,
    text_color,
)

_LABEL_DECADES = (0.06, 0.07)  # along and across: nearer than this, labels of two marks would overlap
_PLACES = ((6, 0), (4, -1), (-6, 0), (4, 1), (-4, 1), (-4, -1), (0, 5), (0, -5), (0, -12), (0, 12))  # points from marks
_LINES = "Lines: a matrix product and a copy of memory, measured here as references; layers may exceed them"
_COLORS = dict(zip(KINDS, (BLUE, SKY, ORANGE, VERMILION, GREEN, PINK, GRAY, PURPLE), strict=True))


@styled
def time_parts(layers: pd.DataFrame, shares: pd.DataFrame, where: str) -> Figure:
    """Draw where the time of a training step goes: layer by layer in the paper's net, and by kind in several.

    Args:
        layers: ``timing.layer_times`` of one setting.
        shares: ``timing.shares_by_kind`` of one device.
        where: machine and setting of ``layers``, in words.
    """
    if layers.empty:
        return note()
    figure, (left, right) = new_figure(WIDE_INCHES, 3.9, ncols=2, gridspec_kw={"width_ratios": [1.15, 1]})
    _draw_layers(left, layers, where)
    _draw_shares(right, shares)
    return figure


def _draw_layers(axes: Axes, layers: pd.DataFrame, where: str) -> None:
    colors = [_COLORS[kind] for kind in layers["kind"]]
    places = range(len(layers))
    axes.barh(places, layers["forward_ms"], color=colors, height=0.75)
    axes.barh(places, layers["backward_ms"], left=layers["forward_ms"], color=colors, height=0.75, alpha=0.45)
    totals = layers[["forward_ms", "backward_ms"]].sum(axis=1)
    share = 100 * totals / totals.sum()
    for place, (total, percent) in enumerate(zip(totals, share, strict=True)):
        label_point(axes, total, place, f"{percent:.0f} %" if percent >= 0.5 else "< 1 %", (3, 0), color=MUTED)
    axes.set_yticks(places, layers["layer"])
    axes.set_ylim(len(layers) - 0.4, -0.6)
    axes.margins(x=0.16)
    axes.set(xlabel=f"ms in a step of {layers['batch_size'].iloc[0]:.0f} images (pale: backward)")
    axes.set_title(f"AlexNet, {where}")


def _draw_shares(axes: Axes, shares: pd.DataFrame) -> None:
    shown = shares[shares["network"].isin(NETWORKS)]
    order = list(NETWORKS)
    shown = shown.assign(rank=shown["network"].map(order.index)).sort_values(
        ["rank", "precision"], ascending=[True, False]
    )
    left = pd.Series(0.0, index=shown.index)
    places = list(range(len(shown)))
    for kind in KINDS:
        if shown[kind].max() >= 0.5:
            axes.barh(places, shown[kind], left=left, color=_COLORS[kind], label=kind, height=0.75)
            for place, begin, width in zip(places, left, shown[kind], strict=True):
                if width >= 7:
                    label_point(axes, begin + width / 2, place, f"{width:.0f}", (0, 0), color="white")
        left = left + shown[kind]
    labels = [f"{NETWORKS[row.network]}, {row.precision}" for row in shown.itertuples()]
    axes.set_yticks(places, labels)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.set(xlim=(0, 100), xlabel="share of the step, %")
    axes.set_title("By kind of work")
    axes.legend(loc="upper center", bbox_to_anchor=(0.4, -0.17), ncols=3, columnspacing=1, handlelength=1.2)


@styled
def roofline(references: pd.DataFrame, passes: pd.DataFrame, where: str) -> Figure:
    """Draw the speed of the paper's layers against their operations per byte, beside the device's own references.

    The lines are a matrix product and a copy of memory as measured, no bounds: torch may have better kernels for a pass
    than for the product, which then lies below it.

    Args:
        references, passes: ``timing.roofline``.
        where: the device, in words.
    """
    if passes.empty:
        return note()
    figure, axes = new_figure(WIDE_INCHES, 3.9)
    ridges = references["peak_gflop_per_second"] / references["gbyte_per_second"]
    low, high = min(passes["operations_per_byte"].min(), ridges.min()) / 2, 2 * passes["operations_per_byte"].max()
    for reference in references.itertuples():
        _draw_reference(axes, reference, low, high)
    bandwidth = references["gbyte_per_second"].max()
    middle = (low * ridges.min()) ** 0.5
    label_point(axes, middle, middle * bandwidth, f"memory: {bandwidth:.0f} GB/s", (7, -3), color=MUTED)
    for (precision, what), part in passes.groupby(["precision", "what"], sort=False):
        color, marker, _ = PRECISIONS[precision]
        look = {"color": color, "marker": marker, "markersize": 5, "linestyle": "none"}
        look["markerfacecolor"] = color if what == "layer_forward" else "white"
        label = f"{precision}, {what.removeprefix('layer_')}"
        axes.plot(part["operations_per_byte"], part["gflop_per_second"], label=label, **look)
    axes.set(xscale="log", yscale="log", xlim=(low / 1.3, 1.15 * max(high, 2 * ridges.max())))
    axes.set(xlabel="operations per byte that must move (log scale)")
    axes.set(ylabel="GFLOP/s (log scale)", title=f"Layers of AlexNet by number (1 to 5 convolve), {where}")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=4, title=_LINES, title_fontsize=SMALL_PT)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        axis.set_minor_formatter(NullFormatter())
    figure.draw_without_rendering()  # from here on it is known where on the page everything lies
    for precision, part in passes[passes["what"].eq("layer_forward")].groupby("precision", sort=False):
        _number_layers(axes, part, text_color(PRECISIONS[precision][0]))
    return figure


def _draw_reference(axes: Axes, reference: tuple, low: float, high: float) -> None:
    """Draw memory's line from ``low``, left of the bend, up to the matrix product's, and that up to ``high``."""
    color, _, dash = PRECISIONS[reference.precision]
    peak, bandwidth = reference.peak_gflop_per_second, reference.gbyte_per_second
    ridge = peak / bandwidth
    xs, ys = [low, ridge, max(high, 2 * ridge)], [low * bandwidth, peak, peak]
    axes.plot(xs, ys, color=color, linestyle=dash, linewidth=1.2)
    text = f"reference matrix\nproduct, {reference.precision}:\n{peak:,.0f} GFLOP/s"
    label_point(axes, xs[-1], peak, text, (8, 0), color=text_color(color))


def _number_layers(axes: Axes, passes: pd.DataFrame, color: str) -> None:
    """Write the numbers of convolutions beside their marks, and one label beside the dense layers, which lie together.

    Marks that all but coincide share a label.
    """
    dense = passes["kind"].eq("fully connected")
    if dense.any():
        _label_clear(axes, passes[dense], "6 to 8", color)
    for together in _close_together(passes[~dense].sort_values("operations_per_byte")):
        _label_clear(axes, together, ", ".join(sorted(together["layer"].str[-1])), color)


def _label_clear(axes: Axes, passes: pd.DataFrame, text: str, color: str) -> None:
    """Write ``text`` at the first place beside the passes' marks where it covers no mark, no line and no other text."""
    lines = [(line, axes.transData.transform(line.get_xydata())) for line in axes.lines]
    marks = np.concatenate([points for line, points in lines if line.get_linestyle() == "None"])
    drawn = [Path(points) for line, points in lines if line.get_linestyle() != "None"]
    radius = 3 / 72 * axes.figure.dpi
    x, y = passes["operations_per_byte"], passes["gflop_per_second"]
    for right, up in _PLACES:
        at = (
            x.max() if right > 0 else x.min() if right < 0 else x.mean(),
            y.max() if up > 0 else y.min() if up < 0 else y.median(),
        )
        label_point(axes, *at, text, (right, up), color=color)
        written = axes.texts[-1]
        box = written.get_window_extent()
        covered = box.padded(radius).count_contains(marks) or any(path.intersects_bbox(box, False) for path in drawn)
        if not covered and not any(box.overlaps(other.get_window_extent()) for other in axes.texts[:-1]):
            return
        written.remove()
    label_point(axes, x.max(), y.min(), text, _PLACES[0], color=color)


def _close_together(passes: pd.DataFrame) -> list[pd.DataFrame]:
    """Return the passes, which come from left to right, in groups whose neighbors' labels would overlap."""
    groups: list[list[int]] = []
    places = np.log10(passes[["operations_per_byte", "gflop_per_second"]].to_numpy())
    for number, place in enumerate(places):
        near = [group for group in groups if (abs(places[group] - place) < _LABEL_DECADES).all(axis=1).any()]
        groups = [group for group in groups if group not in near] + [[*(n for group in near for n in group), number]]
    return [passes.iloc[group] for group in groups]
