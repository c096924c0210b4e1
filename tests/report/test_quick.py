"""The quick study's closing table: 2012, published here, this machine."""

import json
import re

import pytest

from reproduce.base.paths import REPO_ROOT, RESULTS
from reproduce.report import quick
from reproduce.study.study import load_study


@pytest.fixture
def folder(tmp_path):
    machine = {"cpu": "Some CPU", "threads": 2, "gpu": None}
    published = json.loads(
        (RESULTS / "runs" / "cifar10_nets" / "80sec_bf16" / "epochs11" / "seed1" / "run.json").read_text()
    )
    run = published | {"training_seconds": 61.3, "precision": "bf16", "machine": published["machine"] | machine}
    (tmp_path / "run.json").write_text(json.dumps(run))
    (tmp_path / "metrics.json").write_text(json.dumps({"test_top1_error_percent": 25.61}))
    return tmp_path


def test_the_table_sets_2012_the_published_mean_and_this_machine_side_by_side(folder, monkeypatch, tmp_path):
    number = {"value": 25.9, "low": 25.7, "high": 26.1, "n_seeds": 12}
    identifier = "cifar10_nets.80sec_bf16.test_top1_error_percent.mean"
    monkeypatch.setattr(quick, "read_numbers", lambda: {identifier: number})
    (tmp_path / "tables").mkdir()
    rows = """\
study,variant,epochs,status,training_seconds,cpu,threads
alexnet_small,80sec_bf16,90,finished,300,CPU B,1
cifar10_nets,80sec_bf16,11,finished,100,CPU A,1
cifar10_nets,80sec_bf16,11,missing,,,
cifar10_nets,80sec_bf16,22,finished,700,CPU A,1
cifar10_nets,80sec,11,finished,900,CPU A,1
"""
    (tmp_path / "tables" / "runs.csv").write_text(rows)
    monkeypatch.setattr(quick, "RESULTS", tmp_path)
    lines = [line for line in quick.quick_table(folder, "80sec_bf16").splitlines() if line.startswith("|")]
    assert [cell.strip() for cell in lines[2].split("|")[2:4]] == ["26 %", "80 s"]
    assert "25.90 % (25.70 to 26.10, 12 seeds)" in lines[3]
    assert "100 s" in lines[3]
    assert "CPU A, 1 thread(s)" in lines[3]
    assert "25.61 % (one seed, bf16)" in lines[4]
    assert "1 min 01 s" in lines[4]
    assert len({len(line) for line in lines}) == 1  # aligned


@pytest.mark.parametrize("numbers", [{}, {"cifar10_nets.80sec.test_top1_error_percent.mean": {"value": None}}])
def test_without_published_runs_the_table_says_so(numbers, folder, monkeypatch):
    monkeypatch.setattr(quick, "read_numbers", lambda: numbers)
    assert "no runs" in quick.quick_table(folder, "80sec")


def test_the_quick_seed_is_none_of_the_published_ones():
    study = load_study("cifar10_nets")
    for variant in quick._VARIANTS.values():
        assert quick._SEED not in [run.seed for run in study.runs("standard") if run.variant == variant]


def test_the_table_is_followed_by_three_lines_on_where_to_read_on(folder, monkeypatch):
    monkeypatch.setattr(quick, "read_numbers", dict)
    last = quick.quick_table(folder, "80sec_bf16").splitlines()[-3:]
    assert last[0].startswith("Read on: README.md")
    for named in re.findall(r"[\w/]+\.(?:md|ipynb)", " ".join(last)):
        assert (REPO_ROOT / named).is_file()
