"""Fitting the cells into a time budget: batch sizes and what is left out follow from the peak and the operations."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from reproduce.timing.cells import (
    IMAGENET_NETWORKS,
    MATRIX_MULTIPLY,
    MEMORY_COPY,
    NASNET,
    NETWORK_INPUT,
    RECIPE_BATCH,
    TRAINING_STEP,
    Cell,
    Scope,
    Setting,
    flops,
)

MIN_ROUNDS = 3
WARM_UPS = 1.5  # calls before the rounds, the first one slower, in units of a timed one
_SHARE_OF_PEAK = {"fp32": 0.55, "bf16": 0.25}  # a guess for planning alone: nothing published depends on it
_LEAST_SECONDS = 0.002  # of a step: small kernels wait for being started
# Of the budget, what one call may take before its batch is halved.
_LONGEST_SHARES = (1 / 20, 1 / 40, 1 / 80, 1 / 160, 1 / 320)
_SMALLEST_BATCH = 16
_ESSENTIAL = 5  # priorities up to this one are kept by halving batches first
SKIPPED = "does not fit the time budget of {:.0f} s"


def predicted_seconds(cell: Cell, scope: Scope, peaks: Mapping[Setting, float]) -> float:
    """Return a guess of one call's seconds from its operations and the measured peak in FLOP/s."""
    if cell.what in (MEMORY_COPY, NETWORK_INPUT):
        return scope.sample_seconds
    if cell.what == MATRIX_MULTIPLY:
        return flops(cell) / peaks[cell.setting]
    share = _SHARE_OF_PEAK[cell.setting.precision] / (4 if cell.network == NASNET else 1)  # its kernels are small
    return _LEAST_SECONDS + flops(cell) / (share * peaks[cell.setting])


def fitted(cells: Sequence[Cell], scope: Scope, peaks: Mapping[Setting, float]) -> tuple[list[Cell], list[Cell]]:
    """Return the cells to time, with their batch sizes, and those left out, least wanted first.

    All networks of one family get the same batch at a setting, that of the slowest, so that they can be compared;
    NASNet, which stands alone, gets one of its own.
    Batches are halved before anything essential is left out; fewer threads, scaling and further networks give way.

    Args:
        cells: as ``cells.all_cells`` gives them, the most wanted first.
        scope: what they are of.
        peaks: measured FLOP/s of a matrix multiplication at each setting.
    """
    for share in _LONGEST_SHARES:
        chosen = _with_batches(cells, share * scope.budget_seconds, scope, peaks)
        if sum(_cost(c, scope, peaks) for c in chosen if c.priority <= _ESSENTIAL) <= scope.budget_seconds:
            break
    kept = within({cell: _cost(cell, scope, peaks) for cell in chosen}, scope.budget_seconds)
    return kept, chosen[len(kept) :][::-1]


def within(costs: Mapping[Cell, float], seconds: float) -> list[Cell]:
    """Return the cells that fit into ``seconds``, the most wanted first as they come; those of priority 1 always."""
    kept = list(costs)
    while kept[-1].priority > 1 and sum(costs[cell] for cell in kept) > seconds:
        kept.pop()
    return kept


def _cost(cell: Cell, scope: Scope, peaks: Mapping[Setting, float]) -> float:
    return (WARM_UPS + MIN_ROUNDS) * max(scope.sample_seconds, predicted_seconds(cell, scope, peaks))


def _with_batches(cells: Sequence[Cell], longest: float, scope: Scope, peaks: Mapping[Setting, float]) -> list[Cell]:
    """Return the cells with batches halved until a call is predicted to take at most ``longest`` seconds."""

    def halved(cell: Cell, smallest: int) -> int:
        size = cell.batch_size
        while size > smallest and predicted_seconds(replace(cell, batch_size=size), scope, peaks) > longest:
            size //= 2
        return size

    sizes: dict[tuple[Setting, bool], int] = {}
    for cell in cells:
        if cell.what == TRAINING_STEP and cell.batch_size == RECIPE_BATCH:
            size, family = halved(cell, _SMALLEST_BATCH), _family(cell)
            sizes[family] = min(size, sizes.get(family, size))

    def batch_of(cell: Cell) -> int:
        if cell.network == NASNET:
            return halved(cell, 1)
        return sizes[_family(cell)] if cell.batch_size == RECIPE_BATCH else cell.batch_size

    return [replace(cell, batch_size=batch_of(cell)) for cell in cells]


def _family(cell: Cell) -> tuple[Setting, bool]:
    return cell.setting, cell.network in IMAGENET_NETWORKS
