"""Synthetic records of the way from the 13 % net to the 11 % net, for the tests of its table and figure."""

from pathlib import Path

import pandas as pd
from collect_support import FakeRunId, FakeStudy, claim, write_run

from reproduce.judge.collect import collect
from reproduce.report.records import Records, load_records
from reproduce.report.studies.lrn_confound import STUDY
from reproduce.study.study import load_study

NETS = "cifar10_nets"
ARMS = {
    "first": (NETS, "conv_local_13pct", 160),
    "normalized": (STUDY, "body13_normalized", 160),
    "body": (STUDY, "body11_normalized", 160),
    "body_without": (STUDY, "body11", 160),
    "last": (NETS, "conv_local_11pct", 520),
    "last_without": (NETS, "conv_local_11pct_no_normalization", 520),
}
COMPLETE = {
    "first": [13.0, 13.2, 13.4, 13.3, 13.1],
    "normalized": [12.9, 12.8, 13.1, 12.9, 12.8],
    "body": [12.3, 12.4, 12.2],
    "body_without": [12.4, 12.5, 12.6],
    "last": [11.4, 11.5, 11.6],
    "last_without": [12.2, 12.0, 12.1],
}


def confound_records(folder: Path, errors: dict[str, list[float | None]]) -> Records:
    """Write one run per error with seeds from 1, collect, and return the tables. None is a listed seed without a run.

    An arm that ``errors`` does not name is not listed, like an arm of a profile that nobody began.
    """
    listed = {NETS: [], STUDY: []}
    for arm, values in errors.items():
        study, variant, epochs = ARMS[arm]
        for seed, error in enumerate(values, 1):
            run_id = FakeRunId(study, variant, epochs, seed)
            listed[study].append(run_id)
            if error is not None:
                history = write_run(folder / "runs", run_id, error) / "history.csv"
                pd.read_csv(history).assign(training_error_percent=error - 2).to_csv(history, index=False)
    claims = [_printed("cifar10-13pct-error", "conv_local_13pct", 13.0)]
    claims.append(_printed("cifar10-11pct-error", "conv_local_11pct", 11.0))
    real = {name: load_study(name) for name in (NETS, STUDY)}
    studies = [
        FakeStudy(name, listed[name], study.comparisons if name == STUDY else [], unlisted=[*study.variants])
        for name, study in real.items()
    ]
    collect(studies, folder, folder / "runs", claims)
    return load_records(folder / "tables", claims)


def _printed(name: str, variant: str, error: float):
    target = {"value": error, "unit": "percent", "kind": "published", "where": "front page"}
    return claim(id=name, study=NETS, arms=[variant], targets=[target])
