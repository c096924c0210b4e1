"""The pipeline's promises, tried with DVC itself in a clone: what is up to date, and what a change marks.

Plain ``dvc repro`` is one of the README's commands, which ``test_readme.py`` runs.
"""

import json
import shutil
import sys

import pytest
import yaml
from pipeline_support import make_clone, run

from reproduce.base.paths import DATA, EXPERIMENTS, REPO_ROOT, relative_to_repo
from reproduce.report.pipeline import pipeline_files
from reproduce.study.study import load_study

STUDY = "experiments/cifar10_nets/dvc.yaml"
GOLDEN_CHECK = [sys.executable, "-m", "reproduce", "golden", "check", "cifar10_nets", "80sec"]
ROOT_STAGES = yaml.safe_load((REPO_ROOT / "dvc.yaml").read_text())["stages"]


@pytest.fixture(scope="module")
def made_once(tmp_path_factory):
    """A clone of the last commit, without data."""
    return make_clone(tmp_path_factory.mktemp("pipeline"))


@pytest.fixture
def clone(made_once):
    """The clone, in which a test may edit what is committed: it is put back afterward."""
    yield made_once
    for command in (["git", "checkout", "--quiet", "--", "."], ["git", "clean", "-d", "--force", "--quiet"]):
        run(command, made_once)


@pytest.fixture(scope="module")
def untouched(made_once):
    """The state that DVC reports of the study's stages, and of all, before any edit."""
    return {"study": status(made_once, STUDY), "all": status(made_once)}


def status(clone, *arguments):
    return json.loads(run(["dvc", "status", "--json", *arguments], clone).stdout)


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


STUDIES = [load_study(path.parent.name) for path in sorted(EXPERIMENTS.glob("*/study.yaml"))]
STAGED = [study.study for study in STUDIES if study.is_trained_by_stages]


@pytest.mark.parametrize("name", STAGED)
def test_the_stages_are_the_runs_of_the_standard_profile(name):
    study, path = load_study(name), EXPERIMENTS / name / "dvc.yaml"
    stages = yaml.safe_load(path.read_text())["stages"] if path.is_file() else {}
    lists = list(study.run_lists("standard"))
    assert list(stages) == [study.stage_name(variant, runs.epochs) for variant, runs in lists]
    for (variant, _), stage in zip(lists, stages.values(), strict=True):
        assert stage["params"] == [{f"experiments/{name}/study.yaml": [f"variants.{variant}"]}]
        assert stage["deps"][0] == f"experiments/{name}/golden/{variant}.json"
        assert f"results/data/{study.dataset}/manifest.json" in stage["deps"]
        assert not [dep for dep in stage["deps"] if dep.startswith("reproduce")]


@pytest.mark.parametrize("path", [pytest.param(p, id=relative_to_repo(p)) for p in pipeline_files()])
def test_the_stages_are_what_the_studies_say(path):
    assert path.read_text() == pipeline_files()[path], "run `python -m reproduce report pipeline`"


def test_collect_follows_every_list_of_a_study_that_it_reads():
    collect = ROOT_STAGES["collect"]
    followed = {path: keys for params in collect["params"] for path, keys in params.items()}
    assert sorted(followed) == sorted(relative_to_repo(path) for path in EXPERIMENTS.glob("*/study.yaml"))
    assert {"profiles.standard", "profiles.full", "ensembles"} <= set(followed["experiments/ilsvrc2012/study.yaml"])
    assert {"comparisons", "factorials"} <= set(followed["experiments/alexnet_small/study.yaml"])
    assert {"results/runs", "results/external"} <= set(collect["deps"])


def test_nothing_at_the_root_waits_for_studies_whose_data_most_machines_lack():
    by_hand = [study.study for study in STUDIES if study.is_published_by_hand]
    assert by_hand == ["ilsvrc2010", "ilsvrc2010_before", "ilsvrc2012"]
    awaited = {dep for stage in ROOT_STAGES.values() for dep in stage.get("deps", [])}
    for name in ("ilsvrc2010", "ilsvrc2012"):  # the third has no stages: it reads what the first packs
        own = yaml.safe_load((EXPERIMENTS / name / "dvc.yaml").read_text())["stages"]
        outs = {place for stage in own.values() for out in stage.get("outs", []) for place in out}
        assert outs and not [out for out in outs for dep in awaited if out.startswith(dep) or dep.startswith(out)]
        assert [stage["cmd"].split()[3] for stage in own.values()].count("publish") == 1
        assert not (EXPERIMENTS / name / "golden").exists()


@pytest.mark.slow
def test_a_clone_without_data_is_up_to_date(clone):
    done = run(["dvc", "repro", "--allow-missing", "--dry"], clone)
    assert "Running stage" not in done.stdout + done.stderr


@pytest.mark.slow
def test_editing_a_variant_marks_that_variant_only(clone, untouched):
    study = clone / "experiments/cifar10_nets/study.yaml"
    edit(study, "network: 80sec\n    precision: fp32", "network: 80sec\n    precision: bf16")
    marked = set(status(clone, STUDY)) - set(untouched["study"])
    seeds = load_study("cifar10_nets").profiles["standard"]["80sec"].seeds
    assert {name.rpartition(":")[2] for name in marked} == {f"80sec@{seed}" for seed in seeds}


@pytest.mark.slow
def test_adding_a_seed_marks_its_run_and_no_other(clone, untouched):
    """As `python -m reproduce plan` says: an edit of the seeds, then the command that trains what is missing."""
    listed = load_study("cifar10_nets").profiles["standard"]["18pct"]
    new = max(listed.seeds) + 1
    lists = [f"18pct: {{epochs: {listed.epochs}, seeds: {seeds}}}" for seeds in (listed.seeds, [*listed.seeds, new])]
    edit(clone / "experiments/cifar10_nets/study.yaml", *lists)
    marked = set(status(clone, STUDY)) - set(untouched["study"])
    assert {name.rpartition(":")[2] for name in marked} == {f"18pct@{new}"}
    done = run(["dvc", "repro", "--allow-missing", "--dry", f"{STUDY}:18pct"], clone)
    running = [line for line in done.stdout.splitlines() if "Running stage" in line]
    assert running == [f"Running stage '{STUDY}:18pct@{new}':"]


@pytest.mark.slow
def test_publishing_a_run_marks_collect_and_nothing_that_trains(clone, untouched):
    folder = clone / "results/external/ilsvrc2012/paper/epochs95/seed1"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text("{}")
    assert set(status(clone)) - set(untouched["all"]) == {"collect"}


@pytest.mark.slow
def test_renaming_a_function_of_the_trainer_marks_nothing(clone, untouched):
    loop = clone / "reproduce/train/loop.py"
    loop.write_text(loop.read_text().replace("_one_update", "_single_update"))
    assert "_single_update" in loop.read_text()
    assert status(clone) == untouched["all"]
    assert "1 of 1 golden files hold" in run(GOLDEN_CHECK, clone).stdout


@pytest.mark.slow
def test_changing_the_update_rule_fails_the_golden_check(clone):
    edit(clone / "reproduce/train/update.py", "alpha=-rate * decay", "alpha=-rate * decay / 2")
    done = run(GOLDEN_CHECK, clone, check=False)
    assert done.returncode == 2
    assert "update_rule" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_failed_retraining_keeps_the_published_run(clone):
    """The edited variant's stage fails (its golden file is of the old one), and the published folder is still there."""
    edit(clone / "experiments/cifar10_nets/study.yaml", "precision: bf16", "precision: fp32")
    shutil.copytree(DATA, clone / "data", dirs_exist_ok=True) if DATA.is_dir() else None
    target = f"{STUDY}:80sec_bf16@1"
    done = run(["dvc", "repro", "--single-item", target], clone, check=False)
    assert done.returncode != 0
    assert "is of another configuration" in done.stdout + done.stderr
    assert (clone / "results/runs/cifar10_nets/80sec_bf16/epochs11/seed1/metrics.json").is_file()
