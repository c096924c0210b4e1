"""Holding the published runs against their configuration, golden files, data, DVC's lock files and their predictions.

DVC records what a stage's inputs are after it ends, so ``dvc.lock`` alone could name inputs that did not make an
output. Each run therefore carries digests taken when it started, and these are what is compared here.
"""

import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from reproduce.base.errors import ReproduceError
from reproduce.base.files import file_digest, json_digest, read_json
from reproduce.base.paths import REPO_ROOT
from reproduce.base.validation import read_yaml
from reproduce.data.registry import DATASETS
from reproduce.judge.numbers import read_numbers
from reproduce.runs import places
from reproduce.runs.labels import answers_by_metric, hits, known_test_labels, needs_labels
from reproduce.runs.run_files import read_predictions
from reproduce.runs.table import published_runs, read_runs
from reproduce.study.run_id import RunId
from reproduce.study.study import Study

_PERCENT_TOLERANCE = 1e-6  # metrics are exact counts over the test images, printed as decimals


@dataclass
class Findings:
    """The faults found (``problems``) and the checks that could not be made (``skipped``), one line each."""

    problems: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


def verify(studies: Sequence[Study], root: Path = REPO_ROOT, stream: TextIO | None = None) -> list[str]:
    """Check every listed run and every number, and print one line per problem and per check that was skipped.

    Args:
        studies: whose listed runs are checked.
        root: the repository.
        stream: where to print; standard output by default.

    Returns:
        The checks that were skipped.

    Raises:
        ReproduceError: there are problems; the message counts them.
    """
    findings = find_problems(studies, root)
    stream = stream or sys.stdout
    for line in findings.problems:
        print(f"problem: {line}", file=stream)
    for line in findings.skipped:
        print(f"skipped: {line}", file=stream)
    runs = sum(len(published_runs(study, _runs_root(root))) for study in studies)
    if findings.problems:
        count = f"{len(findings.problems)} problem{'s' if len(findings.problems) > 1 else ''}"
        raise ReproduceError(f"{count} in {runs} listed runs; each is named above with what to do")
    print(f"{runs} runs agree with their configuration, data, records and predictions", file=stream)
    return findings.skipped


def find_problems(studies: Sequence[Study], root: Path = REPO_ROOT) -> Findings:
    """Return all problems of the listed runs of ``studies`` and of ``results/numbers.json``."""
    findings, listed = Findings(), set()
    for study in studies:
        labels = _test_labels(study, root, findings)
        for run_id in published_runs(study, _runs_root(root)):
            listed.add(str(run_id))
            try:
                findings.problems += [f"{run_id}: {line}" for line in _run_problems(study, run_id, labels, root)]
            except ReproduceError as error:
                findings.problems.append(f"{run_id}: {error}")
        if study.is_trained_by_stages:
            findings.problems += _lock_problems(study, root)
    findings.problems += _number_problems(root, listed)
    return findings


def _runs_root(root: Path) -> Path:
    return root / "results" / "runs"


def _run_problems(study: Study, run_id: RunId, labels: np.ndarray | None, root: Path) -> Iterator[str]:
    runs_root = _runs_root(root)
    run = read_runs([run_id], runs_root).iloc[0]
    record_path = places.found_at(run_id, runs_root) / "run.json"
    if run["status"] == "missing":
        yield f"is listed but missing; run `dvc repro experiments/{study.study}/dvc.yaml`"
        return
    record = read_json(record_path)
    if json_digest(record.get("config")) != run["config_sha256"]:
        yield "run.json: its configuration does not have the digest recorded beside it; restore it with git"
    if study.config_digest(run_id) != run["config_sha256"]:
        yield f"was made with another configuration than study.yaml has for {run_id.variant} now; train it again"
    golden = root / "experiments" / study.study / "golden" / f"{run_id.variant}.json"
    manifest = places.statistics_folder(study.dataset, runs_root) / "manifest.json"
    if study.is_trained_by_stages:
        yield from _digest_problems(golden, run["golden_sha256"], root)
    if not DATASETS[study.dataset].subset:  # whose manifest stays with its images
        yield from _digest_problems(manifest, run["data_manifest_sha256"], root)
    for field_name in ("dataset", "scale"):
        if record[field_name] != getattr(study, field_name):
            now = getattr(study, field_name)
            yield f"run.json says {field_name} {record[field_name]!r}, study.yaml {now!r}; train it again"
    if record["git_dirty"] is not False:
        yield "was not made from a commit: its tree had changes or was no repository; train it again from one"
    if run["status"] == "finished":
        yield from _metric_problems(run_id, run, labels, runs_root)


def _digest_problems(path: Path, recorded: str, root: Path) -> Iterator[str]:
    shown = path.relative_to(root).as_posix()
    if not path.is_file():
        yield f"{shown} is missing; restore it with git"
    elif file_digest(path) != recorded:
        yield f"{shown} is not the file it was made with; train it again or restore the file with git"


def _metric_problems(run_id: RunId, run: Any, labels: np.ndarray | None, runs_root: Path) -> Iterator[str]:
    """Compare the test errors with those counted from the predictions (percent of the test images)."""
    predictions, images = read_predictions(run_id, runs_root), int(run["test_images"])
    for metric, name in answers_by_metric(predictions).items():
        if labels is None and needs_labels(name):
            continue
        counted = 100 * float(np.mean(~hits(predictions, name, images, labels)))
        if metric in run and abs(counted - run[metric]) > _PERCENT_TOLERANCE:
            yield f"metrics.json: {metric} is {run[metric]:.4f}, the predictions give {counted:.4f}; restore both"


def _test_labels(study: Study, root: Path, findings: Findings) -> np.ndarray | None:
    """Return the test labels, or None where none are needed or this machine lacks them, with a line that says so."""
    if study.is_published_by_hand:
        return None  # its runs record which images they named rightly
    try:
        return known_test_labels(study.dataset, _runs_root(root), root / "data")
    except ReproduceError as error:
        if DATASETS[study.dataset].labels_committed:
            findings.problems.append(f"{study.study}: {error}")
        else:
            findings.skipped.append(f"{study.study}: test errors were not counted again: {error}")
    return None


def _lock_problems(study: Study, root: Path) -> Iterator[str]:
    """Compare every listed run's folder with what DVC recorded of it."""
    path = root / "experiments" / study.study / "dvc.lock"
    shown = path.relative_to(root).as_posix()
    if not study.runs("standard"):
        return  # nothing of it is published yet
    if not path.is_file():
        yield f"{shown} is missing; restore it with git"
        return
    recorded = _recorded_outputs(read_yaml(path))
    for run_id in study.runs("standard"):  # the full schedules have no stage: git alone keeps them
        folder = places.found_at(run_id, _runs_root(root))
        if not folder.exists():
            continue  # already named as missing
        if str(run_id) not in recorded:
            yield f"{run_id}: {shown} does not record it; run `dvc commit` on its stage"
        elif recorded[str(run_id)] != dvc_folder_md5(folder):
            yield f"{run_id}: differs from what {shown} records; restore the folder with git"


def _recorded_outputs(lock: Any) -> dict[str, str]:
    """Return DVC's digest of each run folder that a dvc.lock records, by run id."""
    stages = (lock or {}).get("stages", {}).values()
    outputs = ((out["path"], out.get("md5", "")) for stage in stages for out in stage.get("outs", []))
    return {path.rpartition("results/runs/")[2].rstrip("/"): md5 for path, md5 in outputs if "results/runs/" in path}


def dvc_folder_md5(folder: Path) -> str:
    """Return the digest by which DVC 3 knows a folder: the MD5 of its files' sorted names and MD5s, and ``.dir``."""
    files = sorted((path.relative_to(folder).as_posix(), path) for path in folder.rglob("*") if path.is_file())
    entries = [{"md5": file_digest(path, "md5"), "relpath": name} for name, path in files]
    return hashlib.md5(json.dumps(entries).encode(), usedforsecurity=False).hexdigest() + ".dir"


def _number_problems(root: Path, listed: set[str]) -> Iterator[str]:
    path = root / "results" / "numbers.json"
    try:
        rows = read_numbers(path)
    except ReproduceError as error:
        yield str(error)
        return
    for number_id, row in rows.items():
        for run in row.get("runs", []):
            if run not in listed:
                yield f"results/numbers.json: {number_id} names {run}, which no study lists; run `dvc repro`"
            elif not places.found_at(run, _runs_root(root)).is_dir():
                yield f"results/numbers.json: {number_id} names {run}, which does not exist; run `dvc repro`"
