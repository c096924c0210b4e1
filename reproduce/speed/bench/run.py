"""``python -m reproduce bench``: times the parts asked for and writes them to this machine's file."""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torchvision

from reproduce.base.errors import ReproduceError
from reproduce.base.files import check_writable
from reproduce.base.hardware import processor_features
from reproduce.base.memory import keep_freed_memory
from reproduce.base.paths import RESULTS, relative_to_repo
from reproduce.base.provenance import git_state, machine_fingerprint, source_digest, utc_now
from reproduce.models import kernels
from reproduce.speed.bench.alexnet import measure_alexnet
from reproduce.speed.bench.cifar10 import measure_cifar10
from reproduce.speed.bench.data import measure_data
from reproduce.speed.bench.later import measure_later
from reproduce.speed.bench.report import result_path, write_benchmark
from reproduce.speed.measure import is_loaded, load_average

PARTS: dict[str, Callable[[], dict[str, Any]]] = {
    "cifar10": measure_cifar10,
    "data": measure_data,
    "alexnet": measure_alexnet,
    "later": measure_later,
}
_SOFTWARE = ("threads", "python", "torch", "torchvision")


def run_benchmarks(parts: Iterable[str] = (), out: Path = RESULTS / "benchmarks") -> Path:
    """Measure ``parts`` on this machine's CPU; write ``<out>/<machine>.json``, and its tables in ``.md``.

    Args:
        parts: names in ``PARTS``; none for all. The recorded results of other parts stay as they are.
        out: folder of the results; files of other machines in it are left alone.

    Returns:
        The JSON file.

    Raises:
        ReproduceError: an unknown part, data missing, ``out`` not writable.
    """
    chosen = list(dict.fromkeys(parts)) or list(PARTS)
    if unknown := [name for name in chosen if name not in PARTS]:
        raise ReproduceError(f"bench has no part {unknown[0]!r}; choose from {', '.join(PARTS)}")
    check_writable(out)
    average = load_average()  # before the first part: afterwards the load is our own
    for name in chosen:
        path = run_part(name, PARTS[name], out, average)
    return path


def run_part(name: str, measure: Callable[[], dict[str, Any]], out: Path, average: float) -> Path:
    """Measure one part, put its results into this machine's file, and return the file's path.

    Args:
        name: of the part.
        measure: returns its settings and rows.
        out: folder of the results.
        average: load average when this command began.

    Raises:
        ReproduceError: from ``measure``, or ``out`` is not writable.
    """
    keep_freed_memory()  # acts on the whole process, so the standard ways gain too
    machine = {**machine_fingerprint(), "torchvision": torchvision.__version__, "features": processor_features()}
    del machine["load_average_at_start"]
    result_path(out, machine)  # a damaged file there is refused before anything is measured
    head = {
        "software": {key: machine.pop(key) for key in _SOFTWARE},
        "load_average_at_start": average,
        "loaded": is_loaded(average, machine),
        "compiled_kernels": kernels.library() is not None,
        **git_state(),
        "source_sha256": source_digest(),
        "started_utc": utc_now(),
    }
    if head["loaded"]:
        print(f"warning: the machine is busy (load average {average}); the timings are marked as such", file=sys.stderr)
    content = head | measure() | {"load_average_at_end": load_average(), "finished_utc": utc_now()}
    path = write_benchmark(out, machine, name, content)
    print(f"benchmark {name}: written to {relative_to_repo(path)}")
    return path
