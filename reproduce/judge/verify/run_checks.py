"""Comparing the published runs with their configuration, golden files, data and predictions.

DVC records what a stage's inputs are after it ends, so ``dvc.lock`` alone could name inputs that did not make an
output. Each run therefore carries digests taken when it started, and these are what is compared here.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from reproduce.base.errors import ReproduceError
from reproduce.base.files import json_digest
from reproduce.data.registry import DATASETS
from reproduce.judge.unmade import profile_listing, training_command
from reproduce.judge.verify.findings import Findings
from reproduce.judge.verify.sums import unix_digest
from reproduce.runs import places
from reproduce.runs.labels import answers_by_metric, hits, known_test_labels, needs_labels
from reproduce.runs.run_files import read_predictions, read_record
from reproduce.runs.table import published_runs, read_runs
from reproduce.study.golden_file import golden_digest
from reproduce.study.run_id import RunId
from reproduce.study.study import Study

_PERCENT_TOLERANCE = 1e-6  # metrics are exact counts over the test images, printed as decimals


def check_runs(studies: Sequence[Study], root: Path, findings: Findings, edited: Collection[str] = ()) -> None:
    """Add the problems of the listed runs of ``studies``, one line for all runs that share it.

    Args:
        studies: whose listed runs are checked.
        root: the repository.
        findings: to be added to.
        edited: files known to differ from dvc.lock, so that no run is blamed for them.
    """
    runs_by_line = defaultdict(list)
    for study in studies:
        labels = _test_labels(study, root, findings, edited)
        for run_id in published_runs(study, _runs_root(root)):
            findings.runs += 1
            try:
                lines = list(_run_problems(study, run_id, labels, root))
            except ReproduceError as error:
                lines = [str(error)]
            except Exception as error:  # an edited record may have any form
                lines = [f"its record cannot be used ({type(error).__name__}: {error}); restore it with git"]
            for line in lines:
                runs_by_line[line].append(str(run_id))
    for line, runs in runs_by_line.items():
        if line.partition(" ")[0] not in edited:
            findings.problems.append(f"{runs[0]}{f' and {len(runs) - 1} more' if len(runs) > 1 else ''}: {line}")


def _runs_root(root: Path) -> Path:
    return root / "results" / "runs"


def _run_problems(study: Study, run_id: RunId, labels: np.ndarray | None, root: Path) -> Iterator[str]:
    runs_root = _runs_root(root)
    run = read_runs([run_id], runs_root).iloc[0]
    record_path = places.found_at(run_id, runs_root) / "run.json"
    if run["status"] == "missing":
        profile = profile_listing(study, run_id.variant, run_id.epochs, [run_id]) or "standard"
        command = training_command([(study, run_id.variant, run_id.epochs, profile)])
        yield f"is listed but missing; run `{command}`"
        return
    record = read_record(record_path.parent)
    if json_digest(record.get("config")) != run["config_sha256"]:
        yield "run.json: its configuration does not have the digest recorded beside it; restore it with git"
    if study.config_digest(run_id) != run["config_sha256"]:
        yield f"was made with another configuration than study.yaml has for {run_id.variant} now; train it again"
    golden = root / "experiments" / study.study / "golden" / f"{run_id.variant}.json"
    manifest = places.statistics_folder(study.dataset, runs_root) / "manifest.json"
    if study.is_trained_by_stages:
        yield from _digest_problems(golden, golden_digest, run["golden_sha256"], root)
    if not DATASETS[study.dataset].subset:  # whose manifest stays with its images
        yield from _digest_problems(manifest, unix_digest, run["data_manifest_sha256"], root)
    for field_name in ("dataset", "scale"):
        if record[field_name] != getattr(study, field_name):
            now = getattr(study, field_name)
            yield f"run.json says {field_name} {record[field_name]!r}, study.yaml {now!r}; train it again"
    if record["git_dirty"] is not False:
        yield "was not made from a commit: its tree had changes or was no repository; train it again from one"
    if run["status"] == "finished":
        yield from _metric_problems(run_id, run, labels, runs_root)


def _digest_problems(path: Path, digest: Callable[[Path], str], recorded: str, root: Path) -> Iterator[str]:
    shown = path.relative_to(root).as_posix()
    if not path.is_file():
        yield f"{shown} is missing; restore it with git"
        return
    try:
        unchanged = digest(path) == recorded
    except ReproduceError:  # the edit broke its form
        unchanged = False
    if not unchanged:
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


def _test_labels(study: Study, root: Path, findings: Findings, edited: Collection[str]) -> np.ndarray | None:
    """Return the test labels; None where none are needed, or where this machine lacks them, which adds a line."""
    if study.is_published_by_hand:
        return None  # its runs record which images they named rightly
    path = places.statistics_folder(study.dataset, _runs_root(root)) / "test_labels.npy"
    if path.relative_to(root).as_posix() in edited:
        return None  # named already; the runs are not wrong because of it
    try:
        return known_test_labels(study.dataset, _runs_root(root), root / "data")
    except ReproduceError as error:
        if DATASETS[study.dataset].labels_committed:
            findings.problems.append(f"{study.study}: {error}")
        else:
            findings.skipped.append(f"{study.study}: test errors were not counted again: {error}")
    return None
