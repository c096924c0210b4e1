"""Ensembles as plain means of their nets' probabilities (deviation D27), recorded like runs."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from reproduce.base.errors import ReproduceError
from reproduce.base.files import (
    exclusive_lock,
    file_digest,
    json_digest,
    reading,
    replacing_folder,
    write_bytes,
    write_json,
)
from reproduce.base.paths import relative_to_repo, scratch_folder
from reproduce.base.provenance import git_state, machine_fingerprint, source_digest, utc_now
from reproduce.data.ilsvrc.read import PackedImages
from reproduce.data.opening import open_dataset
from reproduce.evaluate.predict import is_among_first, scores
from reproduce.evaluate.real_labels import real_label_errors
from reproduce.runs import places
from reproduce.runs.run_files import read_record
from reproduce.study.run_id import RunId
from reproduce.study.study import Study, load_study
from reproduce.train.record import npz_bytes

_SAME = ("dataset", "scale", "schedule", "precision", "data_manifest_sha256")


def make_ensembles(study_name: str, name: str) -> list[Path]:
    """Average the ensembles called ``name`` whose runs are all on this machine; return their folders.

    For each other ensemble of that name, the number of runs that it lacks is printed.

    Raises:
        ReproduceError: there is no such ensemble, none is complete, runs of one ensemble do not belong together, or
            another command is averaging them.
    """
    study = load_study(study_name)
    if name not in study.ensembles:
        known = ", ".join(study.ensembles) or "none"
        raise ReproduceError(f"study {study_name} has no ensemble {name!r}; it has {known}")
    folders, lock = [], scratch_folder() / f"ensemble-{study_name}-{name}.lock"
    for run, members in study.ensemble_runs().items():
        missing = [member for member in members if not places.probabilities_of(member).is_file()]
        if run.variant == name and missing:
            print(f"{run}: {len(missing)} of {len(members)} runs have no probabilities here, the first is {missing[0]}")
        elif run.variant == name:
            with exclusive_lock(lock, busy=f"another command averages {name} and holds {lock}; wait for it to end"):
                folders.append(_make(study, run, members))
            print(f"{run}: written to {relative_to_repo(folders[-1])}")
    if not folders:
        variant = study.ensembles[name].variant
        command = f"python -m reproduce train {study_name} {variant} --profile full"
        raise ReproduceError(f"no ensemble {name} has all its runs on this machine; run `{command}`")
    print(f"next: python -m reproduce publish {study_name} {name}")
    return folders


def _make(study: Study, run: RunId, members: Sequence[RunId]) -> Path:
    started, started_utc = time.perf_counter(), utc_now()
    config = study.ensemble_config(run)
    records = [_record_of(study, member) for member in members]
    if any(record["config_sha256"] != config["config_sha256"] for record in records):
        raise ReproduceError(f"{run}: a run was made with another configuration than study.yaml has; train it again")
    for name in _SAME:
        if len({record[name] for record in records}) > 1:
            raise ReproduceError(f"{run}: its runs differ in {name}; train those that are out of date again")
    mean, images = mean_probabilities([places.probabilities_of(member) for member in members]), _test_images(study)
    labels = torch.from_numpy(images.labels)
    if len(labels) != len(mean):
        counts = f"{len(mean)} images, but {study.dataset} tests on {len(labels)}"
        raise ReproduceError(f"{run}: probabilities of {counts}; train its runs again")
    hits = {f"test_top{first}_correct_bits": np.packbits(is_among_first(mean, labels, first)) for first in (1, 5)}
    metrics = _metrics(mean, images) | {"views": study.variant(members[0].variant).test_views}
    description = _description(run, config, records) | {"started_utc": started_utc, "finished_utc": utc_now()}
    description["evaluation_seconds"] = round(time.perf_counter() - started, 2)
    with replacing_folder(places.trained_to(study, run)) as staging:
        write_json(staging / "run.json", description)
        write_json(staging / "metrics.json", metrics)
        write_bytes(staging / "predictions.npz", npz_bytes(hits))
    return places.trained_to(study, run)


def _record_of(study: Study, member: RunId) -> dict[str, Any]:
    """Return a member's run.json, once its probabilities are found to have the digest recorded there."""
    folders = (places.trained_to(study, member), places.published_to(study, member))
    folder = next((folder for folder in folders if (folder / "run.json").is_file()), None)
    if folder is None:
        raise ReproduceError(f"{member} has probabilities but no record; train it again")
    record, path = read_record(folder), places.probabilities_of(member)
    if file_digest(path) != record.get("probabilities_sha256"):
        raise ReproduceError(f"{relative_to_repo(path)} is not what {member} recorded; train it again")
    return record


def mean_probabilities(paths: Sequence[Path]) -> Tensor:
    """Return the mean of stored probabilities (images, classes), float32, summed in float64.

    Raises:
        ReproduceError: the files differ in shape.
    """
    arrays = [_opened(path) for path in paths]
    if len({array.shape for array in arrays}) > 1:
        raise ReproduceError(
            f"probabilities differ in shape: {[array.shape for array in arrays]}; train the runs again"
        )
    total = np.zeros(arrays[0].shape)
    for array in arrays:
        total += array
    return torch.from_numpy((total / len(arrays)).astype(np.float32))


def _opened(path: Path) -> np.ndarray:
    with reading(path, "train the run again"):
        return np.load(path, mmap_mode="r", allow_pickle=False)


def _test_images(study: Study) -> PackedImages:
    return open_dataset(study.dataset, torch.device("cpu")).test().images


def _metrics(mean: Tensor, images: PackedImages) -> dict[str, float | int]:
    found = scores(mean, torch.from_numpy(images.labels))
    return {
        "test_top1_error_percent": found.top1_error_percent,
        "test_top5_error_percent": found.top5_error_percent,
        "test_loss_nats": found.loss_nats,
        "test_images": len(images),
        **real_label_errors(mean, images.names, images.classes),
    }


def _description(run: RunId, config: dict[str, Any], records: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the ensemble's run.json, in the form of a run's.

    Training time and interruptions are summed over the averaged runs. ``git_dirty`` is false only where the trees of
    all runs and the present tree are clean.
    """
    git = git_state()
    return {
        **run.identity(),
        **{name: records[0][name] for name in _SAME},
        "ensemble_of": config["members"],
        "config": config,
        "config_sha256": json_digest(config),
        "golden_sha256": None,
        **git,
        "git_dirty": git["git_dirty"] is not False or any(record["git_dirty"] is not False for record in records),
        "source_sha256": source_digest(),
        "machine": machine_fingerprint(),
        "interruptions": sum(record["interruptions"] for record in records),
        "training_seconds": round(sum(record["training_seconds"] for record in records), 2),
        "images_per_second": records[0]["images_per_second"],
        "status": "finished",
    }
