"""``python -m reproduce bench``: times everything in turns and writes one file for this machine."""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torchvision

from reproduce.bench import normalization, ours
from reproduce.bench.report import write_report
from reproduce.bench.standard_loop import WORKERS, time_standard_loop
from reproduce.config import Study, Variant, load_study
from reproduce.errors import ReproduceError
from reproduce.measure import (
    in_turns,
    is_loaded,
    load_average,
    native_precisions,
    processor_features,
    ratios,
    spread,
)
from reproduce.memory import keep_freed_memory
from reproduce.models import kernels
from reproduce.paths import RESULTS, relative_to_repo
from reproduce.progress import Progress
from reproduce.provenance import git_state, machine_fingerprint, source_digest, utc_now
from reproduce.train.loop import TrainingData
from reproduce.train.run import load_training_data

STUDY = "cifar10_nets"
NETWORKS = ("80sec", "18pct", "conv_local_13pct", "conv_local_13pct_lrn")
NORMALIZED, UNNORMALIZED = "conv_local_13pct_lrn", "conv_local_13pct"  # differ in normalization alone
ROUNDS = 9
WARM_UP_STEPS = 10  # the DataLoader's queue of four batches is in its steady state well before
TIMED_STEPS = 20
_STANDARD = "standard_loop fp32"


def run_benchmarks(
    out: Path = RESULTS / "benchmarks",
    rounds: int = ROUNDS,
    nets: Sequence[str] = NETWORKS,
    data: TrainingData | None = None,
    warm_up_steps: int = WARM_UP_STEPS,
    timed_steps: int = TIMED_STEPS,
) -> Path:
    """Time training on this machine's CPU; write ``<out>/<machine>.json``, and its tables in ``.md``; return the JSON.

    Args:
        out: folder of the results; files of other machines in it are left alone.
        rounds: timings of each arm; ratios are taken within a round.
        nets: variants of the study ``cifar10_nets``. The share of normalization is measured where they include
            ``conv_local_13pct_lrn``.
        data: CIFAR-10 by default.
        warm_up_steps, timed_steps: updates of each timing before and within the clock.

    Raises:
        ReproduceError: an unknown net, numbers out of range, data missing, ``out`` not writable.
    """
    study = load_study(STUDY)
    variants = {name: study.variant(name) for name in nets}
    keep_freed_memory()  # acts on the whole process: the standard loop profits from it too
    data = data or load_training_data(torch.device("cpu"))
    _check_numbers(variants, rounds, warm_up_steps, timed_steps, data)
    head = _head(rounds, warm_up_steps, timed_steps)
    _warn_if_loaded(head)
    steps = data, warm_up_steps, timed_steps
    with Progress("benchmark", _total_steps(variants, rounds, timed_steps), "step") as progress:
        content = {
            **head,
            **_throughput(variants, rounds, steps, progress),
            **_normalization(study, variants, rounds, steps, progress),
        }
    content |= {"load_average_at_end": load_average(), "finished_utc": utc_now()}
    path = write_report(out, content)
    print(f"benchmark: written to {relative_to_repo(path)}")
    return path


def _warn_if_loaded(head: dict[str, Any]) -> None:
    if head["loaded"]:
        average = head["load_average_at_start"]
        print(f"warning: the machine is busy (load average {average}); the timings are marked as such", file=sys.stderr)


def _check_numbers(
    variants: dict[str, Variant], rounds: int, warm_up_steps: int, timed_steps: int, data: TrainingData
) -> None:
    if not variants or rounds < 1 or warm_up_steps < 1 or timed_steps < 1:
        raise ReproduceError(
            f"rounds={rounds}, warm_up_steps={warm_up_steps}, timed_steps={timed_steps}, nets={list(variants)}: "
            "give at least one of each"
        )
    batch_size = max(variant.batch_size for variant in variants.values())
    full_batches = data.images_per_file // batch_size
    if warm_up_steps + timed_steps > full_batches:
        raise ReproduceError(
            f"warm_up_steps={warm_up_steps} and timed_steps={timed_steps} exceed the {full_batches} full batches of a "
            "data file; give fewer"
        )


def _head(rounds: int, warm_up_steps: int, timed_steps: int) -> dict[str, Any]:
    machine = {**machine_fingerprint(), "torchvision": torchvision.__version__, "features": processor_features()}
    average = machine.pop("load_average_at_start")
    return {
        "machine": machine,
        "load_average_at_start": average,
        "loaded": is_loaded(average, machine),
        "compiled_kernels": kernels.library() is not None,
        **git_state(),
        "source_sha256": source_digest(),
        "started_utc": utc_now(),
        "settings": {
            "device": "cpu",
            "rounds": rounds,
            "warm_up_steps": warm_up_steps,
            "timed_steps": timed_steps,
            "dataloader_workers": WORKERS,
            "precisions": native_precisions(),
        },
    }


def _total_steps(variants: dict[str, Variant], rounds: int, timed_steps: int) -> int:
    timings = len(variants) * (1 + 2 * len(native_precisions()))
    if NORMALIZED in variants:
        timings += sum(2 if normalization.stock_error(precision) else 3 for precision in native_precisions())
    for variant in variants.values():
        inputs = normalization.normalization_inputs(variant.network_spec(), variant.batch_size)
        timings += sum(len(normalization.layer_arms(settings, shape, 1)) for settings, shape in inputs)
    return timings * rounds * timed_steps


def _throughput(
    variants: dict[str, Variant], rounds: int, steps: tuple[TrainingData, int, int], progress: Progress
) -> dict[str, list[dict[str, Any]]]:
    """Time whole steps and their phases; return the rows of three tables."""
    throughput, speedups, phases = [], [], []
    for name, variant in variants.items():
        arms = {_STANDARD: partial(time_standard_loop, variant, *steps)}
        arms |= {
            f"ours {precision}": partial(ours.time_training, variant, precision, *steps)
            for precision in native_precisions()
        }
        seconds = in_turns(name, arms, rounds, progress, steps[-1])
        throughput += [_throughput_row(name, variant, arm, times, steps[-1]) for arm, times in seconds.items()]
        for precision in native_precisions():
            ratio = ratios(seconds[_STANDARD], seconds[f"ours {precision}"])
            speedups.append({"network": name, "precision": precision, "times_standard_loop": ratio})
        phase_arms = {p: partial(ours.time_phases, variant, p, *steps) for p in native_precisions()}
        for precision, times in in_turns(f"phases of {name}", phase_arms, rounds, progress, steps[-1]).items():
            milliseconds = {f"{p}_ms": spread(1e3 * each[p] for each in times) for p in ours.PHASES}
            phases.append({"network": name, "precision": precision, **milliseconds})
    return {"throughput": throughput, "speedups": speedups, "step_phases": phases}


def _throughput_row(network: str, variant: Variant, arm: str, seconds: list[float], timed_steps: int) -> dict[str, Any]:
    loop, precision = arm.split()
    images = timed_steps * variant.batch_size
    return {
        "network": network,
        "loop": loop,
        "precision": precision,
        "batch_size": variant.batch_size,
        "images_per_second": spread(images / total for total in seconds),
        "ms_per_step": spread(1e3 * total / timed_steps for total in seconds),
        "seconds_by_round": [round(total, 5) for total in seconds],
    }


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
        arms = normalization.share_arms(variants[NORMALIZED], study.variant(UNNORMALIZED), *steps)
        seconds = in_turns("share of normalization", arms, rounds, progress, steps[-1])
        shares = normalization.share_rows(seconds, steps[-1])
    for name, variant in variants.items():
        settings = name, variant.network_spec(), variant.batch_size
        layers += normalization.layer_rows(*settings, rounds, steps[-1], progress)
    return {"normalization_share": shares, "normalization_layers": layers}
