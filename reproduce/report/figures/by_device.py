"""The figures on time for every timed device, or one figure that says that no device was timed."""

from matplotlib.figure import Figure

from reproduce.base.text import plain_name
from reproduce.report.figures import layer_times, machine_times
from reproduce.report.speed import time_ratios, timing_tables
from reproduce.report.speed.timing_tables import Timings

Setting = tuple[str, str, str, float]
_NOWHERE: Setting = ("", "", "", 0.0)


def words(timings: Timings, setting: Setting) -> str:
    """Return a setting in words: the processor with its threads or the GPU, then the precision, then the doubts.

    The doubts (``timing_tables.doubts``) have a line of their own, since titles are no wider than their axes.
    """
    machine, device, precision, threads = setting
    rows = timings.measured()
    rows = rows[rows["machine"].eq(machine) & rows["device"].eq(device)]
    if rows.empty:
        return ""
    first = rows.iloc[0]
    name = f"{plain_name(first['cpu'])}, {threads:.0f} threads" if device == "cpu" else first["device_name"]
    doubts = timing_tables.doubts(timings)[machine, device]
    return f"{name}, {precision}" + (f"\n({', '.join(doubts)})" if doubts else "")


def _settings(timings: Timings) -> list[Setting]:
    return timing_tables.fastest_settings(timings) or [_NOWHERE]


def parts(timings: Timings) -> list[Figure]:
    """Return ``layer_times.time_parts`` for each device, in the precision that is fastest there."""
    shares = timing_tables.shares_by_kind(timings)
    figures = []
    for setting in _settings(timings):
        here = shares[shares["machine"].eq(setting[0]) & shares["device"].eq(setting[1])]
        layers = timing_tables.layer_times(timings, setting)
        figures.append(layer_times.time_parts(layers, here, words(timings, setting)))
    return figures


def scalings(timings: Timings) -> list[Figure]:
    """Return ``machine_times.speed_scaling`` for each machine."""
    scaling, names = time_ratios.scaling(timings), timing_tables.device_names(timings)
    devices: dict[str, list[str]] = {}
    for machine, device, _, _ in _settings(timings):
        devices.setdefault(machine, []).append(names.get((machine, device), ""))
    return [
        machine_times.speed_scaling(scaling[scaling["machine"].eq(machine)], " and ".join(words))
        for machine, words in devices.items()
    ]
