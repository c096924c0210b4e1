"""One run from start to published folder: lock, resume, train, test, write whole. Killed at any moment, it goes on."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch

from reproduce.base.errors import ReproduceError
from reproduce.base.files import check_writable, exclusive_lock, file_digest, settle_folder, write_bytes
from reproduce.base.git import git_problem
from reproduce.base.paths import relative_to_repo
from reproduce.base.provenance import git_state, machine_fingerprint, overlooked_source, source_digest, utc_now
from reproduce.data.opening import DataOptions, open_dataset
from reproduce.data.pixel_statistics import npy_bytes
from reproduce.data.registry import DATASETS
from reproduce.runs import places
from reproduce.runs.run_files import read_record
from reproduce.study.feature_variant import FeatureVariant
from reproduce.study.golden_file import golden_digest, golden_path, read_golden
from reproduce.study.run_id import RunId
from reproduce.study.study import Study, load_study
from reproduce.train.checkpoint import checkpoint_path
from reproduce.train.distributed import Processes, joined_processes
from reproduce.train.feature_run import fit_features, write_feature_record
from reproduce.train.imports import import_training_modules
from reproduce.train.launch import Launch, prepare_torch
from reproduce.train.loop import Trainer
from reproduce.train.record import Tested, evaluate_trained, write_record
from reproduce.train.session import train_to_end


def inputs_of(study: Study, run: RunId) -> dict[str, str | None]:
    """Return the digests that decide a run's result: of its configuration, numerics (golden file) and data manifest.

    The digest of the numerics is None for a variant that needs no golden file. Every record names the source that made
    the run.

    Raises:
        ReproduceError: the golden file or the manifest is missing.
    """
    inputs = {
        "config_sha256": study.variant(run.variant).digest(),
        "golden_sha256": None,
        "data_manifest_sha256": file_digest(DATASETS[study.dataset].manifest()),
    }
    if study.needs_golden_file(run.variant):
        golden, command = _golden(study, run)
        if not golden.is_file():
            raise ReproduceError(f"{relative_to_repo(golden)} is missing; record the variant's numerics by `{command}`")
        inputs["golden_sha256"] = golden_digest(golden)
    return inputs


def _golden(study: Study, run: RunId) -> tuple[Path, str]:
    """Return the variant's golden file and the command that records it."""
    command = f'python -m reproduce golden record {study.study} {run.variant} --reason "..."'
    return golden_path(study, run.variant), command


def _check_golden_configuration(study: Study, run: RunId, config_sha256: str) -> None:
    golden, command = _golden(study, run)
    if study.needs_golden_file(run.variant) and read_golden(golden)["config_sha256"] != config_sha256:
        raise ReproduceError(
            f"{relative_to_repo(golden)} is of another configuration; if the new one is meant, run `{command}`"
        )


def is_up_to_date(run: RunId) -> bool:
    """Return whether a run with today's configuration, numerics and data is published or ready to be published."""
    study = load_study(run.study)
    folders = {places.trained_to(study, run), places.published_to(study, run)}
    records = [read_record(folder) for folder in folders if (folder / "run.json").is_file()]
    if not records:
        return False
    inputs = inputs_of(study, run)
    return any(all(record.get(name) == digest for name, digest in inputs.items()) for record in records)


def settle_run(run: RunId) -> None:
    """Remove what a kill left of a finished run: its checkpoint, its kept steps and the folder that it replaced.

    Nothing is removed while another trainer is at work on the run.
    """
    study = load_study(run.study)
    folder = places.trained_to(study, run)
    checkpoint = checkpoint_of(run, folder, inputs_of(study, run))
    if checkpoint.with_suffix(".lock").exists():  # trained on this machine
        with suppress(ReproduceError), exclusive_lock(checkpoint.with_suffix(".lock"), "another trainer is at work"):
            settle_folder(folder)
            checkpoint.unlink(missing_ok=True)
            shutil.rmtree(checkpoint.with_suffix(".steps"), ignore_errors=True)


def checkpoint_of(run: RunId, folder: Path, inputs: dict[str, str | None]) -> Path:
    """Return where ``run`` keeps its checkpoint, given the folder it is for and the digests of ``inputs_of``."""
    # The folder is part of the identity: a rerun never takes up the published run's checkpoint, nor the reverse.
    return checkpoint_path({"run": str(run), "folder": relative_to_repo(folder), **inputs})


def train_run(run: RunId, folder: Path | None = None, launch: Launch | None = None) -> Path:
    """Train ``run``, resuming where an earlier call was stopped, and write its folder whole; return the folder.

    Args:
        run: what to train.
        folder: where the result goes; the run's published place by default.
        launch: device, threads, checkpoint interval; by default those of ``Launch``.

    Raises:
        InterruptedRunError: SIGINT or SIGTERM came; the checkpoint is saved.
        ReproduceError: bad input, a second trainer, a dirty tree, a full disk, a loss that is not finite.
    """
    launch = launch or Launch()
    device = prepare_torch(launch)
    with joined_processes(device) as processes:
        study = load_study(run.study)
        inputs = processes.agreed(lambda: _checked_inputs(study, run, launch))
        import_training_modules()
        folder = folder or places.trained_to(study, run)
        processes.agreed(lambda: check_writable(folder) if processes.is_first else None)
        checkpoint = checkpoint_of(run, folder, inputs)
        with _only_trainer(run, checkpoint, processes):
            if isinstance(study.variant(run.variant), FeatureVariant):
                _fit_features(run, study, folder, checkpoint, inputs, processes)
                return folder
            session = _session(device, processes)
            trainer = _trainer(run, study, device, processes, launch.images_per_pass)
            sessions = train_to_end(trainer, checkpoint, launch.seconds_between_checkpoints, str(run), session)
            tested = evaluate_trained(trainer)

            def write() -> None:
                if processes.is_first:
                    _check_unchanged(run, inputs)
                    _write(folder, run, study, trainer, tested, {**inputs, **provenance_of(sessions)})
                    checkpoint.unlink(missing_ok=True)

            processes.agreed(write)
    return folder


def _fit_features(
    run: RunId, study: Study, folder: Path, checkpoint: Path, inputs: dict[str, str | None], processes: Processes
) -> None:
    """Run a feature variant on the CPU, whatever the device, and write its folder."""
    if processes.count > 1:
        raise ReproduceError(f"{run} has an encoder, which runs in one process; start it without torchrun")
    channels = DATASETS[study.dataset].channels
    if channels != 3:
        raise ReproduceError(
            f"{run}: an encoder needs color images, and {study.dataset} has {channels} channel; choose another dataset "
            "in study.yaml"
        )
    cpu, steps = torch.device("cpu"), checkpoint.with_suffix(".steps")
    session = _session(cpu, processes)
    data = open_dataset(study.dataset, cpu, DataOptions())
    fitted = fit_features(run, study.variant(run.variant), data, steps, session)
    _check_unchanged(run, inputs)
    write_feature_record(folder, run, study, fitted, data.reports_top5, {**inputs, **provenance_of(fitted.sessions)})
    shutil.rmtree(steps, ignore_errors=True)


def _checked_inputs(study: Study, run: RunId, launch: Launch) -> dict[str, str | None]:
    study.variant(run.variant).check_length(run.epochs)
    inputs = inputs_of(study, run)
    _check_golden_configuration(study, run, inputs["config_sha256"])
    if not launch.require_clean_tree:
        return inputs
    problem = git_problem()
    if problem:
        raise ReproduceError(
            f"the run could not say which commit made it, so it could never be published: {problem}; "
            "or use `python -m reproduce rerun` to train without publishing"
        )
    if git_state()["git_dirty"]:
        overlooked = overlooked_source()
        unseen = f" (git is told to overlook {overlooked[0]})" if overlooked else ""
        raise ReproduceError(
            f"reproduce/ or experiments/ has uncommitted changes{unseen}, so the run could not say what made it; "
            "commit them, or use `python -m reproduce rerun` to train without publishing"
        )
    return inputs


def _trainer(
    run: RunId, study: Study, device: torch.device, processes: Processes, images_per_pass: int | None
) -> Trainer:
    variant = study.variant(run.variant)
    options = DataOptions(variant.training_images, variant.held_out_images, variant.image_side)
    data = processes.agreed(lambda: open_dataset(study.dataset, device, options))
    return Trainer(variant, variant.scaled_phases(run.epochs), run.seed, data, processes, images_per_pass)


def _session(device: torch.device, processes: Processes) -> dict[str, Any]:
    """Return commit, source, machine and start of this session.

    They are taken before the data are opened, while the source is still the imported one.
    """
    session = {**git_state(), "source_sha256": source_digest(), "started_utc": utc_now()}
    return {**session, "machine": machine_fingerprint(device), "processes": processes.count}


def _check_unchanged(run: RunId, inputs: dict[str, str | None]) -> None:
    if inputs_of(load_study(run.study), run) != inputs:
        raise ReproduceError(
            f"study.yaml, golden file or data manifest of {run} changed while it trained; train it again"
        )


@contextmanager
def _only_trainer(run: RunId, checkpoint: Path, processes: Processes) -> Iterator[None]:
    """Keep other trainings of the same run out; the first process holds the lock for all."""
    busy = f"another trainer is at work on {run}; wait for it or stop it (lock {checkpoint.with_suffix('.lock')})"
    with ExitStack() as held:
        lock = exclusive_lock(checkpoint.with_suffix(".lock"), busy)
        processes.agreed(lambda: held.enter_context(lock) if processes.is_first else None)
        yield


def _write(folder: Path, run: RunId, study: Study, trainer: Trainer, tested: Tested, meta: dict[str, Any]) -> None:
    """Write the run's folder; probabilities that are too large for it go beside the data."""
    is_rerun = folder != places.trained_to(study, run)  # a rerun leaves the published run's probabilities alone
    if trainer.data.reports_top5 and not is_rerun:
        path = places.probabilities_of(run)
        write_bytes(path, npy_bytes(tested.probabilities.astype(np.float16)))
        meta = {**meta, "probabilities_sha256": file_digest(path)}
    write_record(folder, run, study, trainer, tested, meta)


def provenance_of(sessions: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a run's provenance from its sessions: the fields of the last one, and the list of all.

    ``git_dirty`` is true if the tree of any session had uncommitted changes.
    """
    last = sessions[-1]
    dirty = True if any(session["git_dirty"] for session in sessions) else last["git_dirty"]
    first = sessions[0]["started_utc"]
    return {**last, "git_dirty": dirty, "started_utc": first, "interruptions": len(sessions) - 1, "sessions": sessions}
