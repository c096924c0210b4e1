"""Speed of a GPU over a CPU by kind of evidence, and the share of a training step that each layer takes."""

import pandas as pd

from reproduce.base.text import format_number
from reproduce.report.speed.time_ratios import scaling
from reproduce.report.speed.timing_tables import (
    NOT_TIMED,
    PAPER,
    Timings,
    at_all_threads,
    beside_references,
    device_names,
    shares_by_kind,
)

BY_DEFINITION = " (middle by definition)"  # ends the name of a system whose own days calibrate the estimate
_LAST_YEAR = 2012  # of the machines that the claims are about
_INFERRED = {PAPER: "AlexNet (paper)", "nasnetalarge": "NASNet-A 6 @ 4032, 331 pixels"}
_COLUMNS = ["evidence", "GPU", "CPU", "precision", "compared", "from_times", "to_times"]


def factors(timings: Timings) -> pd.DataFrame:
    """Return the ratio of a GPU's speed to a CPU's: printed by one source, from peak speeds up to 2012, or timed here.

    Columns: evidence, GPU, CPU, precision, compared, from_times and to_times (least and largest ratio over the CPUs).
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


def reference_shares(timings: Timings) -> pd.DataFrame:
    """Return the share of the reference matrix product that the paper's layers reach, in percent.

    Columns: device (in words), precision, kind, least_percent, most_percent (over the kind's layers and passes).
    """
    rows = []
    for (machine, device), name in device_names(timings).items():
        references, passes = beside_references(timings, machine, device)
        peaks = references.set_index("precision")["peak_gflop_per_second"]
        shares = 100 * passes["gflop_per_second"] / passes["precision"].map(peaks)
        for (precision, kind), part in shares.groupby([passes["precision"], passes["kind"]], sort=False):
            rows.append([name, precision, kind, part.min(), part.max()])
    return pd.DataFrame(rows, columns=["device", "precision", "kind", "least_percent", "most_percent"])


def scaling_gains(timings: Timings) -> pd.DataFrame:
    """Return the ratio of training speeds of the largest batch to the smallest, and of all threads to one thread.

    Columns: device (in words), precision, network, varies (in words), least, most, times_as_fast.
    """
    rows, names = [], device_names(timings)
    words = {"batch_size": "images per step", "threads": "threads"}
    for (varies, machine, device, precision, network), line in scaling(timings).groupby(
        ["varies", "machine", "device", "precision", "network"], sort=False
    ):
        first, *_, last = line.sort_values("at").itertuples() if len(line) > 1 else (None, None)
        if first is not None:
            times = last.images_per_second / first.images_per_second
            rows.append([names[machine, device], precision, network, words[varies], int(first.at), int(last.at), times])
    return pd.DataFrame(rows, columns=["device", "precision", "network", "varies", "least", "most", "times_as_fast"])


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


def inference_words(timings: Timings) -> str:
    """Return how many times as fast the paper's net answers as NASNet, and at what share of operations per second."""
    table, said = inference(timings), []
    for (device, precision), rows in table.groupby(["device", "precision"], sort=False):
        by_name = {row.network: row for row in rows.itertuples()}
        if len(by_name) < len(_INFERRED):
            continue
        net, later = (by_name[name] for name in _INFERRED.values())
        flops = [each.gflop_per_image * each.images_per_second for each in (net, later)]
        said.append(
            f"On {device}, {precision}: {format_number(net.images_per_second, 0)} images per second against "
            f"{format_number(later.images_per_second, 1)}, "
            f"{format_number(net.images_per_second / later.images_per_second, 0)} times as many. In operations that is "
            f"{format_number(flops[0], 0)} against {format_number(flops[1], 0)} GFLOP/s, in batches of "
            f"{net.batch_size} and {later.batch_size}."
        )
    return " ".join(said) or NOT_TIMED


def time_by_kind(timings: Timings) -> pd.DataFrame:
    """Return the shares of the paper's training step by kind of work, in percent.

    Columns: device (in words), precision, convolution, fully connected, normalization, update.
    """
    names, shares = device_names(timings), shares_by_kind(timings)
    shares = shares[shares["network"].eq(PAPER)]
    device = [names[row.machine, row.device] for row in shares.itertuples()]
    kinds = ["precision", "convolution", "fully connected", "normalization", "update"]
    return shares.assign(device=device)[["device", *kinds]].reset_index(drop=True)
