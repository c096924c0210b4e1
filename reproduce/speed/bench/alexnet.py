"""The part ``alexnet`` of the benchmark: a training step of AlexNet itself, in operations per second."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any

import torch

from reproduce.base.hardware import native_precisions
from reproduce.base.progress import Progress
from reproduce.data.in_memory import TrainingData
from reproduce.models.counts import training_flops_per_image
from reproduce.speed.bench.ours import trainer
from reproduce.speed.bench.standard_loop import WORKERS, standard_steps
from reproduce.speed.bench.throughput import STANDARD, speedup_rows, throughput_rows
from reproduce.speed.measure import in_turns, spread
from reproduce.speed.timing.clock import seconds_on_cpu
from reproduce.study.variant import Phase, Variant
from reproduce.train.loop import DTYPES

NETWORKS = ("alexnet_paper", "alexnet_as_released")
BATCH_SIZE = 128  # the paper's (section 5)
ROUNDS = 5
TIMED_STEPS = 1  # of some seconds each
MATRIX_SIDE = 4096
_WARM_UP_STEPS = 1
_PRODUCTS = 2
_FILES = [1, 2, 3, 4, 5]
_SIDE = 256
_CLASSES = 1000


def alexnet_variant(
    network: str, batch_size: int = BATCH_SIZE, changes: Mapping[str, float | int | str] | None = None
) -> Variant:
    """Return the variant to train: ``network`` on random crops and flips, without color noise, momentum 0.9."""
    return Variant(
        network=network,
        changes=dict(changes or {}),
        precision="fp32",
        batch_size=batch_size,
        momentum=0.9,
        order="files",
        augmentation="crops_and_flips",
        test_views=10,
        phases=[Phase(epochs=1, training_files=_FILES, weight_rate_factor=1.0)],
    )


def measure_alexnet(
    rounds: int = ROUNDS,
    variants: Mapping[str, Variant] | None = None,
    timed_steps: int = TIMED_STEPS,
    matrix_side: int = MATRIX_SIDE,
) -> dict[str, Any]:
    """Time each network's updates by each loop, and a matrix product; return the settings and the tables' rows.

    The images are noise in memory, 256 x 256; reading images is timed by the part ``data``. All loops' networks stay in
    memory from the first round to the last, so that no step pays for setting up. This takes up to 7 GB at the defaults.

    Args:
        rounds: timings of each arm.
        variants: by name; by default those of ``NETWORKS`` at the paper's batch size.
        timed_steps: updates of each timing.
        matrix_side: of the square matrices whose product is the yardstick.
    """
    variants = variants or {name: alexnet_variant(name) for name in NETWORKS}
    settings = {
        "device": "cpu",
        "rounds": rounds,
        "warm_up_steps": _WARM_UP_STEPS,
        "timed_steps": timed_steps,
        "dataloader_workers": WORKERS,
        "matrix_side": matrix_side,
        "precisions": native_precisions(),
    }
    tables: dict[str, list[dict[str, Any]]] = {"throughput": [], "speedups": [], "matrix_products": []}
    total = len(variants) * (1 + 2 * len(native_precisions())) * rounds * timed_steps
    with Progress("benchmark alexnet", total, "step") as progress:
        for name, variant in variants.items():
            seconds = _time_network(name, variant, rounds, timed_steps, matrix_side, progress)
            for table, rows in _rows(name, variant, timed_steps, matrix_side, seconds).items():
                tables[table] += rows
    return {"settings": settings, **tables}


def _time_network(
    name: str, variant: Variant, rounds: int, timed_steps: int, matrix_side: int, progress: Progress
) -> dict[str, list[float]]:
    data = noise_training_data(variant.batch_size, _WARM_UP_STEPS + rounds * timed_steps)
    with ExitStack() as stack:
        steps: dict[str, Callable[[], Any]] = {STANDARD: stack.enter_context(standard_steps(variant, data))}
        for precision in native_precisions():
            steps[f"ours {precision}"] = trainer(variant, precision, data).advance
        for step in steps.values():
            for _ in range(_WARM_UP_STEPS):
                step()
        arms = {arm: partial(seconds_on_cpu, step, timed_steps) for arm, step in steps.items()}
        arms |= {f"matrix_product {p}": partial(time_matrix_product, p, matrix_side) for p in native_precisions()}
        return in_turns(name, arms, rounds, progress, timed_steps)


def noise_training_data(batch_size: int, steps: int, side: int = _SIDE, classes: int = _CLASSES) -> TrainingData:
    """Return noise for more than ``steps`` updates, so that no epoch ends in between: images of ``side`` pixels."""
    images_per_file = batch_size * (steps // len(_FILES) + 1)
    noise = torch.Generator().manual_seed(0)
    shape = images_per_file * len(_FILES), side, side, 3
    images = torch.randint(0, 256, shape, dtype=torch.uint8, generator=noise)
    labels = torch.randint(0, classes, shape[:1], generator=noise)
    mean = torch.full((3, side, side), 127.5, dtype=torch.float64).numpy()
    return TrainingData(images, labels, images[:batch_size], labels[:batch_size], mean)


def time_matrix_product(precision: str, side: int) -> float:
    """Return the mean seconds of a product of two square matrices, after one that is not timed."""
    noise = torch.Generator().manual_seed(0)
    a, b = (torch.randn(side, side, generator=noise).to(DTYPES[precision]) for _ in range(2))
    out = a @ b
    return seconds_on_cpu(lambda: torch.mm(a, b, out=out), _PRODUCTS) / _PRODUCTS


def _rows(
    name: str, variant: Variant, timed_steps: int, matrix_side: int, seconds: Mapping[str, list[float]]
) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of one network in each table; shares are taken within a round, at the same precision."""
    loops = {arm: times for arm, times in seconds.items() if not arm.startswith("matrix_product")}
    rates = {p: [2 * matrix_side**3 / s for s in seconds[f"matrix_product {p}"]] for p in native_precisions()}
    throughput = throughput_rows(name, variant.batch_size, timed_steps, loops)
    operations = timed_steps * variant.batch_size * training_flops_per_image(variant.network_spec())
    for row, times in zip(throughput, loops.values(), strict=True):
        achieved = [operations / total for total in times]
        shares = [100 * own / peak for own, peak in zip(achieved, rates[row["precision"]], strict=True)]
        row["gflop_per_second"] = spread(rate / 1e9 for rate in achieved)
        row["share_of_matrix_product_percent"] = spread(shares)
    products = [
        {"network": name, "precision": precision, "gflop_per_second": spread(rate / 1e9 for rate in found)}
        for precision, found in rates.items()
    ]
    return {"throughput": throughput, "speedups": speedup_rows(name, loops), "matrix_products": products}
