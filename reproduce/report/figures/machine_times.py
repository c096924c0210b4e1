"""The figures on whole machines: days of training by machine, and speed by batch size and by number of threads."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from reproduce.base.text import days_words, plain_name
from reproduce.report.speed.timing_tables import NOT_TIMED, PAPER, Timings, device_names, other_batches
from reproduce.report.style import (
    BLUE,
    INK,
    MUTED,
    ORANGE,
    RULE,
    SMALL_PT,
    VERMILION,
    WIDE_INCHES,
    headline,
    headline_with_key,
    new_figure,
    note,
    styled,
    text_color,
)

_MINUTE, _HOUR = 1 / 1440, 1 / 24  # of a day
_DAY_TICKS = {10 * _MINUTE: "10 min", _HOUR: "1 h", 6 * _HOUR: "6 h", 1: "1 d", 7: "7 d", 30: "30 d", 365: "1 year"}
_EVIDENCE = {
    "extrapolated": {"marker": "o", "color": BLUE, "markerfacecolor": BLUE},
    "published": {"marker": "s", "color": INK, "markerfacecolor": INK},
    "estimated": {"marker": "D", "color": ORANGE, "markerfacecolor": "white"},
}
_WORDS = {
    "extrapolated": "extrapolated from updates timed here (median; fastest to slowest round)",
    "published": "published (a printed time or speed, put on 90 epochs)",
    "estimated": "estimated (published peak x an assumed share; good to a factor of three at best)",
}
NETWORKS = {
    "alexnet_paper": "AlexNet (paper)",
    "alexnet_as_released": "as released",
    "alexnet_no_normalization": "no normalization",
    "alexnet_one_gpu": "one column",
    "torchvision_alexnet": "torchvision's",
}
PRECISIONS = {"fp32": (BLUE, "o", "-"), "bf16": (VERMILION, "s", "--")}


@styled
def training_days_figure(timings: Timings) -> Figure:
    """Draw the days of AlexNet's training by machine, CPUs above GPUs, each kind of evidence with a mark of its own."""
    days, names = timings.days, device_names(timings)
    parts = [days[days["kind"].eq(kind)].sort_values("days_mid") for kind in ("cpu", "gpu")]
    heights = [max(1, len(part)) for part in parts]
    figure, axes = new_figure(
        WIDE_INCHES, 1.75 + 0.19 * sum(heights), nrows=2, sharex=True, gridspec_kw={"height_ratios": heights}
    )
    for each, part, title in zip(
        axes, parts, ("On CPUs (fp32 unless said)", "On GPUs (fp32 unless said)"), strict=True
    ):
        _draw_days(each, part, names)
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
    headline_with_key(figure, _days_sentence(days), handles, ncols=1)
    return figure


def _days_sentence(days: pd.DataFrame) -> str:
    """Return a sentence on the paper's days of training, and on the days estimated for CPUs up to its time."""
    paper = days[days["evidence"].eq("published") & days["kind"].eq("gpu")].nsmallest(1, "year").iloc[0]
    said = f"Training AlexNet took {paper['days_low']:g} to {paper['days_high']:g} days on {paper['system']}"
    cpus = days[days["evidence"].eq("estimated") & days["kind"].eq("cpu") & days["year"].le(paper["year"])]
    if cpus.empty:
        return f"{said}."
    low, high = days_words(cpus["days_mid"].min()), days_words(cpus["days_mid"].max())
    return f"{said}. For one CPU of up to {paper['year']} the estimates' middles lie at {low} to {high}, by model."


def _draw_days(axes: Axes, days: pd.DataFrame, names: Mapping[tuple[str, str], str]) -> None:
    for place, row in enumerate(days.itertuples()):
        look = _EVIDENCE[row.evidence]
        axes.plot([row.days_low, row.days_high], [place, place], color=look["color"], linewidth=1.2, zorder=2)
        axes.plot(row.days_mid, place, markersize=5, linestyle="none", zorder=3, **look)
        axes.text(
            1.01,
            place,
            days_words(row.days_mid),
            transform=axes.get_yaxis_transform(),
            va="center",
            fontsize=SMALL_PT,
            color=text_color(look["color"]),
        )
    labels = [_label(row, names) for row in days.itertuples()]
    axes.set_yticks(range(len(days)), labels)
    axes.set_ylim(len(days) - 0.4, -0.6)
    axes.grid(axis="x", color=RULE, linewidth=0.6, zorder=0)
    axes.tick_params(axis="y", length=0)
    if days.empty:
        axes.text(0.5, 0.5, "none", transform=axes.transAxes, ha="center", color=MUTED)


def _label(row: tuple, names: Mapping[tuple[str, str], str]) -> str:
    """Return a machine's name with its notes: the year, "bf16" if so, and those of ``device_names`` if timed here.

    The year of a published row is that in which it was printed; of the others, that of the machine.
    """
    year = f"printed {row.year}" if row.evidence == "published" else f"{row.year}"
    notes = f"{year}, bf16" if row.precision == "bf16" else year
    if (row.machine, row.device) not in names:
        return f"{plain_name(row.system)} ({notes})"
    name, _, added = names[row.machine, row.device].partition(" (")
    notes += f"; {added.removesuffix(')')}" if added else ""
    return f"{name}{other_batches(row.system)} ({notes})"


@styled
def speed_scaling(scaling: pd.DataFrame, where: str) -> Figure:
    """Draw images per second against the batch size and against the CPU's threads.

    Args:
        scaling: ``time_ratios.scaling`` of one machine.
        where: the machine, in words.
    """
    if scaling.empty:
        return note(NOT_TIMED)
    figure, both = new_figure(WIDE_INCHES, 3.3, ncols=2)
    headline(figure, _scaling_sentence(scaling, where))
    words = {"batch_size": "images per step", "threads": "CPU threads"}
    for axes, (varies, label) in zip(both, words.items(), strict=True):
        part = scaling[scaling["varies"].eq(varies)]
        if part.empty:  # a GPU, or a processor of one core
            axes.set_axis_off()
            continue
        for (device, network, precision), line in part.groupby(["device", "network", "precision"], sort=False):
            _draw_line(axes, line, network, precision, device)
        axes.set(
            xscale="log", yscale="log", xlabel=f"{label}{_batch_words(part)}", ylabel="images per second, training"
        )
        ticks = sorted(part["at"].unique())
        axes.set_xticks(ticks, [f"{tick:.0f}" for tick in ticks])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        axes.margins(x=0.08)
    handles, names = both[0].get_legend_handles_labels()
    if handles:
        figure.legend(handles, names, loc="outside lower center", ncols=4)
    return figure


def _batch_words(part: pd.DataFrame) -> str:
    """Return the batch size at which the threads were varied; empty where the batch itself varies."""
    sizes = sorted(part["batch_size"].astype(int).unique())
    return "" if part["varies"].eq("batch_size").all() else f" ({' or '.join(map(str, sizes))} images per step)"


def _scaling_sentence(scaling: pd.DataFrame, where: str) -> str:
    """Return how much faster the fullest setting of each kind trains the paper's net in fp32."""
    said, words = [], {"batch_size": "images per step", "threads": "threads"}
    shown = scaling[scaling["network"].eq(PAPER) & scaling["precision"].eq("fp32")]
    for varies, line in shown.groupby("varies", sort=False):
        ends = line.sort_values("at").iloc[[0, -1]]
        times = ends["images_per_second"].iloc[1] / ends["images_per_second"].iloc[0]
        said.append(f"{times:.1f} times as fast with {ends['at'].iloc[1]:.0f} {words[varies]} as with one")
    return f"AlexNet trains {' and '.join(said)} ({where}, fp32)." if said else f"Training speed, {where}."


def _draw_line(axes: Axes, line: pd.DataFrame, network: str, precision: str, device: str) -> None:
    _, marker, dash = PRECISIONS[precision]
    label = f"{NETWORKS.get(network, network)}, {precision}"
    color = BLUE if network == PAPER else ORANGE
    if device != "cpu":
        label, color = f"{label}, GPU", text_color(color)
    axes.plot(
        line["at"], line["images_per_second"], color=color, marker=marker, linestyle=dash, markersize=4, label=label
    )
