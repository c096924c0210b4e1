"""Cells of timing: one cell is one kind of work of one network on one device at one precision and number of threads."""

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from reproduce.data.ilsvrc.workers import available_cores
from reproduce.models.counts import count_layers, forward_flops_per_image, training_flops_per_image
from reproduce.models.spec import NetworkSpec, load_spec

IMAGENET_NETWORKS = (
    "alexnet_paper",
    "alexnet_no_normalization",
    "alexnet_one_gpu",
    "alexnet_as_released",
    "torchvision_alexnet",
)
CIFAR10_NETWORKS = (
    *("80sec", "19pct", "18pct", "conv_local_13pct", "conv_local_13pct_lrn", "conv_local_11pct", "alexnet_small"),
)
NASNET = "nasnetalarge"  # from timm; inference only
_NASNET_SIDE = 331  # pixels; the size its published accuracy was measured at
_NASNET_GMACS = 23.8  # multiply-accumulates of one image in 1e9: NASNet paper, Table 2, 6 @ 4032
RECIPE_BATCH = 128  # images an update: paper section 5, and every recipe of cuda-convnet
_BYTES = {"fp32": 4, "bf16": 2}

# Kinds of work. The first two are the ceilings: all other speeds are given in percent of them.
MATRIX_MULTIPLY, MEMORY_COPY = "matrix_multiply", "memory_copy"
FORWARD, TRAINING_STEP, LAYERS = "forward", "training_step", "layers"
NETWORK_INPUT, STEP_AND_INPUT = "network_input", "training_step_and_input"
CEILINGS = (MATRIX_MULTIPLY, MEMORY_COPY)


Sample = dict[tuple[str, str], float]
"""Seconds per call by (what, layer)."""


@dataclass(frozen=True)
class Setting:
    """Device, precision and threads of a computation; ``threads`` counts CPU threads, even where a GPU computes."""

    device: str
    precision: str
    threads: int


@dataclass(frozen=True)
class Cell:
    """One thing to time.

    If time is short, the cells with the highest ``priority`` are left out first; those with 0 or 1 are always timed.
    ``batch_size`` counts images, or for a matrix product the rows of its square matrices.
    """

    setting: Setting
    what: str
    network: str = ""
    batch_size: int = 0
    priority: int = 0


@dataclass(frozen=True)
class Scope:
    """The extent of a timing session.

    Attributes:
        budget_seconds: time for the whole session, from the first to the last timing.
        networks: those timed at all threads; the first of ``IMAGENET_NETWORKS`` among them is timed in more detail.
        fewer_threads: whether the networks are timed on 1, 2, 4, ... CPU threads too.
        batch_sizes: the sizes at which the scaling with the batch is timed.
        copy_bytes: size of the array copied to find the memory bandwidth, by device type.
        matrix_sides: sides of the square matrices multiplied to find the peak, by device type; the first is always
            timed.
        sample_seconds: a timing lasts at least this long where one call is shorter.
        most_rounds: timings of each cell, if the budget allows; never fewer than ``budget.MIN_ROUNDS``.
        kinds: kinds of work to time; the ceilings are timed in any case.
        highest_priority_number: cells of a higher number get this one. With 1 no cell is left out, however slow the
            machine.
    """

    budget_seconds: float
    networks: Sequence[str] = (*IMAGENET_NETWORKS, *CIFAR10_NETWORKS, NASNET)
    fewer_threads: bool = True
    batch_sizes: Sequence[int] = (1, 8, 32, 512)
    copy_bytes: dict[str, int] = field(default_factory=lambda: {"cpu": 1 << 28, "cuda": 1 << 30})
    matrix_sides: dict[str, Sequence[int]] = field(
        default_factory=lambda: {"cpu": (2048, 1024, 4096), "cuda": (8192, 4096, 16384)}
    )
    sample_seconds: float = 0.1
    most_rounds: int = 9
    kinds: Sequence[str] = (FORWARD, TRAINING_STEP, LAYERS, NETWORK_INPUT, STEP_AND_INPUT)
    highest_priority_number: int = 6


FULL = Scope(budget_seconds=480)
QUICK = Scope(
    budget_seconds=50,
    networks=("alexnet_paper", "alexnet_no_normalization", "80sec", "conv_local_13pct"),
    fewer_threads=False,
    batch_sizes=(),
)
ESTIMATE = Scope(
    budget_seconds=20,
    networks=("alexnet_paper", "80sec", "conv_local_13pct"),
    fewer_threads=False,
    batch_sizes=(),
    matrix_sides={"cpu": (2048,), "cuda": (8192,)},
    kinds=(FORWARD, TRAINING_STEP, NETWORK_INPUT),
    highest_priority_number=1,
)


def type_of(device: str) -> str:
    """Return the type in torch's name of a device: ``cuda`` of ``cuda:1``."""
    return device.partition(":")[0]


def devices_present() -> list[str]:
    """Return ``cpu`` and every CUDA device as torch names it."""
    import torch  # imported here, since readers of committed timings need no torch

    return ["cpu", *(f"cuda:{number}" for number in range(torch.cuda.device_count()))]


def thread_counts(most: int) -> list[int]:
    """Return ``most``, then the powers of two below it from the largest down to 1."""
    return [most, *sorted((1 << bit for bit in range(most.bit_length()) if 1 << bit < most), reverse=True)]


def settings(scope: Scope, devices: Sequence[str]) -> list[Setting]:
    """Return where to time: each device in its precisions at all threads, then the CPU at fewer."""
    import torch

    from reproduce.base.hardware import native_precisions

    counts = thread_counts(available_cores())
    found = [Setting(name, p, counts[0]) for name in devices for p in native_precisions(torch.device(name))]
    if scope.fewer_threads:
        found += [Setting("cpu", p, n) for n in counts[1:] for p in native_precisions()]
    return found


def all_cells(scope: Scope, devices: Sequence[str]) -> list[Cell]:
    """Return every cell of ``scope`` at the recipes' batch size, the most wanted first."""
    chosen = settings(scope, devices)
    most = max(setting.threads for setting in chosen)
    cells = [cell for setting in chosen for cell in _ceilings(scope, setting)]
    for setting in chosen:
        full = setting.threads == most
        cells += _cells_of(scope, setting, full)
        cells += _scaling_cells(scope, setting) if full else []
    wanted = [cell for cell in cells if cell.what in (*CEILINGS, *scope.kinds)]
    wanted = [replace(cell, priority=min(cell.priority, scope.highest_priority_number)) for cell in wanted]
    return sorted(wanted, key=lambda cell: cell.priority)


def _ceilings(scope: Scope, setting: Setting) -> Iterator[Cell]:
    yield Cell(setting, MEMORY_COPY)
    for place, side in enumerate(scope.matrix_sides[type_of(setting.device)]):
        yield Cell(setting, MATRIX_MULTIPLY, batch_size=side, priority=3 if place else 0)


def _cells_of(scope: Scope, setting: Setting, full: bool) -> Iterator[Cell]:
    featured = _featured(scope)
    for network in scope.networks:
        if network == NASNET:
            if full:
                yield Cell(setting, FORWARD, network, 8, 4)
            continue
        cell = Cell(setting, TRAINING_STEP, network, RECIPE_BATCH, 1 if full else 5)
        yield cell
        yield replace(cell, what=FORWARD, priority=2 if full else 6)
        if full:
            yield replace(cell, what=LAYERS, priority=2 if network in featured else 4)
            yield replace(cell, what=NETWORK_INPUT, priority=2)
            if network in featured:
                yield replace(cell, what=STEP_AND_INPUT, priority=3)


def _scaling_cells(scope: Scope, setting: Setting) -> Iterator[Cell]:
    for network in _featured(scope):
        for batch_size in scope.batch_sizes:
            if batch_size <= RECIPE_BATCH or setting.device != "cpu" or network not in IMAGENET_NETWORKS:
                yield Cell(setting, TRAINING_STEP, network, batch_size, 4)


def _featured(scope: Scope) -> list[str]:
    """Return the first ImageNet and the first CIFAR-10 network of the scope."""
    families = [[n for n in scope.networks if n in family] for family in (IMAGENET_NETWORKS, CIFAR10_NETWORKS)]
    return [family[0] for family in families if family]


@functools.cache
def known_spec(network: str) -> NetworkSpec:
    """Return the spec of a network, read once."""
    return load_spec(network)


def image_side(network: str) -> int:
    """Return the side in pixels of the images a network reads."""
    return _NASNET_SIDE if network == NASNET else known_spec(network).input.size


def flops(cell: Cell) -> float:
    """Return the floating-point operations of one call of the cell, 0 where it only moves data."""
    if cell.what == MATRIX_MULTIPLY:
        return 2.0 * cell.batch_size**3
    if cell.what in (MEMORY_COPY, NETWORK_INPUT):
        return 0.0
    if cell.network == NASNET:
        return 2e9 * _NASNET_GMACS * cell.batch_size
    network = known_spec(cell.network)
    each = forward_flops_per_image(network) if cell.what == FORWARD else training_flops_per_image(network)
    return float(each * cell.batch_size)


def layer_work(network: NetworkSpec, batch_size: int, precision: str) -> dict[tuple[str, str], tuple[float, float]]:
    """Return (operations, bytes) of every layer's pass, by (``layer_forward`` or ``layer_backward``, layer's name).

    Bytes are the least that must move: inputs, outputs and weights once each in the pass's precision; the backward pass
    adds their gradients. Pooling, normalization and activations count no operations (``counts``), only bytes.
    """
    work, inputs = {}, network.input.channels * network.input.size**2
    first = True
    for row in count_layers(network):
        read, written, weights = batch_size * inputs, batch_size * row.outputs, row.parameters
        operations, size = 2.0 * batch_size * row.multiply_accumulates, _BYTES[precision]
        work["layer_forward", row.name] = operations, size * (read + written + weights)
        input_gradient = 0 if first else read  # the first layer's images need no gradient
        back = read + written + weights + input_gradient + weights
        work["layer_backward", row.name] = operations * (1 if first else 2), size * back
        inputs, first = row.outputs, False
    return work
