"""Speed of a GPU over a CPU by kind of evidence, and the share of a training step that each layer takes."""

import pandas as pd

from reproduce.base.text import format_number
from reproduce.report.speed.time_ratios import scaling
from reproduce.report.speed.timing_tables import (
    PAPER,
    Timings,
    at_all_threads,
    beside_references,
    device_names,
    shares_by_kind,
)

BY_DEFINITION = " (middle by definition)"  # in the name of a system whose middle is calibrated on itself
_LAST_YEAR = 2012  # of the machines that the claims are about
_INFERRED = {PAPER: "AlexNet (paper)", "nasnetalarge": "NASNet-A 6 @ 4032, 331 pixels"}
_COLUMNS = ["evidence", "GPU", "CPU", "precision", "compared", "from_times", "to_times"]


def factors(timings: Timings) -> pd.DataFrame:
    """Return how many times as fast a GPU is as a CPU: as one source printed it, by peaks up to 2012, or timed here.

    Columns: evidence, GPU, CPU, precision, compared, from_times and to_times (over the CPUs named).
    """
    days = timings.days
    rows = _same_source(days[days["evidence"].eq("published")], "published")
    rows += _peaks(days[days["evidence"].eq("estimated") & days["year"].le(_LAST_YEAR) & days["precision"].eq("fp32")])
    rows += _same_source(days[days["evidence"].eq("extrapolated")], "measured")
    return pd.DataFrame(rows, columns=_COLUMNS).astype({"from_times": "float64", "to_times": "float64"})


def many_cpus_words(timings: Timings) -> str:
    """Return the fastest printed training on CPUs, in minutes, with its setting."""
    days = timings.days
    printed = days[days["evidence"].eq("published") & days["kind"].eq("cpu")].nsmallest(1, "days_mid").iloc[0]
    took = printed["basis"].split(";")[0]
    return (
        f"CPUs can do it in minutes if there are enough of them: {printed['system']} took {took} "
        f"({printed['source'].split(',')[0].removesuffix(' et al.')} and others, {printed['year']}), which is "
        f"{format_number(1440 * printed['days_mid'], 1)} minutes for 90."
    )


def _same_source(days: pd.DataFrame, evidence: str) -> list[list[object]]:
    """Return each GPU's speed divided by each CPU's of the same source: one machine's file, or one publication."""
    rows = []
    for gpu in days[days["kind"].eq("gpu")].itertuples():
        alike = days["source"].eq(gpu.source) & days["precision"].eq(gpu.precision) & days["kind"].eq("cpu")
        for cpu in days[alike].itertuples():
            times = gpu.images_per_second_mid / cpu.images_per_second_mid
            rows.append([evidence, gpu.system, cpu.system, gpu.precision, "images a second", times, times])
    return rows


def _peaks(days: pd.DataFrame) -> list[list[object]]:
    cpus = days[days["kind"].eq("cpu")]
    rows = []
    for gpu in days[days["kind"].eq("gpu")].itertuples():
        for column, words in (("peak_gflops", "published peaks"), ("bandwidth_gb_per_s", "published bandwidths")):
            times = getattr(gpu, column) / cpus[column]
            system = gpu.system.removesuffix(BY_DEFINITION)
            rows.append(["estimated", system, ", ".join(cpus["system"]), "fp32", words, times.min(), times.max()])
    return rows


def reference_words(timings: Timings) -> str:
    """Return the least and the most of the reference matrix product that the paper's layers reach, by kind."""
    said = []
    for (machine, device), name in device_names(timings).items():
        references, passes = beside_references(timings, machine, device)
        if passes.empty:
            continue
        peaks = references.set_index("precision")["peak_gflop_per_second"]
        shares = 100 * passes["gflop_per_second"] / passes["precision"].map(peaks)
        for precision, part in shares.groupby(passes["precision"], sort=False):
            kinds = part.groupby(passes["kind"]).agg(["min", "max"])
            words = [f"{kind} {_range(each['min'], each['max'])} %" for kind, each in kinds.iterrows()]
            said.append(f"{name}, {precision}: {', '.join(words)}")
    return _joined("Of the reference matrix product (measured, no bound) the paper's layers reach", said)


def scaling_words(timings: Timings) -> str:
    """Return by what factor the fullest batch, or all threads, train faster than the smallest or one."""
    said, names = [], device_names(timings)
    units = {"batch_size": "images a step", "threads": "threads"}
    for (varies, machine, device, precision, network), line in scaling(timings).groupby(
        ["varies", "machine", "device", "precision", "network"], sort=False
    ):
        ends = line.sort_values("at").iloc[[0, -1]]
        first, last = ends["at"]
        if first < last:
            times = ends["images_per_second"].iloc[1] / ends["images_per_second"].iloc[0]
            where = f"{network} on {names[machine, device]}, {precision}"
            said.append(f"{times:.1f} times with {last:.0f} {units[varies]} for {first:.0f} ({where})")
    return _joined("Images a second grow", said)


def inference(timings: Timings) -> pd.DataFrame:
    """Return images per second of the forward pass alone, for the paper's net and NASNet, at all threads.

    Columns: device (in words), precision, network, batch_size, gflop_per_image, images_per_second.
    """
    rows = at_all_threads(timings.measured())
    rows = rows[rows["what"].eq("forward") & rows["network"].isin(_INFERRED)]
    names, shown = device_names(timings), []
    for row in rows.sort_values(["machine", "device", "precision", "network"], kind="stable").itertuples():
        shown.append(
            {
                "device": names[row.machine, row.device],
                "precision": row.precision,
                "network": _INFERRED[row.network],
                "batch_size": int(row.batch_size),
                "gflop_per_image": row.gflop / row.batch_size,
                "images_per_second": row.images_per_second,
            }
        )
    columns = ["device", "precision", "network", "batch_size", "gflop_per_image", "images_per_second"]
    return pd.DataFrame(shown, columns=columns)


def kinds_words(timings: Timings) -> str:
    """Return in words how the time of the paper's training step divides among kinds of layers."""
    names, said = device_names(timings), []
    shares = shares_by_kind(timings)
    for row in shares[shares["network"].eq(PAPER)].to_dict("records"):
        kinds = ("convolution", "fully connected", "normalization", "update")
        words = ", ".join(f"{kind} {row[kind]:.0f} %" for kind in kinds)
        said.append(f"on {names[row['machine'], row['device']]}, {row['precision']}: {words}")
    return _joined("Of a step's time", said)


def spread_words(low: float, high: float) -> str:
    """Return the least and the most percent of any round; where zero lies between, say that no difference is shown."""
    doubt = ": no difference shown" if low <= 0 <= high else ""
    return f" (by round {_range(low, high)} %{doubt})"


def _range(low: float, high: float) -> str:
    return " to ".join(
        dict.fromkeys(format_number(value, 1 if 0.05 <= abs(value) < 10 else 0) for value in (low, high))
    )


def _joined(begin: str, said: list[str]) -> str:
    return f"{begin}: {'; '.join(said)}." if said else "Nothing has been timed for this yet."
