"""Every cell warmed up, then timed once per round, in turns, until the budget is spent."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from reproduce.base.progress import Progress
from reproduce.speed.measure import in_turns
from reproduce.speed.timing import cells
from reproduce.speed.timing.budget import MIN_ROUNDS, SKIPPED, SMALL_BATCH, Speed, fitted, within
from reproduce.speed.timing.cells import IMAGENET_NETWORKS, STEP_AND_INPUT, Cell, Sample, Scope, Setting
from reproduce.speed.timing.clock import threads_set
from reproduce.speed.timing.subjects import Workshop, nasnet_missing
from reproduce.speed.timing.timing_rows import cell_columns, cell_rows

Sampler = Callable[[int], Sample]
_STEADY_CALLS, _STEADY_SECONDS = 40, 4.0  # a reader ahead by a few batches must not hide that it is the slower one
_NO_MEMORY = "needs more memory than the device has left"


def time_cells(scope: Scope, devices: Sequence[str]) -> list[dict[str, Any]]:
    """Time the cells that ``scope`` wants on ``devices`` within its budget; return the rows, left-out cells included.

    Raises:
        torch.OutOfMemoryError: a device has no memory even for the products and steps timed first to plan the rest.
    """
    deadline = time.monotonic() + scope.budget_seconds
    wanted, rows = _without_missing(cells.all_cells(scope, devices))
    workshop = Workshop(scope)
    chosen, left_out = fitted(wanted, scope, _speeds(workshop, wanted))
    samplers, seconds, too_large = _warm_all_up(workshop, chosen, scope, deadline)
    calls = {cell: calls_of(cell, each, scope.sample_seconds) for cell, each in seconds.items()}
    costs = {cell: seconds[cell] * sum(calls[cell]) for cell in seconds}
    kept = within(costs, (deadline - time.monotonic()) / MIN_ROUNDS)
    expected = int((deadline - time.monotonic()) / sum(costs[cell] for cell in kept))
    arms = {_words(cell): _arm(samplers[cell], *calls[cell]) for cell in kept}
    samples = _rounds(arms, min(scope.most_rounds, max(MIN_ROUNDS, expected)), scope.most_rounds, deadline)
    left_out += [cell for cell in chosen if cell not in kept and cell not in too_large]
    too_large += [cell for cell in kept if not all(samples[_words(cell)])]
    timed = [cell for cell in kept if cell not in too_large]
    done = [row for cell in timed for row in cell_rows(cell, scope, samples[_words(cell)], calls[cell][1])]
    rows += [_skipped(cell, _NO_MEMORY) for cell in too_large]
    return done + rows + [_skipped(cell, SKIPPED.format(scope.budget_seconds)) for cell in left_out]


def calls_of(cell: Cell, seconds: float, sample_seconds: float) -> tuple[int, int]:
    """Return the numbers of untimed and of timed calls in a sample, for calls of ``seconds`` each.

    Short calls are repeated, after an untimed one that refills the caches. A reader that reads ahead has a full queue
    at first, which would hide a slow reader. Where steps are short, as on a GPU, untimed steps therefore empty the
    queue first, equal in number to the timed ones. A long step leaves the reader time for one batch per step.
    """
    timed = max(1, round(sample_seconds / seconds))
    reads_ahead = cell.what == STEP_AND_INPUT and cell.network in IMAGENET_NETWORKS
    if reads_ahead and seconds * 2 * _STEADY_CALLS <= _STEADY_SECONDS:
        timed = max(timed, _STEADY_CALLS)
        return timed, timed
    return int(timed > 1), timed


def _rounds(
    arms: Mapping[str, Callable[[], Sample]], expected: int, most: int, deadline: float
) -> dict[str, list[Sample]]:
    """Time every arm once per round, until another round as long as the longest would miss the deadline.

    The first calls, by which costs are planned, are slower than later ones, so a number of rounds fixed from them would
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
) -> tuple[dict[Cell, Sampler], dict[Cell, float], list[Cell]]:
    """Return each cell's sampler, the seconds of a call, and the cells that did not fit the device's memory.

    The most wanted cells come first. Warming up ends when half the budget is used, since a machine slower than its peak
    suggests must still end in time. Setting a cell up counts against the budget. It does not count in the seconds of a
    call, by which rounds are planned.
    """
    samplers: dict[Cell, Sampler] = {}
    seconds: dict[Cell, float] = {}
    too_large: list[Cell] = []
    with Progress("time", len(chosen), "cell") as progress:
        for cell in chosen:
            if cell.priority > 1 and time.monotonic() > deadline - scope.budget_seconds / 2:
                break
            try:
                samplers[cell] = _within_setting(cell, workshop.sampler(cell))
                seconds[cell] = _warmed_up(samplers[cell], scope.sample_seconds)
            except torch.OutOfMemoryError:
                samplers.pop(cell, None)  # frees the memory that it holds
                torch.cuda.empty_cache()
                too_large.append(cell)
            progress.update(1, f"warming up {_words(cell)}")
    return samplers, seconds, too_large


def _without_missing(wanted: Sequence[Cell]) -> tuple[list[Cell], list[dict[str, Any]]]:
    reason = nasnet_missing()
    if reason is None:
        return list(wanted), []
    missing = [cell for cell in wanted if cell.network == cells.NASNET]
    return [cell for cell in wanted if cell not in missing], [_skipped(cell, reason) for cell in missing]


def _skipped(cell: Cell, reason: str) -> dict[str, Any]:
    return {**cell_columns(cell), "skipped": reason}


def _speeds(workshop: Workshop, wanted: Sequence[Cell]) -> dict[Setting, Speed]:
    """Return a first measure of each setting's FLOP/s, for planning alone."""

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
    """Call until warm and return the seconds of a call. For a long call the first time is exact enough."""
    seconds = sum(sampler(1).values())
    return sum(sampler(2).values()) if seconds < 2 * sample_seconds else seconds


def _arm(sampler: Sampler, untimed: int, timed: int) -> Callable[[], Sample]:
    """Return a function that takes one sample, which is empty if the device's memory does not suffice."""

    def sample() -> Sample:
        try:
            if untimed:
                sampler(untimed)
            return sampler(timed)
        except torch.OutOfMemoryError:
            torch.cuda.empty_cache()
            return {}

    return sample


def _words(cell: Cell) -> str:
    setting = cell.setting
    work = " ".join(str(part) for part in (cell.what, cell.network, cell.batch_size) if part)
    return f"{work}, {setting.device} {setting.precision} {setting.threads} threads"
