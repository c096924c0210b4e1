"""Committed results agree with one another: runs, configurations, golden files, dvc.lock, tables and numbers."""

import pandas as pd

from reproduce.base.paths import EXPERIMENTS, RESULTS
from reproduce.judge.verify import find_problems
from reproduce.runs import places
from reproduce.runs.table import published_runs
from reproduce.study.study import load_study
from reproduce.train.publish import MOST_BYTES

STUDIES = [load_study(path.parent.name) for path in sorted(EXPERIMENTS.glob("*/study.yaml"))]


def test_every_published_run_verifies():
    assert find_problems(STUDIES).problems == []


def test_the_table_of_runs_is_that_of_the_run_folders():
    table = pd.read_csv(RESULTS / "tables" / "runs.csv").set_index("run_id")["status"]
    listed = [run for study in STUDIES for run in published_runs(study)]
    assert list(table.index) == [str(run) for run in listed]
    assert [status != "missing" for status in table] == [places.is_published(run) for run in listed]


def test_a_run_is_small_enough_to_publish():
    for study in STUDIES:
        for run in published_runs(study):
            assert sum(path.stat().st_size for path in places.found_at(run).glob("*")) <= MOST_BYTES, str(run)
