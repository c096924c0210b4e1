"""Fitting the cells into a time budget: peak speed and operations decide batch sizes and omissions."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from reproduce.speed.timing.cells import (
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
WARM_UPS = 1.5  # cost of warming a cell up, in timed calls: the first call is slower
SMALL_BATCH = 32  # images; replaces 128 where a step takes too long; scaling is timed at it too
_LEAST_SECONDS = 0.002  # of a step: starting its small kernels takes that long
NASNET_SHARE = 0.25  # of the speed of AlexNet's step, since NASNet's operations are small and many
# A call that takes more than this share of the budget gets a smaller batch. The shares are tried in order.
_LONGEST_SHARES = (1 / 20, 1 / 40, 1 / 80, 1 / 160, 1 / 320)
_ESSENTIAL = 5  # cells up to this priority get smaller batches rather than be left out
SKIPPED = "does not fit the time budget of {:.0f} s"


@dataclass(frozen=True)
class Speed:
    """Speeds in FLOP/s measured first at one setting, to plan by: a matrix product's and a small training step's."""

    product: float
    step: float


def predicted_seconds(cell: Cell, scope: Scope, speeds: Mapping[Setting, Speed]) -> float:
    """Return a guess of one call's seconds from its operations and the speeds first measured."""
    if cell.what in (MEMORY_COPY, NETWORK_INPUT):
        return scope.sample_seconds
    if cell.what == MATRIX_MULTIPLY:
        return flops(cell) / speeds[cell.setting].product
    return _LEAST_SECONDS + flops(cell) / (speeds[cell.setting].step * (NASNET_SHARE if cell.network == NASNET else 1))


def fitted(cells: Sequence[Cell], scope: Scope, speeds: Mapping[Setting, Speed]) -> tuple[list[Cell], list[Cell]]:
    """Return the cells to time, with their batch sizes, and those left out, least wanted first.

    At one setting all networks of a family get the slowest one's batch size, so that they can be compared; NASNet has a
    size of its own. Batches are made smaller, first at fewer threads, before an essential cell is left out. The forward
    pass at fewer threads and the less wanted networks are left out first. A cell that becomes equal to another is
    dropped.

    Args:
        cells: as ``cells.all_cells`` gives them, the most wanted first.
        scope: the scope of the cells.
        speeds: first measurements at each setting.
    """
    for at_all, at_fewer in _pairs_of_shares():
        longest = at_all * scope.budget_seconds, at_fewer * scope.budget_seconds
        chosen = _with_batches(cells, longest, scope, speeds)
        if sum(_cost(c, scope, speeds) for c in chosen if c.priority <= _ESSENTIAL) <= scope.budget_seconds:
            break
    kept = within({cell: _cost(cell, scope, speeds) for cell in chosen}, scope.budget_seconds)
    return kept, chosen[len(kept) :][::-1]


def _pairs_of_shares() -> Iterator[tuple[float, float]]:
    for place, at_all in enumerate(_LONGEST_SHARES):
        for at_fewer in _LONGEST_SHARES[place:]:
            yield at_all, at_fewer


def within(costs: Mapping[Cell, float], seconds: float) -> list[Cell]:
    """Return the cells that fit into ``seconds``, taken in their order; cells of priority 0 and 1 always stay."""
    kept = list(costs)
    while kept[-1].priority > 1 and sum(costs[cell] for cell in kept) > seconds:
        kept.pop()
    return kept


def _cost(cell: Cell, scope: Scope, speeds: Mapping[Setting, Speed]) -> float:
    return (WARM_UPS + MIN_ROUNDS) * max(scope.sample_seconds, predicted_seconds(cell, scope, speeds))


def _with_batches(
    cells: Sequence[Cell], longest: tuple[float, float], scope: Scope, speeds: Mapping[Setting, Speed]
) -> list[Cell]:
    """Return the cells with batches made smaller until a call is predicted to take at most ``longest`` seconds.

    ``longest`` holds the limits at all threads and at fewer. Of equal cells only the most wanted stays.
    """
    most = max(cell.setting.threads for cell in cells)

    def smaller(cell: Cell, sizes: Sequence[int]) -> int:
        limit = longest[cell.setting.threads < most]
        fast = (n for n in sizes if predicted_seconds(replace(cell, batch_size=n), scope, speeds) <= limit)
        return next(fast, sizes[-1])

    sizes: dict[tuple[Setting, bool], int] = {}
    for cell in cells:
        if cell.what == TRAINING_STEP and cell.batch_size == RECIPE_BATCH:
            size, family = smaller(cell, (RECIPE_BATCH, SMALL_BATCH)), _family(cell)
            sizes[family] = min(size, sizes.get(family, size))

    def batch_of(cell: Cell) -> int:
        if cell.network == NASNET:
            return smaller(cell, [cell.batch_size >> halvings for halvings in range(cell.batch_size.bit_length())])
        return sizes[_family(cell)] if cell.batch_size == RECIPE_BATCH else cell.batch_size

    chosen: dict[Cell, Cell] = {}
    for cell in cells:
        sized = replace(cell, batch_size=batch_of(cell))
        chosen.setdefault(replace(sized, priority=0), sized)
    return list(chosen.values())


def _family(cell: Cell) -> tuple[Setting, bool]:
    return cell.setting, cell.network in IMAGENET_NETWORKS
