"""``python -m reproduce time``: times every cell in turns within a budget and writes this machine's file."""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from reproduce.measure import in_turns, is_loaded, load_average, processor_features
from reproduce.models import kernels
from reproduce.paths import RESULTS, relative_to_repo
from reproduce.progress import Progress
from reproduce.provenance import git_state, machine_fingerprint, utc_now
from reproduce.timing import cells
from reproduce.timing.cells import Cell, Scope, Setting
from reproduce.timing.clock import OtherWork, threads_set
from reproduce.timing.plan import MIN_ROUNDS, SKIPPED, SMALL_BATCH, Speed, fitted, within
from reproduce.timing.rows import TIMING_FOLDER, cell_columns, cell_rows, write_rows
from reproduce.timing.subjects import Sample, Workshop, nasnet_missing
from reproduce.train.run import Launch, prepare_torch

QUICK_FOLDER = RESULTS / "quick" / "timing"
Sampler = Callable[[int], Sample]
_OTHERS_PERCENT = 10.0  # of the machine's processor time, from which other programs disturb


def run_timing(quick: bool = False, out: Path | None = None, scope: Scope | None = None) -> Path:
    """Time this machine; write ``<out>/<machine>.csv`` and return its path.

    Args:
        quick: a minute instead of ten: fewer networks, into ``results/quick/timing``, which git ignores.
        out: folder of all machines' files, by default ``results/timing``.
        scope: what is timed, by default ``FULL`` or ``QUICK``.

    Raises:
        ReproduceError: ``out`` is not writable.
    """
    scope = scope or (cells.QUICK if quick else cells.FULL)
    rows, facts = measure(scope, cells.devices_present())
    path = write_rows(rows, facts, out or (QUICK_FOLDER if quick else TIMING_FOLDER))
    left_out = sum(row.get("skipped") is not None for row in rows)
    print(f"time: {len(rows) - left_out} timings, {left_out} skipped (each with its reason): {relative_to_repo(path)}")
    return path


def measure(scope: Scope, devices: Sequence[str]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the rows of ``scope`` on ``devices``, and the facts of machine and run that belong to each of them."""
    prepare_torch(Launch("cpu"))
    facts, others = _facts_before(scope, devices), OtherWork()
    if facts["loaded"]:
        _warn(f"load average {facts['load_average_before']}")
    rows = _timed(scope, devices)
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


def _warn(what: str) -> None:
    print(f"warning: the machine is busy ({what}); every timing is marked as loaded", file=sys.stderr)


def facts_of_machine(devices: Sequence[str]) -> dict[str, Any]:
    """Return what identifies this machine, with the GPUs among ``devices``, as the columns of a row."""
    machine = machine_fingerprint()
    names = [torch.cuda.get_device_name(torch.device(name)) for name in devices if name != "cpu"]
    return {
        **{name: machine[name] for name in ("cpu", "cores", "memory_gib", "os", "torch", "python")},
        "gpu": " + ".join(names) or None,
        "features": " ".join(processor_features()) or None,
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


def _timed(scope: Scope, devices: Sequence[str]) -> list[dict[str, Any]]:
    deadline = time.monotonic() + scope.budget_seconds
    wanted, rows = _without_missing(cells.all_cells(scope, devices))
    workshop = Workshop(scope)
    chosen, left_out = fitted(wanted, scope, _speeds(workshop, wanted, scope))
    samplers, seconds = _warm_all_up(workshop, chosen, scope, deadline)
    calls = {cell: max(1, round(scope.sample_seconds / each)) for cell, each in seconds.items()}
    costs = {cell: seconds[cell] * (calls[cell] + (calls[cell] > 1)) for cell in seconds}
    kept = within(costs, (deadline - time.monotonic()) / MIN_ROUNDS)
    expected = int((deadline - time.monotonic()) / sum(costs[cell] for cell in kept))
    arms = {_words(cell): _arm(samplers[cell], calls[cell]) for cell in kept}
    samples = _rounds(arms, min(scope.most_rounds, max(MIN_ROUNDS, expected)), scope.most_rounds, deadline)
    left_out += [cell for cell in chosen if cell not in kept]
    done = [row for cell in kept for row in cell_rows(cell, scope, samples[_words(cell)], calls[cell])]
    return done + rows + [_skipped(cell, SKIPPED.format(scope.budget_seconds)) for cell in left_out]


def _rounds(
    arms: Mapping[str, Callable[[], Sample]], expected: int, most: int, deadline: float
) -> dict[str, list[Sample]]:
    """Time every arm once a round, while another round as long as the longest so far ends before the deadline.

    The first calls, of which costs are planned, are slower than those timed: a number of rounds fixed from them would
    leave time unused. ``expected`` rounds are for the progress line.
    """
    samples: dict[str, list[Sample]] = {name: [] for name in arms}
    rounds, longest = 0, 0.0
    with Progress("time", expected * len(arms), "timing") as progress:
        while rounds < MIN_ROUNDS or (rounds < most and time.monotonic() + longest <= deadline):
            started = time.monotonic()
            progress.total = max(progress.total, progress.done + len(arms))
            order = dict(arms if rounds % 2 == 0 else reversed(arms.items()))  # a drift favors none
            for name, (sample,) in in_turns("cells", order, 1, progress, 1).items():
                samples[name].append(sample)
            rounds, longest = rounds + 1, max(longest, time.monotonic() - started)
    return samples


def _warm_all_up(
    workshop: Workshop, chosen: Sequence[Cell], scope: Scope, deadline: float
) -> tuple[dict[Cell, Sampler], dict[Cell, float]]:
    """Return each cell's sampler and the seconds of a call, the most wanted first, until half the budget is gone.

    The plan's guess leaves room; a machine that turns out slower than its peak said must still end in time. Making
    what a cell needs takes from the budget, but not from the seconds of its call, of which rounds are planned.
    """
    samplers: dict[Cell, Sampler] = {}
    seconds: dict[Cell, float] = {}
    with Progress("time", len(chosen), "cell") as progress:
        for cell in chosen:
            if cell.priority > 1 and time.monotonic() > deadline - scope.budget_seconds / 2:
                break
            samplers[cell] = _within_setting(cell, workshop.sampler(cell))
            seconds[cell] = _warmed_up(samplers[cell], scope.sample_seconds)
            progress.update(1, f"warming up {_words(cell)}")
    return samplers, seconds


def _without_missing(wanted: Sequence[Cell]) -> tuple[list[Cell], list[dict[str, Any]]]:
    reason = nasnet_missing()
    if reason is None:
        return list(wanted), []
    missing = [cell for cell in wanted if cell.network == cells.NASNET]
    return [cell for cell in wanted if cell not in missing], [_skipped(cell, reason) for cell in missing]


def _skipped(cell: Cell, reason: str) -> dict[str, Any]:
    return {**cell_columns(cell), "skipped": reason}


def _speeds(workshop: Workshop, wanted: Sequence[Cell], scope: Scope) -> dict[Setting, Speed]:
    """Return first measures of each setting's FLOP/s, to plan by; the rows hold those of the rounds."""

    def measured(cell: Cell) -> float:
        sampler = _within_setting(cell, workshop.sampler(cell))
        sampler(1)
        return cells.flops(cell) / sum(sampler(1).values())

    products = {c.setting: c for c in wanted if c.what == cells.MATRIX_MULTIPLY and c.priority == 0}
    step = next(c for c in wanted if c.what == cells.TRAINING_STEP)
    small = {setting: replace(step, setting=setting, batch_size=SMALL_BATCH) for setting in products}
    return {setting: Speed(measured(products[setting]), measured(small[setting])) for setting in products}


def _within_setting(cell: Cell, sampler: Sampler) -> Sampler:
    def sample(calls: int) -> Sample:
        with threads_set(cell.setting.threads):
            return sampler(calls)

    return sample


def _warmed_up(sampler: Sampler, sample_seconds: float) -> float:
    """Call until it is warm; return the seconds of a call. A long call's first time is near enough."""
    seconds = sum(sampler(1).values())
    return sum(sampler(2).values()) if seconds < 2 * sample_seconds else seconds


def _arm(sampler: Sampler, calls: int) -> Callable[[], Sample]:
    def sample() -> Sample:
        if calls > 1:  # other networks have since had the caches; a call that is long by itself hardly notices
            sampler(1)
        return sampler(calls)

    return sample


def _words(cell: Cell) -> str:
    setting = cell.setting
    work = " ".join(str(part) for part in (cell.what, cell.network, cell.batch_size) if part)
    return f"{work}, {setting.device} {setting.precision} {setting.threads} threads"
