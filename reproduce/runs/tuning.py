"""``experiments/<study>/tuning.csv``: the record of a study's tuning runs, without their test errors.

Rates and lengths are chosen from this file before the published runs are made.
"""

from pathlib import Path
from typing import Any

import pandas as pd

from reproduce.base.errors import ReproduceError
from reproduce.base.files import write_text
from reproduce.base.paths import relative_to_repo
from reproduce.base.tables import read_csv
from reproduce.runs import places
from reproduce.runs.run_files import needed, read_metrics, read_record
from reproduce.study.run_id import RunId
from reproduce.study.study import Study

_IDENTITY = ["variant", "epochs", "seed"]
_PROVENANCE = ["config_sha256", "git_commit"]


def tabulate_tuning(study: Study) -> Path:
    """Write the study's tuning.csv from the runs of its profile ``tuning`` that lie on this machine; return its path.

    A run that lies elsewhere keeps its row if its configuration is still the one in study.yaml, so that tuning can be
    done in parts. No column tells a test error.

    Raises:
        ReproduceError: the study has no such profile, or no run of it is here or in the file.
    """
    path = study.folder / "tuning.csv"
    known = _known_rows(path)
    found = [row for run in study.runs("tuning") if (row := _row(study, run, known)) is not None]
    if not found:
        raise ReproduceError(
            f"no tuning run of {study.study} is here; run `python -m reproduce train {study.study} --profile tuning`"
        )
    frame = pd.DataFrame(found)
    metrics = sorted(name for name in frame.columns if name not in [*_IDENTITY, *_PROVENANCE])
    write_text(path, frame[[*_IDENTITY, *metrics, *_PROVENANCE]].to_csv(index=False, float_format="%.6g"))
    missing = len(study.runs("tuning")) - len(found)
    print(f"{relative_to_repo(path)}: {len(found)} runs, {missing} still to be made")
    return path


def read_tuning(study: Study) -> pd.DataFrame:
    """Return the study's tuning.csv, one row per run; metrics are empty where a run has none.

    Raises:
        ReproduceError: there is no such file.
    """
    return read_csv(study.folder / "tuning.csv", remedy=f"run `python -m reproduce tuning {study.study}`")


def recorded_runs(study: Study) -> set[RunId]:
    """Return the runs of the profile ``tuning`` whose row in tuning.csv has the configuration of today's study.yaml.

    Tuning runs are not published: only tuning.csv keeps them.

    Raises:
        ReproduceError: the study has no such profile, or the file is no table of runs.
    """
    known = _known_rows(study.folder / "tuning.csv")
    return {run for run in study.runs("tuning") if _known_row(study, run, known) is not None}


def _known_rows(path: Path) -> dict[tuple[Any, ...], dict[str, Any]]:
    if not path.is_file():
        return {}
    frame = read_csv(path, [*_IDENTITY, *_PROVENANCE])
    return {tuple(row[name] for name in _IDENTITY): row for row in frame.to_dict("records")}


def _known_row(study: Study, run: RunId, known: dict[tuple[Any, ...], dict[str, Any]]) -> dict[str, Any] | None:
    row = known.get((run.variant, run.epochs, run.seed))
    return row if row is not None and row["config_sha256"] == study.config_digest(run) else None


def _row(study: Study, run: RunId, known: dict[tuple[Any, ...], dict[str, Any]]) -> dict[str, Any] | None:
    identity, digest = (run.variant, run.epochs, run.seed), study.config_digest(run)
    folder = places.trained_to(study, run)
    if (folder / "run.json").is_file():
        record, metrics = read_record(folder), read_metrics(folder)
        if record["config_sha256"] == digest:
            left_out = ("views", "epochs")
            seen = {name: value for name, value in metrics.items() if "test_" not in name and name not in left_out}
            length = {"trained_epochs": needed(metrics, "epochs", folder)}
            return dict(zip(_IDENTITY, identity, strict=True)) | length | seen | _only(record, _PROVENANCE)
    return _known_row(study, run, known)


def _only(record: dict[str, Any], names: list[str]) -> dict[str, Any]:
    return {name: record[name] for name in names}
