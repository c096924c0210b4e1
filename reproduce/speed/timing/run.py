"""``python -m reproduce time``: times the networks here, says whether the machine was busy, and writes its file."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from reproduce.base.errors import ReproduceError
from reproduce.base.files import check_writable
from reproduce.base.paths import RESULTS, relative_to_repo
from reproduce.base.provenance import git_state, machine_fingerprint, utc_now
from reproduce.models import kernels
from reproduce.speed.measure import is_loaded, load_average
from reproduce.speed.timing import cells
from reproduce.speed.timing.cells import Scope
from reproduce.speed.timing.clock import OtherWork, gpu_load_percent
from reproduce.speed.timing.rounds import time_cells
from reproduce.speed.timing.timing_rows import GPU_SEPARATOR, machine_file, write_rows
from reproduce.train.launch import Launch, prepare_torch

QUICK_FOLDER = RESULTS / "quick" / "timing"  # of timings by ``--quick``, ignored by git
_OTHERS_PERCENT = 10.0  # of the processors' time: other programs that use more mark the machine as busy


def run_timing(scope: Scope, folder: Path) -> Path:
    """Time ``scope`` on this machine; write ``<folder>/<machine>.csv`` and return its path.

    Raises:
        ReproduceError: ``folder``, which holds all machines' files, is not writable.
    """
    devices = cells.devices_present()
    check_writable(folder)
    machine_file(facts_of_machine(devices), folder)  # a damaged file is refused before eight minutes are spent
    rows, facts = time_here(scope, devices)
    path = write_rows(rows, facts, folder)
    left_out = sum(row.get("skipped") is not None for row in rows)
    print(f"time: {len(rows) - left_out} timings, {left_out} skipped (each with its reason): {relative_to_repo(path)}")
    return path


def time_here(scope: Scope, devices: Sequence[str]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the rows of ``scope`` on ``devices``, and the facts of machine and run that every row carries."""
    prepare_torch(Launch("cpu"))
    facts, others = _facts_before(scope, devices), OtherWork()
    if facts["loaded"]:
        _warn(f"load average {facts['load_average_before']}")
    facts["loaded"] |= _is_gpu_busy(devices)
    try:
        rows = time_cells(scope, devices)
    except torch.OutOfMemoryError as error:
        raise ReproduceError(
            "a GPU has no memory left for a matrix product and a step of 32 images; end the other programs that use it"
        ) from error
    percent = others.percent()
    if percent > _OTHERS_PERCENT:
        _warn(f"other programs used {percent:.0f} % of the processors")
    facts |= {
        "load_average_after": load_average(),
        "other_work_percent": percent,
        "loaded": facts["loaded"] or percent > _OTHERS_PERCENT,
        "finished_utc": utc_now(),
    }
    return rows, facts


def _is_gpu_busy(devices: Sequence[str]) -> bool:
    load = gpu_load_percent(devices)
    if load is None and any(name != "cpu" for name in devices):
        print("note: other programs' use of the GPU is unknown; install nvidia-ml-py to have it read", file=sys.stderr)
    if busy := (load or 0.0) > _OTHERS_PERCENT:
        _warn(f"a GPU worked {load:.0f} % of the time before anything was timed")
    return busy


def _warn(what: str) -> None:
    print(f"warning: the machine is busy ({what}); every timing is marked as loaded", file=sys.stderr)


def facts_of_machine(devices: Sequence[str]) -> dict[str, Any]:
    """Return what identifies this machine, with the GPUs among ``devices``, as the columns of a row."""
    machine = machine_fingerprint()
    names = [torch.cuda.get_device_name(torch.device(name)) for name in devices if name != "cpu"]
    return {
        **{name: machine[name] for name in ("cpu", "features", "cores", "memory_gib", "os", "torch", "python")},
        "gpu": GPU_SEPARATOR.join(names) or None,
    }


def _facts_before(scope: Scope, devices: Sequence[str]) -> dict[str, Any]:
    machine, average = facts_of_machine(devices), load_average()
    return {
        **machine,
        **git_state(),
        "compiled_kernels": kernels.library() is not None,
        "started_utc": utc_now(),
        "load_average_before": average,
        "loaded": is_loaded(average, machine),
        "budget_seconds": scope.budget_seconds,
    }
