"""The figures on time: days of training by machine, what a step's time goes to, scaling, and the roofline."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from reproduce.report.style import (
    BLUE,
    GRAY,
    GREEN,
    INK,
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
from reproduce.report.timing import KINDS, NOT_TIMED, plain_name

_MINUTE, _HOUR = 1 / 1440, 1 / 24  # of a day
_DAY_TICKS = {10 * _MINUTE: "10 min", _HOUR: "1 h", 6 * _HOUR: "6 h", 1: "1 d", 7: "7 d", 30: "30 d", 365: "1 year"}
_EVIDENCE = {
    "measured": {"marker": "o", "color": BLUE, "markerfacecolor": BLUE},
    "published": {"marker": "s", "color": INK, "markerfacecolor": INK},
    "estimated": {"marker": "D", "color": ORANGE, "markerfacecolor": "white"},
}
_WORDS = {
    "measured": "measured here (median; fastest to slowest round)",
    "published": "published (as printed)",
    "estimated": "estimated (published peak x an assumed share, its range)",
}
_COLORS = dict(zip(KINDS, (BLUE, SKY, ORANGE, VERMILION, GREEN, PINK, GRAY, PURPLE), strict=True))
_NETWORKS = {
    "alexnet_paper": "AlexNet (paper)",
    "alexnet_as_released": "as released",
    "alexnet_no_normalization": "no normalization",
    "alexnet_one_gpu": "one column",
    "torchvision_alexnet": "torchvision's",
}
_PRECISIONS = {"fp32": (BLUE, "o", "-"), "bf16": (VERMILION, "s", "--")}


def _note(text: str = NOT_TIMED) -> Figure:
    figure, axes = new_figure(WIDE_INCHES, 0.6)
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, ha="center", va="center", color=MUTED, transform=axes.transAxes)
    return figure


@styled
def training_days(days: pd.DataFrame) -> Figure:
    """Draw the days of AlexNet's training by machine, CPUs above GPUs, each kind of evidence with a mark of its own.

    Args:
        days: ``Timings.days``.
    """
    parts = [days[days["kind"].eq(kind)].sort_values("days_mid") for kind in ("cpu", "gpu")]
    heights = [max(1, len(part)) for part in parts]
    figure, axes = new_figure(
        WIDE_INCHES, 1.3 + 0.19 * sum(heights), nrows=2, sharex=True, gridspec_kw={"height_ratios": heights}
    )
    for each, part, title in zip(
        axes, parts, ("On CPUs (fp32 unless said)", "On GPUs (fp32 unless said)"), strict=True
    ):
        _draw_days(each, part)
        each.set_title(title)
    axes[1].set_xscale("log")
    axes[1].xaxis.set_major_locator(FixedLocator(list(_DAY_TICKS)))
    axes[1].xaxis.set_minor_locator(NullLocator())
    axes[1].xaxis.set_major_formatter(FuncFormatter(lambda value, _: _DAY_TICKS.get(value, "")))
    axes[1].set_xlabel("time for 90 epochs of 1,281,167 images (log scale)")
    handles = [
        axes[0].plot([], [], linestyle="-", linewidth=1.2, markersize=5, label=_WORDS[kind], **look)[0]
        for kind, look in _EVIDENCE.items()
    ]
    figure.legend(handles=handles, loc="outside upper left", ncols=1)
    return figure


def _draw_days(axes: Axes, days: pd.DataFrame) -> None:
    for place, row in enumerate(days.itertuples()):
        look = _EVIDENCE[row.evidence]
        axes.plot([row.days_low, row.days_high], [place, place], color=look["color"], linewidth=1.2, zorder=2)
        axes.plot(row.days_mid, place, markersize=5, linestyle="none", zorder=3, **look)
        busy = ", busy machine" if row.loaded is True else ""
        axes.text(
            1.01,
            place,
            f"{_duration(row.days_mid)}{busy}",
            transform=axes.get_yaxis_transform(),
            va="center",
            fontsize=SMALL_PT,
            color=text_color(look["color"]),
        )
    labels = [f"{plain_name(row.system)} ({row.year}{_bits(row)})" for row in days.itertuples()]
    axes.set_yticks(range(len(days)), labels)
    axes.set_ylim(len(days) - 0.4, -0.6)
    axes.grid(axis="x", color="#e6e6e6", linewidth=0.6, zorder=0)
    axes.tick_params(axis="y", length=0)
    if days.empty:
        axes.text(0.5, 0.5, "none", transform=axes.transAxes, ha="center", color=MUTED)


def _bits(row: tuple) -> str:
    return ", bf16" if row.precision == "bf16" else ""


def _duration(days: float) -> str:
    for amount, unit in ((days, "days"), (24 * days, "h"), (1440 * days, "min")):
        if amount >= 2 or unit == "min":
            return f"{float(f'{amount:.2g}'):g} {unit}"
    raise AssertionError(days)


@styled
def time_parts(layers: pd.DataFrame, shares: pd.DataFrame, where: str) -> Figure:
    """Draw where the time of a training step goes: layer by layer in the paper's net, and by kind in several.

    Args:
        layers: ``timing.layer_times`` of one setting.
        shares: ``timing.shares_by_kind`` of one device.
        where: machine and setting of ``layers``, in words.
    """
    if layers.empty:
        return _note()
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
    shown = shares[shares["network"].isin(_NETWORKS)]
    order = list(_NETWORKS)
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
                    axes.text(
                        begin + width / 2,
                        place,
                        f"{width:.0f}",
                        ha="center",
                        va="center",
                        fontsize=SMALL_PT,
                        color="white",
                    )
        left = left + shown[kind]
    labels = [f"{_NETWORKS[row.network]}, {row.precision}" for row in shown.itertuples()]
    axes.set_yticks(places, labels)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.set(xlim=(0, 100), xlabel="share of the step, %")
    axes.set_title("By kind of work")
    axes.legend(loc="upper center", bbox_to_anchor=(0.4, -0.17), ncols=3, columnspacing=1, handlelength=1.2)


@styled
def speed_scaling(scaling: pd.DataFrame) -> Figure:
    """Draw images a second against the images of a step and against the CPU's threads.

    Args:
        scaling: ``timing.scaling`` of one machine.
    """
    if scaling.empty:
        return _note()
    figure, both = new_figure(WIDE_INCHES, 2.9, ncols=2)
    words = {"batch_size": "images in a step", "threads": "CPU threads"}
    for axes, (varies, label) in zip(both, words.items(), strict=True):
        part = scaling[scaling["varies"].eq(varies)]
        if part.empty:  # a GPU, or a processor of one core
            axes.set_axis_off()
            continue
        for (device, network, precision), line in part.groupby(["device", "network", "precision"], sort=False):
            _draw_line(axes, line, f"{_NETWORKS.get(network, network)}, {precision}", device)
        axes.set(xscale="log", yscale="log", xlabel=label, ylabel="images a second, training")
        ticks = sorted(part["at"].unique())
        axes.set_xticks(ticks, [f"{tick:.0f}" for tick in ticks])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.margins(x=0.08)
    handles, names = both[0].get_legend_handles_labels()
    if handles:
        figure.legend(handles, names, loc="outside lower center", ncols=4)
    return figure


def _draw_line(axes: Axes, line: pd.DataFrame, label: str, device: str) -> None:
    _, marker, dash = _PRECISIONS[label.rpartition(", ")[2]]
    color = BLUE if label.startswith("AlexNet") else ORANGE
    if device != "cpu":
        label, color = f"{label}, GPU", text_color(color)
    axes.plot(
        line["at"], line["images_per_second"], color=color, marker=marker, linestyle=dash, markersize=4, label=label
    )


@styled
def roofline(ceilings: pd.DataFrame, passes: pd.DataFrame, where: str) -> Figure:
    """Draw the speed of the paper's layers against their operations per byte, below the device's own ceilings.

    Args:
        ceilings, passes: ``timing.roofline``.
        where: the device, in words.
    """
    if passes.empty:
        return _note()
    figure, axes = new_figure(WIDE_INCHES, 3.9)
    ends = passes["operations_per_byte"].min() / 2, passes["operations_per_byte"].max() * 2
    for ceiling in ceilings.itertuples():
        _draw_ceiling(axes, ceiling, *ends)
    bandwidth = ceilings["gbyte_per_second"].max()
    middle = (ends[0] * ceilings["peak_gflop_per_second"].max() / bandwidth) ** 0.5
    label_point(axes, middle, middle * bandwidth, f"memory: {bandwidth:.0f} GB/s", (-5, 3), color=MUTED, ha="right")
    for (precision, what), part in passes.groupby(["precision", "what"], sort=False):
        color, marker, _ = _PRECISIONS[precision]
        look = {"color": color, "marker": marker, "markersize": 5, "linestyle": "none"}
        look["markerfacecolor"] = color if what == "layer_forward" else "white"
        label = f"{precision}, {what.removeprefix('layer_')}"
        axes.plot(part["operations_per_byte"], part["gflop_per_second"], label=label, **look)
        if what == "layer_forward":
            _number_layers(axes, part, text_color(color))
    axes.set(xscale="log", yscale="log", xlabel="operations per byte that must move (log scale)")
    axes.set(ylabel="GFLOP/s (log scale)", title=f"Layers of AlexNet by number (1 to 5 convolve), {where}")
    axes.legend(loc="lower right", ncols=2)
    return figure


def _draw_ceiling(axes: Axes, ceiling: tuple, low: float, high: float) -> None:
    color, _, dash = _PRECISIONS[ceiling.precision]
    peak, bandwidth = ceiling.peak_gflop_per_second, ceiling.gbyte_per_second
    ridge = peak / bandwidth
    xs, ys = [low, ridge, max(high, 2 * ridge)], [low * bandwidth, peak, peak]
    axes.plot(xs, ys, color=color, linestyle=dash, linewidth=1.2)
    text = f"matrix product, {ceiling.precision}: {peak:,.0f} GFLOP/s"
    label_point(axes, xs[-1], peak, text, (0, 4), color=text_color(color), ha="right")


def _number_layers(axes: Axes, passes: pd.DataFrame, color: str) -> None:
    """Write each convolution's number beside its mark, and one label beside the dense layers, which lie together."""
    dense = passes["kind"].eq("fully connected")
    for row in passes[~dense].itertuples():
        label_point(axes, row.operations_per_byte, row.gflop_per_second, row.layer[-1], (4, -1), color=color)
    if dense.any():
        x, y = passes[dense][["operations_per_byte", "gflop_per_second"]].median()
        label_point(axes, x, y, "6 to 8", (6, 0), color=color)
