"""The part ``cifar10`` of the benchmark: training the CIFAR-10 nets, and what response normalization costs in them."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch

from reproduce.base.hardware import native_precisions
from reproduce.base.progress import Progress
from reproduce.data.in_memory import TrainingData
from reproduce.data.opening import open_dataset
from reproduce.data.registry import CIFAR10
from reproduce.speed.bench import normalization_cost, ours
from reproduce.speed.bench.standard_loop import WORKERS, time_standard_loop
from reproduce.speed.bench.throughput import STANDARD, speedup_rows, throughput_rows
from reproduce.speed.measure import in_turns, spread
from reproduce.study.study import Study, load_study
from reproduce.study.variant import Variant

STUDY = "cifar10_nets"
NETWORKS = ("80sec", "18pct", "conv_local_13pct", "conv_local_13pct_lrn")
NORMALIZED, UNNORMALIZED = "conv_local_13pct_lrn", "conv_local_13pct"  # differ in normalization alone
ROUNDS = 7
WARM_UP_STEPS = 10  # the DataLoader's queue of four batches reaches its steady state well before that
TIMED_STEPS = 20


def measure_cifar10(
    rounds: int = ROUNDS,
    nets: Sequence[str] = NETWORKS,
    data: TrainingData | None = None,
    warm_up_steps: int = WARM_UP_STEPS,
    timed_steps: int = TIMED_STEPS,
) -> dict[str, Any]:
    """Time training on this machine's CPU; return the settings and the rows of every table.

    Args:
        rounds: timings of each arm; ratios are taken within a round.
        nets: variants of the study ``cifar10_nets``. The share of normalization is measured if
            ``conv_local_13pct_lrn`` is among them.
        data: CIFAR-10 by default.
        warm_up_steps, timed_steps: the untimed updates before each timing, and the updates timed in it.

    Raises:
        ReproduceError: CIFAR-10 is missing.
    """
    study = load_study(STUDY)
    variants = {name: study.variant(name) for name in nets}
    data = data or open_dataset(CIFAR10.name, torch.device("cpu"))
    settings = {
        "device": "cpu",
        "rounds": rounds,
        "warm_up_steps": warm_up_steps,
        "timed_steps": timed_steps,
        "dataloader_workers": WORKERS,
        "precisions": native_precisions(),
    }
    steps = data, warm_up_steps, timed_steps
    with Progress("benchmark cifar10", _total_steps(variants, rounds, timed_steps), "step") as progress:
        return {
            "settings": settings,
            **_throughput(variants, rounds, steps, progress),
            **_normalization(study, variants, rounds, steps, progress),
        }


def _total_steps(variants: dict[str, Variant], rounds: int, timed_steps: int) -> int:
    timings = len(variants) * (1 + 2 * len(native_precisions()))
    if NORMALIZED in variants:
        timings += sum(2 if normalization_cost.stock_error(precision) else 3 for precision in native_precisions())
    for variant in variants.values():
        inputs = normalization_cost.normalization_inputs(variant.network_spec(), variant.batch_size)
        timings += sum(len(normalization_cost.layer_arms(settings, shape, 1)) for settings, shape in inputs)
    return timings * rounds * timed_steps


def _throughput(
    variants: dict[str, Variant], rounds: int, steps: tuple[TrainingData, int, int], progress: Progress
) -> dict[str, list[dict[str, Any]]]:
    """Time whole steps and their phases; return the rows of three tables."""
    throughput, speedups, phases = [], [], []
    for name, variant in variants.items():
        arms = {STANDARD: partial(time_standard_loop, variant, *steps)}
        arms |= {
            f"ours {precision}": partial(ours.time_training, variant, precision, *steps)
            for precision in native_precisions()
        }
        seconds = in_turns(name, arms, rounds, progress, steps[-1])
        throughput += throughput_rows(name, variant.batch_size, steps[-1], seconds)
        speedups += speedup_rows(name, seconds)
        phase_arms = {p: partial(ours.time_phases, variant, p, *steps) for p in native_precisions()}
        for precision, times in in_turns(f"phases of {name}", phase_arms, rounds, progress, steps[-1]).items():
            milliseconds = {f"{p}_ms": spread(1e3 * each[p] for each in times) for p in ours.PHASES}
            phases.append({"network": name, "precision": precision, **milliseconds})
    return {"throughput": throughput, "speedups": speedups, "step_phases": phases}


def _normalization(
    study: Study,
    variants: dict[str, Variant],
    rounds: int,
    steps: tuple[TrainingData, int, int],
    progress: Progress,
) -> dict[str, list[dict[str, Any]]]:
    """Time what response normalization costs; return the rows of two tables."""
    shares, layers = [], []
    if NORMALIZED in variants:
        arms = normalization_cost.share_arms(variants[NORMALIZED], study.variant(UNNORMALIZED), *steps)
        seconds = in_turns("share of normalization", arms, rounds, progress, steps[-1])
        shares = normalization_cost.share_rows(seconds, steps[-1])
    for name, variant in variants.items():
        settings = name, variant.network_spec(), variant.batch_size
        layers += normalization_cost.layer_rows(*settings, rounds, steps[-1], progress)
    return {"normalization_share": shares, "normalization_layers": layers}
