"""Timing this project's own training step, whole and by phase."""

import time
from collections.abc import Callable
from itertools import pairwise

import torch
from torch.nn import functional

from reproduce.data.in_memory import TrainingData
from reproduce.models.network import Network, StepDraw
from reproduce.speed.bench.standard_loop import SEED
from reproduce.speed.timing.clock import seconds_on_cpu
from reproduce.study.variant import Variant
from reproduce.train.loop import Trainer

PHASES = ("input", "forward", "backward", "update")


def trainer(variant: Variant, precision: str, data: TrainingData) -> Trainer:
    """Return the trainer of ``variant`` at its first update, in ``precision`` instead of the variant's own."""
    variant = variant.model_copy(update={"precision": precision})
    return Trainer(variant, variant.phases, SEED, data)


def time_training(
    variant: Variant,
    precision: str,
    data: TrainingData,
    warm_up_steps: int,
    timed_steps: int,
    change: Callable[[Network], None] | None = None,
) -> float:
    """Return the seconds of ``timed_steps`` calls of ``Trainer.advance`` after ``warm_up_steps`` untimed ones.

    Args:
        variant: what is trained.
        precision: ``fp32`` or ``bf16``, used instead of the variant's own.
        data: bytes in memory; its first file holds all the batches, so that each is full.
        warm_up_steps, timed_steps: updates.
        change: applied to the network before it is trained.
    """
    timed = trainer(variant, precision, data)
    if change is not None:
        change(timed.network)
    for _ in range(warm_up_steps):
        timed.advance()
    return seconds_on_cpu(timed.advance, timed_steps)


def time_phases(
    variant: Variant, precision: str, data: TrainingData, warm_up_steps: int, timed_steps: int
) -> dict[str, float]:
    """Return the mean seconds per step of each of ``PHASES``.

    Input is gathering, cropping, subtracting and casting; forward includes the loss; update is the 2012 rule.
    """
    timed, sums = trainer(variant, precision, data), dict.fromkeys(PHASES, 0.0)
    for number in range(warm_up_steps + timed_steps):
        clocks = _clocked_step(timed, number)
        if number >= warm_up_steps:
            for phase, (begin, end) in zip(PHASES, pairwise(clocks), strict=True):
                sums[phase] += end - begin
    return {phase: seconds / timed_steps for phase, seconds in sums.items()}


def _clocked_step(trainer: Trainer, number: int) -> list[float]:
    """Do one update as ``Trainer.advance`` does; return the clock's readings before the update and after each phase."""
    batch = trainer.variant.batch_size
    rows = torch.arange(number * batch, (number + 1) * batch)
    phase, clocks = trainer.phases[0], [time.perf_counter()]
    images = trainer.training_input(rows)
    clocks.append(time.perf_counter())
    logits = trainer.network(images, StepDraw(SEED, number))
    loss = functional.cross_entropy(logits, trainer.data.training_labels[rows])
    clocks.append(time.perf_counter())
    gradients = torch.autograd.grad(loss, trainer.update.parameters)
    clocks.append(time.perf_counter())
    trainer.update.step(list(gradients), phase)
    clocks.append(time.perf_counter())
    return clocks
