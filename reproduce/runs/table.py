"""Reads the listed runs, and no others, into data frames. No folder is searched for further runs."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from reproduce.base.errors import ReproduceError
from reproduce.base.files import reading
from reproduce.base.paths import relative_to_repo
from reproduce.runs import places
from reproduce.runs.kept import numbers_from_kept
from reproduce.runs.run_files import read_history, read_metrics, read_record
from reproduce.study.designs import study_and_variant
from reproduce.study.run_id import RunId
from reproduce.study.study import Study

IDENTITY = ["run_id", "study", "variant", "epochs", "seed"]
_ENVIRONMENT = ["cpu", "cores", "threads", "gpu", "torch"]
METRICS = [
    "test_top1_error_percent",
    "test_center_top1_error_percent",
    "test_loss_nats",
    "training_top1_error_percent",
    "training_loss_nats",
]
_ENSEMBLE_METRICS = ["test_top1_error_percent", "test_loss_nats"]  # all that averaged probabilities give
TIMES = ["training_seconds", "evaluation_seconds", "images_per_second"]
_PROVENANCE = [
    *("interruptions", "git_commit", "git_dirty", "config_sha256", "golden_sha256", "data_manifest_sha256"),
    *("source_sha256", "started_utc", "finished_utc"),
]
_SETTINGS = ["dataset", "scale", "schedule", "precision"]
_COUNTS = ["views", "test_images", "updates", "interruptions", "cores", "threads"]
COLUMNS = [
    *IDENTITY,
    "status",
    *_SETTINGS,
    *("views", "test_images", "updates"),
    *METRICS,
    *TIMES,
    *_ENVIRONMENT,
    *_PROVENANCE,
]


def published_runs(study: Study, runs_root: Path | None = None) -> list[RunId]:
    """Return the runs that tables list: all of ``standard``, and of ``full`` each arm with a published run.

    A variant with one published run of its full schedule is listed with every seed of that schedule, so that missing
    seeds show. Where ``standard`` itself lists the variant at that length, only the seeds in ``standard`` are listed;
    the others in ``full`` are planned. In a study published by hand only published runs are listed, since a machine
    without the study's data has not failed. The exception is a seed below a published one: it shows as missing.
    """
    if study.is_published_by_hand:
        runs = study.publishable_runs()
        last: dict[tuple[str, int], int] = {}
        for run in runs:
            if places.is_published(run, runs_root):
                last[run.variant, run.epochs] = max(run.seed, last.get((run.variant, run.epochs), 0))
        return [run for run in runs if run.seed <= last.get((run.variant, run.epochs), 0)]
    if "full" not in study.profiles:
        return study.runs("standard")
    standard = study.runs("standard")
    listed = {(run.variant, run.epochs) for run in standard}
    full = [run for run in study.runs("full") if (run.variant, run.epochs) not in listed]
    begun = {(run.variant, run.epochs) for run in full if places.is_published(run, runs_root)}
    return [*standard, *(run for run in full if (run.variant, run.epochs) in begun)]


def rows_of_arm(runs: pd.DataFrame, study: str, arm: str) -> pd.DataFrame:
    """Return the rows of one arm of a claim or comparison: a variant of the same study, or ``study/variant``."""
    owner, variant = study_and_variant(arm, study)
    return runs[runs["study"].eq(owner) & runs["variant"].eq(variant)]


def went_wrong(arm: pd.DataFrame) -> bool:
    """Return whether a run of an arm failed, or a seed is missing although a higher seed was run."""
    existing = arm[arm["status"] != "missing"]
    left_out = arm["status"].eq("missing") & arm["seed"].lt(existing["seed"].max())
    return bool((existing["status"] != "finished").any() or left_out.any())


def arms_at(arms: Sequence[pd.DataFrame], epochs: Sequence[int] | None) -> list[pd.DataFrame]:
    """Return each arm's rows at the length that ``epochs`` fixes for it, by default at ``longest_shared``."""
    if epochs is None:
        return longest_shared(arms)
    return [arm[arm["epochs"].eq(length)] for arm, length in zip(arms, epochs, strict=True)]


def longest_shared(arms: Sequence[pd.DataFrame]) -> list[pd.DataFrame]:
    """Return each arm's rows at the greatest length that all arms have run, else at the greatest that all arms list.

    A longer training of one arm would pass for an effect. Arms without a common length are each taken at their own
    greatest length, for example where their sources train for 11 and 140 epochs, or where lengths are compared.
    """
    listed = set.intersection(*(set(arm["epochs"]) for arm in arms))
    there = set.intersection(*(set(arm.loc[arm["status"] != "missing", "epochs"]) for arm in arms))
    if listed:
        return [arm[arm["epochs"] == max(there or listed)] for arm in arms]
    return [longest_shared([arm])[0] if len(arm) else arm for arm in arms]


def read_runs(run_ids: Iterable[RunId], runs_root: Path | None = None) -> pd.DataFrame:
    """Return one row for each listed run, in the order listed; no listed run is ever left out.

    Columns are ``COLUMNS`` and then any further metric, sorted. ``status`` is ``finished``, ``missing`` (no such
    folder: all but the identity is empty), ``diverged`` (a metric is null or not finite), or the status in the run's
    record.

    Raises:
        ReproduceError: a run is malformed, or its record names another run than its folder does.
    """
    rows = [_read_run(run_id, runs_root) for run_id in run_ids]
    further = sorted({name for row in rows for name in row} - set(COLUMNS))
    frame = pd.DataFrame(rows, columns=[*COLUMNS, *further])
    for column in [*METRICS, *TIMES, *further]:
        frame[column] = pd.to_numeric(frame[column]).astype("float64")
    for column in _COUNTS:
        frame[column] = pd.to_numeric(frame[column]).astype("Int64")
    frame["git_dirty"] = frame["git_dirty"].astype("boolean")
    return frame


def _read_run(run_id: RunId, runs_root: Path) -> dict[str, Any]:
    folder, row = places.found_at(run_id, runs_root), run_id.identity()
    if not folder.exists():
        return row | {"status": "missing"}
    record = read_record(folder)
    shown = relative_to_repo(folder / "run.json")
    said = {name: record[name] for name in IDENTITY}
    row |= {name: record[name] for name in ["status", *_SETTINGS, *TIMES, *_PROVENANCE]}
    row |= {name: record["machine"][name] for name in _ENVIRONMENT}
    if said != run_id.identity():
        raise ReproduceError(f"{shown} says it is run {said['run_id']!r}; restore the folder of {run_id} with git")
    metrics = _status_and_metrics(folder, row["status"], _needed_metrics(record))
    with reading(folder):
        return row | metrics | numbers_from_kept(record, metrics, folder, runs_root)


def _needed_metrics(record: Mapping[str, Any]) -> list[str]:
    """Return the metrics that every run of this record's kind must have."""
    if "encoder" in record["config"]:
        return [name for name in METRICS if not name.endswith("_nats")]  # hinge losses are no nats
    return _ENSEMBLE_METRICS if "ensemble_of" in record else METRICS


def _status_and_metrics(folder: Path, status: str, needed: Sequence[str]) -> dict[str, Any]:
    """Return the run's status and metrics; a metric that is not finite makes the status ``diverged``."""
    path = folder / "metrics.json"
    if status != "finished" and not path.exists():
        return {"status": status}
    metrics = dict(read_metrics(folder))
    metrics.pop("epochs", None)  # the identity has it
    lacking = [name for name in [*needed, "views", "test_images"] if name not in metrics]
    if lacking:
        raise ReproduceError(
            f"{relative_to_repo(path)} lacks {lacking[0]!r}; restore it with git or train the run again"
        )
    values = {name: np.nan if value is None else float(value) for name, value in metrics.items()}
    finite = all(np.isfinite(value) for value in values.values())
    return values | {"status": "diverged" if status == "finished" and not finite else status}


def read_histories(run_ids: Iterable[RunId], runs_root: Path | None = None) -> pd.DataFrame:
    """Return the histories of the listed runs that exist, one row per epoch, the run's identity in front.

    The column ``epochs`` is the length of the run's schedule, ``epoch`` the row's own (from 1).

    Raises:
        ReproduceError: an existing run has no readable history.
    """
    parts = []
    for run_id in run_ids:
        path = places.found_at(run_id, runs_root) / "history.csv"
        if path.parent.exists():
            parts.append(read_history(path).assign(**run_id.identity()))
    if not parts:
        return pd.DataFrame(columns=[*IDENTITY, "epoch"])
    frame = pd.concat(parts, ignore_index=True)
    return frame[[*IDENTITY, *(name for name in frame.columns if name not in IDENTITY)]]
