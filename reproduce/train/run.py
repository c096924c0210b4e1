"""One run from start to published folder: lock, resume, train, test, write whole. Killed at any moment, it goes on."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from reproduce.config import RunId, Study, load_study
from reproduce.data.cifar10 import STATISTICS_FOLDER, load_cifar10
from reproduce.errors import InterruptedRunError, ReproduceError
from reproduce.files import exclusive_lock, file_digest, read_json
from reproduce.memory import keep_freed_memory
from reproduce.paths import relative_to_repo
from reproduce.progress import Progress, format_duration
from reproduce.provenance import git_state, import_training_modules, machine_fingerprint, source_digest, utc_now
from reproduce.train.checkpoint import checkpoint_path, load_checkpoint, save_checkpoint
from reproduce.train.golden import golden_path
from reproduce.train.loop import Trainer, TrainingData
from reproduce.train.record import write_record


@dataclass(frozen=True)
class Launch:
    """How a run is carried out; none of it decides the result, so none is part of the run's identity."""

    device: str = "auto"
    threads: int | None = None
    seconds_between_checkpoints: float = 30.0
    require_clean_tree: bool = True


def load_training_data(device: torch.device) -> TrainingData:
    """Return CIFAR-10 as bytes on ``device`` with the committed mean image.

    Raises:
        ReproduceError: data or statistics are missing or fail their check sums.
    """
    data = load_cifar10()
    path = STATISTICS_FOLDER / "mean_image.npy"
    if not path.is_file():
        raise ReproduceError(f"{relative_to_repo(path)} is missing; run `python -m reproduce data cifar10`")
    arrays = data.training_images, data.training_labels, data.test_images, data.test_labels
    return TrainingData(*(torch.from_numpy(array).to(device) for array in arrays), mean_image=np.load(path))


def choose_device(name: str) -> torch.device:
    """Return the device for ``auto``, ``cpu`` or ``cuda``.

    Raises:
        ReproduceError: CUDA is asked for and absent.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise ReproduceError("no CUDA device is available to torch here; use --device cpu")
    return torch.device(name)


def inputs_of(study: Study, run: RunId) -> dict[str, str]:
    """Return the digests of what decides the run: its configuration, numerics (golden file) and data manifest.

    Raises:
        ReproduceError: the golden file or the manifest is missing.
    """
    golden = golden_path(study, run.variant)
    manifest = STATISTICS_FOLDER / "manifest.json"
    command = f'python -m reproduce golden record {study.study} {run.variant} --reason "..."'
    if not golden.is_file():
        raise ReproduceError(f"{relative_to_repo(golden)} is missing; record the variant's numerics with `{command}`")
    if not manifest.is_file():
        raise ReproduceError(f"{relative_to_repo(manifest)} is missing; run `python -m reproduce data cifar10`")
    return {
        "config_sha256": study.variant(run.variant).digest(),
        "golden_sha256": file_digest(golden),
        "data_manifest_sha256": file_digest(manifest),
    }


def is_up_to_date(run: RunId) -> bool:
    """Return whether the run is published, made from today's configuration, numerics and data."""
    record = run.folder / "run.json"
    if not record.is_file():
        return False
    made_from = read_json(record)
    return all(made_from.get(name) == digest for name, digest in inputs_of(load_study(run.study), run).items())


def train_run(run: RunId, folder: Path | None = None, launch: Launch = Launch()) -> Path:
    """Train ``run``, resuming where an earlier call was stopped, and write its folder whole; return the folder.

    Args:
        run: what to train.
        folder: where the result goes; the run's published place by default.
        launch: device, threads, checkpoint interval.

    Raises:
        InterruptedRunError: SIGINT or SIGTERM came; the checkpoint is saved.
        ReproduceError: bad input, a second trainer, a dirty tree, a full disk, a loss that is not finite.
    """
    study = load_study(run.study)
    variant = study.variant(run.variant)
    phases = variant.scaled_phases(run.epochs)
    inputs = inputs_of(study, run)
    golden = golden_path(study, run.variant)
    if read_json(golden).get("config_sha256") != inputs["config_sha256"]:
        command = f'python -m reproduce golden record {study.study} {run.variant} --reason "..."'
        raise ReproduceError(f"{relative_to_repo(golden)} is of another configuration; if yours is meant, `{command}`")
    if launch.require_clean_tree and git_state()["git_dirty"]:
        raise ReproduceError(
            "reproduce/ or experiments/ has uncommitted changes, so the run could not say what made it; "
            "commit them, or use `python -m reproduce rerun` to train without publishing"
        )
    import_training_modules()
    device = prepare_torch(launch)
    session = {**git_state(), "source_sha256": source_digest(), "started_utc": utc_now()}
    session["machine"] = machine_fingerprint(device)
    folder = folder or run.folder
    # The folder is part of the identity: a rerun never goes on from the published run's checkpoint, nor the reverse.
    checkpoint = checkpoint_path({"run": str(run), "folder": relative_to_repo(folder), **inputs})
    busy = f"another trainer is at work on {run}; wait for it or stop it (lock {checkpoint.with_suffix('.lock')})"
    with exclusive_lock(checkpoint.with_suffix(".lock"), busy):
        trainer = Trainer(variant, phases, run.seed, load_training_data(device))
        sessions = _train_to_end(trainer, checkpoint, launch, str(run), session)
        if inputs_of(load_study(run.study), run) != inputs:
            raise ReproduceError(
                f"study.yaml, golden file or data manifest of {run} changed while it trained; train it again"
            )
        write_record(folder, run, study, trainer, {**inputs, **provenance_of(sessions)})
        checkpoint.unlink(missing_ok=True)
    return folder


def prepare_torch(launch: Launch) -> torch.device:
    """Set memory, threads and exact float32 as a run needs them, and return its device."""
    keep_freed_memory()
    if launch.threads:
        torch.set_num_threads(launch.threads)
    torch.backends.cudnn.allow_tf32 = False  # else fp32 on recent GPUs is 10 bits of mantissa
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.deterministic = True  # resuming must give the same weights
    return choose_device(launch.device)


def provenance_of(sessions: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what made a run from the sessions it was trained in: the last one's figures, and every one by itself.

    ``git_dirty`` is true if any session's tree was.
    """
    last = sessions[-1]
    dirty = True if any(session["git_dirty"] for session in sessions) else last["git_dirty"]
    first = sessions[0]["started_utc"]
    return {**last, "git_dirty": dirty, "started_utc": first, "interruptions": len(sessions) - 1, "sessions": sessions}


def _train_to_end(
    trainer: Trainer, checkpoint: Path, launch: Launch, name: str, session: dict[str, Any]
) -> list[dict[str, Any]]:
    """Train until the schedule ends; return the sessions it took, this one last."""
    sessions = [session]
    saved = load_checkpoint(checkpoint)
    if saved is not None:
        trainer.load_state_dict(saved["trainer"])
        sessions = [*saved["sessions"], session]
        print(f"{name}: going on from step {trainer.state.step}", flush=True)
    batch = trainer.variant.batch_size
    done = trainer.state.step * batch

    def save() -> None:
        save_checkpoint(checkpoint, {"trainer": trainer.state_dict(), "sessions": sessions})

    with _stop_requests() as stopped, Progress(name, trainer.total_updates() * batch, "img", initial=done) as progress:
        next_save = time.monotonic() + launch.seconds_between_checkpoints
        while not trainer.finished():
            trainer.advance()
            progress.update(batch, _note(trainer))
            if stopped or time.monotonic() >= next_save:
                save()
                next_save = time.monotonic() + launch.seconds_between_checkpoints
            if stopped:
                step = trainer.state.step
                raise InterruptedRunError(f"{name} stopped at step {step}; the same command goes on from there")
    save()  # a kill during the tests loses no training
    print(f"{name}: trained in {format_duration(trainer.state.seconds)}", flush=True)
    return sessions


def _note(trainer: Trainer) -> str:
    if not trainer.state.history:
        return "epoch 1"
    last = trainer.state.history[-1]
    return f"epoch {last['epoch']} done: training error {last['training_error_percent']:.1f} %"


@contextmanager
def _stop_requests() -> Iterator[list[int]]:
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
