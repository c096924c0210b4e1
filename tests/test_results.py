"""Committed results agree with one another: runs, configurations, golden files, dvc.lock, tables and numbers."""

import re

import pandas as pd

from reproduce.base.paths import EXPERIMENTS, PAPER_NOTES, REPO_ROOT, RESULTS
from reproduce.judge.verify.findings import Findings
from reproduce.judge.verify.lock_stages import check_pipeline
from reproduce.judge.verify.lock_sums import edited_files, lock_entries, read_locks
from reproduce.judge.verify.run_checks import check_runs
from reproduce.runs import places
from reproduce.runs.table import published_runs
from reproduce.study.study import load_study
from reproduce.train.publish import MOST_BYTES

STUDIES = [load_study(path.parent.name) for path in sorted(EXPERIMENTS.glob("*/study.yaml"))]


def test_every_published_run_verifies_and_every_file_is_as_recorded():
    """All of ``verify`` but making tables and pages again; code and prose may be newer than their sums."""
    findings = Findings()
    locks = read_locks(REPO_ROOT, findings)
    check_pipeline(locks, REPO_ROOT, findings)
    edited = edited_files(lock_entries(locks), REPO_ROOT, findings)
    check_runs(STUDIES, REPO_ROOT, findings, edited)
    assert findings.all_problems() == []
    newer = {path for path in edited if path.startswith("reproduce/") or path.endswith(".md")}
    assert [edited[path] for path in edited.keys() - newer] == []


def test_the_table_of_runs_is_that_of_the_run_folders():
    table = pd.read_csv(RESULTS / "tables" / "runs.csv").set_index("run_id")["status"]
    listed = [run for study in STUDIES for run in published_runs(study)]
    assert list(table.index) == [str(run) for run in listed]
    assert [status != "missing" for status in table] == [places.is_published(run) for run in listed]


def test_a_run_is_small_enough_to_publish():
    for study in STUDIES:
        for run in published_runs(study):
            assert sum(path.stat().st_size for path in places.found_at(run).glob("*")) <= MOST_BYTES, str(run)


def test_no_page_notebook_or_figure_says_nan():
    """A value that is missing is said in words; NaN among them is a table read where a record was meant."""
    pages = [*REPO_ROOT.glob("*.md"), *EXPERIMENTS.glob("*/*.md"), *PAPER_NOTES.glob("*.md")]
    made = [path for kind in ("notebooks/*.ipynb", "tables/*.md", "figures/*.svg") for path in RESULTS.glob(kind)]
    assert [path.name for path in [*pages, *made] if re.search(r"\b(nan|NaN|NaT)\b", _text(path))] == []


def _text(path):
    """Return a file's text, of a notebook without its images."""
    return re.sub(r'"image/png": "[^"]*"', "", path.read_text())
