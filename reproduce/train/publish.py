"""Publishing runs that only some machines can make: each is checked, then copied from data/runs to results/external."""

import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reproduce.base.errors import ReproduceError, near_or_all
from reproduce.base.files import exclusive_lock, file_digest, json_digest, read_json, replacing_folder
from reproduce.base.paths import relative_to_repo, scratch_folder
from reproduce.data.registry import DATASETS
from reproduce.runs import places
from reproduce.runs.run_files import read_metrics, read_record
from reproduce.study.run_id import RunId
from reproduce.study.study import Study, load_study

MOST_BYTES = 150_000
_FILES = ("run.json", "metrics.json", "predictions.npz")
_FILES_OF_TRAINING = ("history.csv", "arrays.npz")


def publish(study_name: str, variant: str | None = None) -> list[Path]:
    """Copy the study's finished runs to results/external and print each; a run published before is left as it is.

    Returns:
        The folders of all runs found, published now or before.

    Raises:
        ReproduceError: DVC's stages publish the study's runs, the study has no such variant, no run is finished, or a
            run was refused. The other runs are published all the same, and each refusal is printed.
    """
    study = load_study(study_name)
    if study.is_trained_by_stages:
        raise ReproduceError(f"the runs of {study_name} are published by their stages; run `dvc repro`")
    names = [*study.variants, *study.ensembles]
    if variant is not None and variant not in names:
        hint = near_or_all(variant, names)
        raise ReproduceError(f"study {study_name} has no variant or ensemble {variant!r}; {hint}")
    wanted = [run for run in study.publishable_runs() if variant in (None, run.variant)]
    runs = [run for run in wanted if (places.trained_to(study, run) / "run.json").is_file()]
    if not runs:
        raise ReproduceError(_nothing_finished(study, variant))
    lock = scratch_folder() / "publish.lock"
    with exclusive_lock(lock, busy=f"another publication holds {lock}; wait for it to end"):
        refused = [line for run in runs for line in _publish_run(study, run)]
    for line in refused:
        print(f"refused: {line}")
    if refused:
        raise ReproduceError(f"{len(refused)} reasons against publishing runs of {study_name}; each is named above")
    print(f"{len(runs)} runs of {study_name} are in results/external; commit them, and results/data/{study.dataset}")
    print("next: python -m reproduce collect")
    return [places.published_to(study, run) for run in runs]


def _nothing_finished(study: Study, variant: str | None) -> str:
    example = places.trained_to(study, RunId(study.study, variant or "x", 1, 1))
    place = relative_to_repo(example.parents[1 if variant else 2])
    if variant in study.ensembles:
        return f"{place} holds no finished ensemble; run `python -m reproduce ensemble {study.study} {variant}`"
    what = f"{study.study} {variant}" if variant else study.study
    return (
        f"{place} holds no finished run of the profiles standard and full; "
        f"run `python -m reproduce train {what} --profile standard`"
    )


def _publish_run(study: Study, run: RunId) -> list[str]:
    """Publish one run and return an empty list, or return the reasons why it cannot be published."""
    source, target = places.trained_to(study, run), places.published_to(study, run)
    try:
        refused = [f"{run}: {reason}" for reason in reasons_against(study, run, source)]
    except ReproduceError as error:
        return [f"{run}: {error}"]
    if refused:
        return refused
    shown = relative_to_repo(target)
    if target.exists():
        if _contents(target) == _contents(source):
            print(f"{shown} is published already")
            return []
        return [
            f"{run}: {shown} is another run than {relative_to_repo(source)}; keep one: remove the other folder by hand"
        ]
    with replacing_folder(target) as staging:
        shutil.copytree(source, staging, dirs_exist_ok=True)
    print(f"published {shown}")
    return []


def _contents(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): file_digest(path) for path in folder.rglob("*") if path.is_file()}


def reasons_against(study: Study, run: RunId, folder: Path) -> Iterator[str]:
    """Yield every reason why the run in ``folder`` must not be published as ``run``.

    Raises:
        ReproduceError: the run's record or metrics cannot be read.
    """
    wanted = _FILES if run.variant in study.ensembles else _FILES + _FILES_OF_TRAINING
    lacking = [name for name in wanted if not (folder / name).is_file()]
    if lacking:
        yield f"{relative_to_repo(folder)} lacks {', '.join(lacking)}; make the run again"
        return
    record = read_record(folder)
    yield from _identity_reasons(study, run, record)
    yield from _config_reasons(study, run, record)
    yield from _data_reasons(study, record)
    if any(value is None or not math.isfinite(value) for value in read_metrics(folder).values()):
        yield "a metric is not finite"
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    if size > MOST_BYTES:
        yield f"its files have {size:,} bytes, more than {MOST_BYTES:,}; leave out what results/README.md does not list"


def _identity_reasons(study: Study, run: RunId, record: dict[str, Any]) -> Iterator[str]:
    said = {"run_id": str(run), "dataset": study.dataset, "scale": study.scale, "status": "finished"}
    for name, expected in said.items():
        if record.get(name) != expected:
            yield f"run.json says {name} {record.get(name)!r} and not {expected!r}; make the run again"
    if not record.get("git_commit") or record.get("git_dirty") is not False:
        yield "was not made from a commit: its tree had changes or was no repository; make it again from a clean commit"


def _config_reasons(study: Study, run: RunId, record: dict[str, Any]) -> Iterator[str]:
    if json_digest(record.get("config")) != record.get("config_sha256"):
        yield "run.json: its configuration does not have the digest recorded beside it; make the run again"
    elif record["config_sha256"] != study.config_digest(run):
        yield f"was made with another configuration than study.yaml has for {run.variant} now; make it again"


def _data_reasons(study: Study, record: dict[str, Any]) -> Iterator[str]:
    manifest = DATASETS[study.dataset].manifest()
    shown = relative_to_repo(manifest)
    if file_digest(manifest) != record.get("data_manifest_sha256"):
        yield f"{shown} is not the manifest of the data it was made with; restore it with git or make the run again"
    if bool(read_json(manifest).get("subset")) != DATASETS[study.dataset].subset:
        yield f"{shown} is of a part of the data, and {study.study} is about all of it; pack the whole"
