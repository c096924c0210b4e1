"""Each way in which a published run can disagree with what it is said to be made from is found, in one line."""

import os
import subprocess
import sys

import numpy as np
import pytest
from collect_support import write_run
from ruamel.yaml import YAML
from stored_runs import edit_json
from verify_support import CONFIG, LABELS, RUN, FakeRunId, study

from reproduce.base.files import json_digest
from reproduce.judge.verify.findings import Findings
from reproduce.judge.verify.lock_sums import read_locks, unrecorded_runs
from reproduce.judge.verify.run_checks import check_runs
from reproduce.judge.verify.sums import Sums


def problems(root, **keywords):
    findings = Findings()
    check_runs([study(**keywords)], root, findings)
    return findings.problems


def folder(root):
    return root / "results" / "runs" / str(RUN)


def test_a_run_that_agrees_with_everything(root):
    findings = Findings()
    check_runs([study()], root, findings)
    assert findings == Findings(runs=1)


def test_a_metric_that_the_predictions_do_not_give(root):
    edit_json(folder(root) / "metrics.json", test_top1_error_percent=25.0)
    (line,) = problems(root)
    assert line == (
        "nets/80sec/epochs11/seed1: metrics.json: test_top1_error_percent is 25.0000, "
        "the predictions give 26.0000; restore both"
    )


def test_runs_that_share_a_fault_share_its_line(root):
    runs = [RUN, FakeRunId(seed=2), FakeRunId(seed=3)]
    assert problems(root, run_ids=[*runs[1:]])[0].startswith(f"{runs[1]} and 1 more: is listed but missing")


def test_another_configuration_now(root):
    (problem,) = problems(root, config={"batch_size": 64})
    assert "was made with another configuration than study.yaml has for 80sec now" in problem


def test_a_configuration_edited_in_the_record(root):
    edit_json(folder(root) / "run.json", config={"batch_size": 64})
    (problem,) = problems(root)
    assert "its configuration does not have the digest recorded beside it" in problem


@pytest.mark.parametrize("name", ["experiments/nets/golden/80sec.json", "results/data/cifar10/manifest.json"])
def test_another_golden_file_or_manifest_now(root, name):
    (root / name).write_text("{}")
    (problem,) = problems(root)
    assert f"{name} is not the file it was made with" in problem
    (root / name).unlink()
    (problem,) = problems(root)
    assert f"{name} is missing" in problem


@pytest.mark.parametrize("dirty", [True, None])
def test_a_run_that_was_not_made_from_a_commit(root, dirty):
    edit_json(folder(root) / "run.json", git_dirty=dirty)
    (problem,) = problems(root)
    assert "was not made from a commit" in problem


def test_a_run_that_is_missing_or_unrecorded(root):
    second = FakeRunId(seed=2)
    (problem,) = problems(root, run_ids=[RUN, second])
    assert problem == f"{second}: is listed but missing; run `dvc repro experiments/nets/dvc.yaml:80sec`"
    locks = read_locks(root, Findings())
    assert unrecorded_runs(study(run_ids=[RUN, second]), locks, root) == []
    write_run(root / "results" / "runs", second, config=CONFIG, config_sha256=json_digest(CONFIG))
    (problem,) = unrecorded_runs(study(run_ids=[RUN, second]), locks, root)
    assert problem == f"{second}: experiments/nets/dvc.lock does not record it; run `dvc commit` on its stage"
    (root / "experiments" / "nets" / "dvc.lock").unlink()
    locks = read_locks(root, Findings())
    assert unrecorded_runs(study(), locks, root) == ["experiments/nets/dvc.lock is missing; restore it with git"]


def test_center_predictions_are_counted_too(root):
    edit_json(folder(root) / "metrics.json", test_center_top1_error_percent=26.01)
    (problem,) = problems(root)
    assert "test_center_top1_error_percent is 26.0100, the predictions give 26.0000" in problem


def test_predictions_of_too_few_images(root):
    np.savez(folder(root) / "predictions.npz", test_predicted=np.zeros(9, np.uint8), test_center_predicted=LABELS)
    assert any("predictions.npz has no test_predicted for 10000 images" in line for line in problems(root))


def test_without_labels_of_its_own_or_images_the_count_is_skipped_visibly(root):
    edit_json(folder(root) / "metrics.json", test_top1_error_percent=25.0)
    edit_json(folder(root) / "run.json", dataset="fashion_mnist")
    (root / "results" / "data" / "cifar10").rename(root / "results" / "data" / "fashion_mnist")
    findings, of_clothing = Findings(), study()
    of_clothing.dataset = "fashion_mnist"
    check_runs([of_clothing], root, findings)
    (line,) = findings.skipped
    assert line.startswith("nets: test errors were not counted again: ")
    assert "run `python -m reproduce data fashion_mnist`" in line and findings.problems == []


def test_committed_labels_that_are_missing_or_edited(root):
    path = root / "results" / "data" / "cifar10" / "test_labels.npy"
    np.save(path, np.append(LABELS[1:], [1]).astype(np.uint8))
    assert any("is 26.0000, the predictions give 26.0100" in line for line in problems(root))
    path.unlink()
    (problem,) = problems(root)
    assert problem.endswith("test_labels.npy is missing; run `python -m reproduce data cifar10`")


@pytest.mark.parametrize("content", ["{", "{}", "[]", '{"config": 1}'])
def test_a_damaged_run_is_one_problem(root, content):
    (folder(root) / "run.json").write_text(content)
    (problem,) = problems(root)
    assert problem.startswith(f"{RUN}: ") and "\n" not in problem


def test_the_folder_digest_is_the_one_dvc_records(tmp_path):
    """The lock file that DVC itself writes for a stage like a run's holds the same digest."""
    make = "import os,pathlib; p=pathlib.Path('out/sub'); p.mkdir(parents=True); "
    make += "(p/'b.bin').write_bytes(os.urandom(9)); (p.parent/'a.json').write_text('{}\\n'); "
    make += "(p.parent/'sub.txt').write_text('é')"
    stage = {"cmd": f'{sys.executable} -c "{make}"', "outs": [{"out": {"cache": False, "persist": True}}]}
    with (tmp_path / "dvc.yaml").open("w") as stream:
        YAML().dump({"stages": {"train": stage}}, stream)
    environment = os.environ | {"DVC_NO_ANALYTICS": "1"}
    for arguments in (["init", "-q", "--no-scm"], ["repro", "-q"]):
        subprocess.run([sys.executable, "-m", "dvc", *arguments], cwd=tmp_path, env=environment, check=True)
    recorded = YAML(typ="safe").load((tmp_path / "dvc.lock").read_text())["stages"]["train"]["outs"][0]["md5"]
    assert Sums(tmp_path).of("out").md5 == recorded
