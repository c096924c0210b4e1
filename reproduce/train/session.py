"""One session of a run: training until the schedule ends or a signal comes, with checkpoints at intervals of time."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from reproduce.base.errors import InterruptedRunError, ReproduceError
from reproduce.base.progress import Progress, format_duration
from reproduce.train.checkpoint import load_checkpoint, save_checkpoint
from reproduce.train.loop import Trainer

_LEAST_TRAINING_PER_SAVING = 49


def train_to_end(
    trainer: Trainer, checkpoint: Path, seconds_between_checkpoints: float, name: str, session: dict[str, Any]
) -> list[dict[str, Any]]:
    """Train until the schedule ends, starting from ``checkpoint`` where it exists; return all sessions so far.

    Every process must call this function; the first process saves and prints. ``session`` describes this session and is
    the last entry of the result.

    Raises:
        InterruptedRunError: SIGINT or SIGTERM came; the checkpoint is saved.
        ReproduceError: the checkpoint cannot be read or written, or the loss is not finite.
    """
    sessions = _resumed(trainer, checkpoint, name, session)
    processes = trainer.processes

    def write() -> None:
        if processes.is_first:
            save_checkpoint(checkpoint, {"trainer": trainer.state_dict(), "sessions": sessions})

    with stop_requests() as stopped, _progress(trainer, name) as progress:
        next_save = time.monotonic() + seconds_between_checkpoints
        while not trainer.finished():
            trainer.advance()
            progress.update(trainer.variant.batch_size, _note(trainer))
            due = processes.is_first and time.monotonic() >= next_save
            stop, save = processes.sums([len(stopped), due])  # all stop after the same update, whoever was asked
            if stop or save:
                started = time.monotonic()
                processes.agreed(write)
                saving = time.monotonic() - started  # half a gigabyte for AlexNet: saving may take 1/50 of the time
                pause = max(seconds_between_checkpoints, _LEAST_TRAINING_PER_SAVING * saving)
                next_save = time.monotonic() + (pause if seconds_between_checkpoints else 0)
            if stop:
                stopped_at = f"{name} stopped at step {trainer.state.step}"
                processes.fail(InterruptedRunError(f"{stopped_at}; the same command goes on from there"))
    processes.agreed(write)  # a kill during the tests loses no training
    if processes.is_first:
        print(f"{name}: trained in {format_duration(trainer.state.seconds)}", flush=True)
    return sessions


def _resumed(trainer: Trainer, checkpoint: Path, name: str, session: dict[str, Any]) -> list[dict[str, Any]]:
    processes = trainer.processes
    saved = processes.agreed(lambda: load_checkpoint(checkpoint))
    if saved is not None:
        trainer.load_state_dict(saved["trainer"])
    step = trainer.state.step
    if len(set(processes.joined(torch.tensor([step])).tolist())) > 1:
        error = f"the processes find different checkpoints at {checkpoint.parent}; set REPRODUCE_SCRATCH to a folder "
        processes.fail(ReproduceError(error + "that all of them share"))
    if saved is None:
        return [session]
    if processes.is_first:
        print(f"{name}: going on from step {step}", flush=True)
    return [*saved["sessions"], session]


def _progress(trainer: Trainer, name: str) -> Progress:
    batch = trainer.variant.batch_size
    total, done = trainer.total_updates() * batch, trainer.state.step * batch
    return Progress(name, total, "img", initial=done, silent=not trainer.processes.is_first)


def _note(trainer: Trainer) -> str:
    if not trainer.state.history:
        return "epoch 1"
    last = trainer.state.history[-1]
    return f"epoch {last['epoch']} done: training error {last['training_error_percent']:.1f} %"


@contextmanager
def stop_requests() -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM in the yielded list instead of dying in the middle of an update."""
    received: list[int] = []
    try:
        previous = {
            s: signal.signal(s, lambda number, _: received.append(number)) for s in (signal.SIGINT, signal.SIGTERM)
        }
    except ValueError:  # not the main thread: the caller handles signals
        yield received
        return
    try:
        yield received
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
