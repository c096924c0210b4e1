"""From finished runs to verdict rows, as on a machine with ILSVRC and a GPU: publish, collect, verify, cite."""

import json

import numpy as np
import pandas as pd
import pytest
from collect_support import claim, difference_claim
from external_support import TEST_IMAGES, external_study, finish_run

from reproduce.judge.citation import cite
from reproduce.judge.collect import collect
from reproduce.judge.numbers import read_numbers
from reproduce.judge.verdicts import judge
from reproduce.judge.verify.findings import Findings
from reproduce.judge.verify.run_checks import check_runs
from reproduce.runs.table import published_runs, read_runs
from reproduce.study.run_id import RunId
from reproduce.train.ensemble import make_ensembles
from reproduce.train.publish import publish

TRAIN = "python -m reproduce train tinynet"
PUBLISH = "python -m reproduce publish tinynet"
COMMON = {"study": "tinynet", "dataset": "ILSVRC-2012", "scale": "imagenet"}
CLAIMS = [
    claim(id="paper-top1", arms=["paper"], seeds_planned=3, margin=30.0, **COMMON),
    claim(id="paper-top5", arms=["paper"], estimand="test_top5_error_percent", seeds_planned=3, **COMMON),
    difference_claim(value=20.0, margin=10.0, id="dropout", arms=["no_dropout", "paper"], seeds_planned=3, **COMMON),
    claim(id="ensemble-top1", arms=["pair"], seeds_planned=1, **COMMON),
]


def problems(study, folder):
    """Return the problems of the published runs."""
    findings = Findings()
    check_runs([study], folder, findings)
    return findings.problems


def rows(folder):
    """Collect what is published and return the verdicts by claim."""
    study = external_study(folder)
    verdicts = collect([study], folder / "results", folder / "results" / "runs", CLAIMS)
    return {verdict.claim_id: verdict for verdict in verdicts}


def train_all(study):
    """Finish three seeds of each arm. Of 20 images, paper errs on 4, 5 and 6, no_dropout on 8, 9 and 10."""
    for seed, count in enumerate((4, 5, 6), 1):
        finish_run(study, RunId("tinynet", "paper", 2, seed), wrong=list(range(count)))
        finish_run(study, RunId("tinynet", "no_dropout", 2, seed), wrong=list(range(count + 4)))


def test_without_runs_every_claim_says_why_and_how(external_folder):
    found = rows(external_folder)
    assert {verdict.verdict for verdict in found.values()} == {"not run"}
    images = "the ILSVRC-2012 images, which only registered users can get, and a GPU"
    reasons = [found[name].why for name in ("paper-top1", "dropout", "ensemble-top1")]
    nets = "4 trained nets of paper, averaged in 2 groups"
    assert reasons == [f"needs {images}", f"needs {images}", f"needs {nets}, and so {images}"]
    assert found["paper-top1"].command == " && ".join([f"{TRAIN} paper --profile standard", PUBLISH])
    # three seeds of each are planned: of paper, standard has them; of no_dropout, only full
    dropout = [f"{TRAIN} no_dropout --profile full", f"{TRAIN} paper --profile standard", PUBLISH]
    assert found["dropout"].command == " && ".join(dropout)
    average = "python -m reproduce ensemble tinynet pair"
    assert found["ensemble-top1"].command == " && ".join([f"{TRAIN} paper --profile standard", average, PUBLISH])
    tables = external_folder / "results" / "tables"
    assert len(pd.read_csv(tables / "runs.csv")) == 0, "what a machine cannot run is not missing"
    assert len(pd.read_csv(tables / "comparisons.csv")) == 0


def test_finished_runs_count_only_when_published(external_folder):
    study = external_study(external_folder)
    train_all(study)
    assert published_runs(study, external_folder / "results" / "runs") == []
    publish("tinynet", "paper")
    assert len(published_runs(study, external_folder / "results" / "runs")) == 3
    dropout = rows(external_folder)["dropout"]
    assert dropout.verdict == "not run"
    assert dropout.command == " && ".join([f"{TRAIN} no_dropout --profile full", PUBLISH]), "paper is there"


def test_published_runs_earn_what_synthetic_scale_permits(external_folder, monkeypatch):
    monkeypatch.setattr("reproduce.train.ensemble.git_state", lambda: {"git_commit": "a" * 40, "git_dirty": False})
    train_all(external_study(external_folder))
    make_ensembles("tinynet", "pair")
    publish("tinynet")
    found = rows(external_folder)
    # errors 20, 25, 30 %; mean 25, half-width 4.3027 * 5 / sqrt(3) = 12.42: inside 26 +- 30, but the scale is synthetic
    paper = found["paper-top1"]
    assert (paper.estimate, paper.n_seeds, paper.scale) == (pytest.approx(25.0), 3, "synthetic")
    assert paper.high - paper.estimate == pytest.approx(12.42, abs=0.01)
    assert paper.verdict == "inconclusive" and "synthetic scale" in paper.why
    # 40, 45, 50 % less 20, 25, 30 %: 20 +- 2.7764 * 5 * sqrt(2 / 3) = 11.33, above zero
    dropout = found["dropout"]
    assert (dropout.estimate, dropout.low) == (pytest.approx(20.0), pytest.approx(8.67, abs=0.01))
    assert dropout.verdict == "direction reproduced"
    assert found["paper-top5"].estimate == 0.0  # four classes are all among the first five
    assert found["ensemble-top1"].n_seeds == 1 and found["ensemble-top1"].verdict == "inconclusive"
    assert {verdict.verdict for verdict in found.values()} <= {"inconclusive", "direction reproduced", "not reproduced"}


def test_tables_numbers_and_checks_know_the_published_runs(external_folder, monkeypatch):
    monkeypatch.setattr("reproduce.train.ensemble.git_state", lambda: {"git_commit": "a" * 40, "git_dirty": False})
    study = external_study(external_folder)
    train_all(study)
    make_ensembles("tinynet", "pair")
    publish("tinynet")
    rows(external_folder)
    results = external_folder / "results"
    runs = pd.read_csv(results / "tables" / "runs.csv").set_index("run_id")
    assert runs["status"].eq("finished").all() and len(runs) == 7
    assert runs.loc["tinynet/paper/epochs2/seed1", "test_top5_error_percent"] == 0
    assert pd.isna(runs.loc["tinynet/pair/epochs2/seed1", "training_top1_error_percent"])
    summary = pd.read_csv(results / "tables" / "summary.csv").set_index(["variant", "metric"])["mean"]
    assert summary[("no_dropout", "test_top1_error_percent")] == pytest.approx(45.0)
    (gain,) = pd.read_csv(results / "tables" / "comparisons.csv").to_dict("records")
    assert gain["value"] == pytest.approx(20.0)
    histories = pd.read_csv(results / "tables" / "histories.csv")
    assert histories.groupby("run_id").size().tolist() == [2] * 6
    assert problems(study, external_folder) == []
    assert "paper-top1" in read_numbers(results / "numbers.json")
    citation = cite("paper-top1", numbers=results / "numbers.json")
    assert "run: results/external/tinynet/paper/epochs2: " in citation


def test_an_edited_published_run_is_found(external_folder):
    study = external_study(external_folder)
    finish_run(study, RunId("tinynet", "paper", 2, 1), wrong=[0, 1])
    (folder,) = publish("tinynet")
    rows(external_folder)
    path = folder / "metrics.json"
    path.write_text(path.read_text().replace('"test_top1_error_percent": 10.0', '"test_top1_error_percent": 5.0'))
    (problem,) = problems(study, external_folder)
    assert "test_top1_error_percent is 5.0000, the predictions give 10.0000" in problem
    record = folder / "run.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"git_dirty": True}))
    assert any("was not made from a commit" in line for line in problems(study, external_folder))


def test_the_gap_of_validation_and_test_is_absolute():
    frame = pd.DataFrame({"validation_top1_error_percent": [37.0], "test_top1_error_percent": [37.25]})
    settings = dict.fromkeys(("schedule", "dataset", "precision", "run_id", "seed", "scale", "cpu", "gpu"), "x")
    frame = frame.assign(study="tinynet", variant="paper", status="finished", epochs=2, views=10, **settings)
    gap = claim(
        id="gap",
        arms=["paper"],
        targets=[{"value": 0.1, "unit": "percentage_points", "kind": "published", "where": "x"}],
        relation="at_most",
        estimand="validation_test_top1_difference_percentage_points",
        **COMMON,
    )
    assert judge([gap], frame.assign(test_images=TEST_IMAGES))[0].estimate == pytest.approx(0.25)


def test_a_run_that_kept_its_losses_has_the_column(external_folder):
    study = external_study(external_folder)
    run = RunId("tinynet", "paper", 2, 1)
    folder = finish_run(study, run, wrong=[])
    record = json.loads((folder / "run.json").read_text())
    record["config"]["diagnostics"] = ["update_losses"]
    (folder / "run.json").write_text(json.dumps(record))
    losses = np.array([7.0] * 50 + [5.0] * 200, dtype=np.float32)
    np.savez(folder / "arrays.npz", conv1_weights=np.ones((4, 3, 1, 1)), update_losses_nats=losses)
    frame = read_runs([run], external_folder / "data" / "runs")
    assert frame["updates_to_leave_chance"].tolist() == [104]  # 54 losses of 5 and 46 of 7 average 5.92
