"""Timing in turns: every round runs each arm once, so that a ratio compares timings close together.

A machine's results go to a file of its own, named after its hardware.
"""

import os
import re
import statistics
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from reproduce.base.progress import Progress

Result = TypeVar("Result")
_HARDWARE = ("cpu", "cores", "gpu", "os", "features")  # machines equal in these share a file
_UNEVEN_PERCENT = 25.0  # rounds of the same work differ by no more on a quiet machine
_LOADED_PER_CORE = 0.5  # load average per core from which a machine counts as busy


def spread(values: Iterable[float]) -> dict[str, float]:
    """Return smallest, median and largest of ``values``, to four digits."""
    ordered = sorted(values)
    figures = {"min": ordered[0], "median": statistics.median(ordered), "max": ordered[-1]}
    return {name: float(f"{value:.4g}") for name, value in figures.items()}


def in_turns(
    what: str, arms: Mapping[str, Callable[[], Result]], rounds: int, progress: Progress, units: int
) -> dict[str, list[Result]]:
    """Run every arm once per round, in reverse order every other round, so that a drift of speed favors no arm.

    Args:
        what: words for the progress line, before the arm's name.
        arms: functions by name; each call is one timing.
        rounds: timings of each arm.
        progress: told ``units`` more after each timing.
        units: training steps or repeats in a timing.

    Returns:
        Each arm's results, one per round.
    """
    results: dict[str, list[Result]] = {name: [] for name in arms}
    for number in range(rounds):
        for name in list(arms)[:: -1 if number % 2 else 1]:
            results[name].append(arms[name]())
            progress.update(units, f"{what}, {name}")
    return results


def ratios_by_round(numerators: Iterable[float], denominators: Iterable[float]) -> dict[str, float]:
    """Return the spread of the ratios of two arms' timings, one ratio per round."""
    return spread(a / b for a, b in zip(numerators, denominators, strict=True))


def uneven_words(percent: float) -> str:
    """Return in words that rounds of the same matrix product differed by more than 25 %; empty where they did not."""
    if not percent > _UNEVEN_PERCENT:
        return ""
    return f"uneven: the slowest round of a matrix product took {percent:.0f} % longer than the fastest"


def is_loaded(load_average: float, machine: Mapping[str, Any]) -> bool:
    """Return whether other work kept the machine busy before the benchmark began."""
    return load_average > _LOADED_PER_CORE * machine["cores"]


def load_average() -> float:
    """Return the load average over the last minute."""
    return round(os.getloadavg()[0], 2)


def slug(*words: object) -> str:
    """Return ``words`` as a file name: lower-case letters and digits joined by hyphens, without (R) and (TM)."""
    text = re.sub(r"\((r|tm)\)", "", " ".join(map(str, words)).lower())
    return re.sub(r"[^a-z0-9]+", "-", text).strip("-")


def machine_slug(machine: Mapping[str, Any]) -> str:
    """Return a file name for the machine: its processor and number of cores."""
    return slug(machine["cpu"], machine["cores"], "cores")


def own_file(
    out: Path, stem: str, suffix: str, machine: Mapping[str, Any], read_machine: Callable[[Path], Mapping[str, Any]]
) -> Path:
    """Return where this machine's result goes: its own earlier file, or a name no other machine has.

    Args:
        out: folder of all machines' results.
        stem, suffix: of the file's name; machines of the same stem but other hardware get a number after the stem.
        machine: this machine, as ``provenance.machine_fingerprint`` describes it, with ``features``.
        read_machine: a function that returns the machine whose results an existing file holds.

    Raises:
        ReproduceError: an existing file cannot be read (by ``read_machine``).
    """
    number = 1
    while True:
        path = out / (f"{stem}{suffix}" if number == 1 else f"{stem}-{number}{suffix}")
        if not path.exists() or _hardware(read_machine(path)) == _hardware(machine):
            return path
        number += 1


def _hardware(machine: Mapping[str, Any]) -> list[Any]:
    return [*(machine.get(key) for key in _HARDWARE), round(machine["memory_gib"])]
