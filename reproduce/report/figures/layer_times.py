"""The figure of a training step taken apart: layer by layer, and by kind of work."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reproduce.report.figures.machine_times import NETWORKS
from reproduce.report.speed.timing_tables import KINDS, NOT_TIMED
from reproduce.report.style import (
    BLUE,
    GRAY,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    WIDE_INCHES,
    YELLOW,
    headline,
    label_point,
    new_figure,
    note,
    styled,
)

_COLORS = dict(zip(KINDS, (BLUE, SKY, ORANGE, VERMILION, GREEN, YELLOW, GRAY, PURPLE), strict=True))
_LIGHT = (SKY, ORANGE, YELLOW)  # dark figures are read on these


@styled
def time_parts(layers: pd.DataFrame, shares: pd.DataFrame, where: str) -> Figure:
    """Draw where the time of a training step goes: layer by layer in the paper's net, and by kind in several.

    Args:
        layers: ``timing.layer_times`` of one setting.
        shares: ``timing.shares_by_kind`` of one device.
        where: machine and setting of ``layers``, in words.
    """
    if layers.empty:
        return note(NOT_TIMED)
    figure, (left, right) = new_figure(WIDE_INCHES, 4.3, ncols=2, gridspec_kw={"width_ratios": [1.15, 1]})
    headline(figure, _sentence(layers, where))
    _draw_layers(left, layers)
    _draw_shares(right, shares)
    return figure


def _sentence(layers: pd.DataFrame, where: str) -> str:
    times = layers[["forward_ms", "backward_ms"]].sum(axis=1).groupby(layers["kind"]).sum().sort_values()
    share = 100 * times.iloc[-1] / times.sum()
    return f"Of AlexNet's training step {times.index[-1]} takes {share:.0f} % of the time ({' '.join(where.split())})."


def _draw_layers(axes: Axes, layers: pd.DataFrame) -> None:
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
    axes.set_title("AlexNet (paper), layer by layer")


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
            ink = INK if _COLORS[kind] in _LIGHT else "white"
            for place, begin, width in zip(places, left, shown[kind], strict=True):
                if width >= 7:
                    label_point(axes, begin + width / 2, place, f"{width:.0f}", (0, 0), color=ink)
        left = left + shown[kind]
    labels = [f"{NETWORKS[row.network]}, {row.precision}" for row in shown.itertuples()]
    axes.set_yticks(places, labels)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.set(xlim=(0, 100), xlabel="share of the step, %")
    axes.set_title("By kind of work")
    axes.legend(loc="upper center", bbox_to_anchor=(0.4, -0.17), ncols=3, columnspacing=1, handlelength=1.2)
