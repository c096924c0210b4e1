"""Each way in which a published run can disagree with what it is said to be made from is found, in one line."""

import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest
from collect_support import FakeRunId, FakeStudy, claim, write_run
from ruamel.yaml import YAML
from stored_runs import write_labels

from reproduce.base.errors import ReproduceError
from reproduce.base.files import file_digest, json_digest
from reproduce.judge.collect import collect
from reproduce.judge.verify import dvc_folder_md5, find_problems, verify

CONFIG = {"batch_size": 128}
RUN = FakeRunId()
LABELS = np.array([0] * 7400 + [1] * 2600, dtype=np.uint8)  # predicting 0 throughout errs on 26 %


@dataclass
class Variant:
    config: dict

    def digest(self) -> str:
        return json_digest(self.config)


class Study(FakeStudy):
    """A study of one run whose variant has CONFIG unless changed."""

    dataset = "cifar10"
    scale = "own"
    config = CONFIG

    def variant(self, name):
        return Variant(self.config)


@pytest.fixture
def root(tmp_path):
    """A repository in which everything agrees."""
    golden = tmp_path / "experiments" / "nets" / "golden" / "80sec.json"
    manifest = tmp_path / "results" / "data" / "cifar10" / "manifest.json"
    for path in (golden, manifest):
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({"of": path.name}))
    digests = {"golden_sha256": file_digest(golden), "data_manifest_sha256": file_digest(manifest)}
    runs_root = tmp_path / "results" / "runs"
    write_run(runs_root, RUN, error=26.0, config=CONFIG, config_sha256=json_digest(CONFIG), **digests)
    write_lock(tmp_path)
    write_labels(tmp_path / "results", LABELS)
    collect([study()], tmp_path / "results", runs_root, [claim()])
    return tmp_path


def study(config=CONFIG, run_ids=(RUN,)):
    made = Study("nets", list(run_ids))
    made.config = config
    return made


def write_lock(root, md5=None):
    out = {
        "path": f"../../results/runs/{RUN}",
        "hash": "md5",
        "md5": md5 or dvc_folder_md5(root / "results/runs" / str(RUN)),
    }
    lock = {"schema": "2.0", "stages": {"train@80sec-1": {"cmd": "python -m reproduce", "outs": [out]}}}
    with (root / "experiments" / "nets" / "dvc.lock").open("w") as stream:
        YAML().dump(lock, stream)


def edit(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def problems(root, **keywords):
    return find_problems([study(**keywords)], root).problems


def folder(root):
    return root / "results" / "runs" / str(RUN)


def test_a_repository_in_which_all_agrees(root):
    stream = io.StringIO()
    assert verify([study()], root, stream) == []
    assert stream.getvalue() == "1 runs agree with their configuration, data, records and predictions\n"


def test_problems_are_printed_one_a_line_and_counted(root):
    edit(folder(root) / "metrics.json", test_top1_error_percent=25.0)
    write_lock(root)
    stream = io.StringIO()
    with pytest.raises(ReproduceError, match="1 problem in 1 listed runs"):
        verify([study()], root, stream)
    (line,) = stream.getvalue().splitlines()
    assert line == (
        "problem: nets/80sec/epochs11/seed1: metrics.json: test_top1_error_percent is 25.0000, "
        "the predictions give 26.0000; restore both"
    )


def test_another_configuration_now(root):
    (problem,) = problems(root, config={"batch_size": 64})
    assert "was made with another configuration than study.yaml has for 80sec now" in problem


def test_a_configuration_edited_in_the_record(root):
    edit(folder(root) / "run.json", config={"batch_size": 64})
    write_lock(root)
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
    edit(folder(root) / "run.json", git_dirty=dirty)
    write_lock(root)
    (problem,) = problems(root)
    assert "was not made from a commit" in problem


def test_a_folder_that_dvc_did_not_record(root):
    (folder(root) / "extra.txt").write_text("x")
    (problem,) = problems(root)
    assert "differs from what experiments/nets/dvc.lock records" in problem


def test_a_run_or_a_lock_file_that_is_missing(root):
    missing = FakeRunId(seed=2)
    (problem,) = problems(root, run_ids=[RUN, missing])
    assert problem == f"{missing}: is listed but missing; run `dvc repro experiments/nets/dvc.yaml`"
    write_run(root / "results" / "runs", missing, config=CONFIG, config_sha256=json_digest(CONFIG))
    assert any("dvc.lock does not record it" in line for line in problems(root, run_ids=[RUN, missing]))
    (root / "experiments" / "nets" / "dvc.lock").unlink()
    assert problems(root) == ["experiments/nets/dvc.lock is missing; restore it with git"]


def test_center_predictions_are_counted_too(root):
    edit(folder(root) / "metrics.json", test_center_top1_error_percent=26.01)
    write_lock(root)
    (problem,) = problems(root)
    assert "test_center_top1_error_percent is 26.0100, the predictions give 26.0000" in problem


def test_predictions_of_too_few_images(root):
    np.savez(folder(root) / "predictions.npz", test_predicted=np.zeros(9, np.uint8), test_center_predicted=LABELS)
    write_lock(root)
    assert any("predictions.npz has no test_predicted for 10000 images" in line for line in problems(root))


def test_without_labels_of_its_own_or_images_the_count_is_skipped_visibly(root):
    edit(folder(root) / "metrics.json", test_top1_error_percent=25.0)
    edit(folder(root) / "run.json", dataset="fashion_mnist")
    (root / "results" / "data" / "cifar10").rename(root / "results" / "data" / "fashion_mnist")
    write_lock(root)
    stream, of_clothing = io.StringIO(), study()
    of_clothing.dataset = "fashion_mnist"
    assert len(verify([of_clothing], root, stream)) == 1
    start = "skipped: nets: test errors were not counted again: "
    assert stream.getvalue().startswith(start) and "run `python -m reproduce data fashion_mnist`" in stream.getvalue()


def test_committed_labels_that_are_missing_or_edited(root):
    path = root / "results" / "data" / "cifar10" / "test_labels.npy"
    np.save(path, np.append(LABELS[1:], [1]).astype(np.uint8))
    assert any("is 26.0000, the predictions give 26.0100" in line for line in problems(root))
    path.unlink()
    (problem,) = problems(root)
    assert problem.endswith("test_labels.npy is missing; run `python -m reproduce data cifar10`")


def test_a_damaged_run_is_a_problem_and_the_rest_is_checked(root):
    (folder(root) / "run.json").write_text("{")
    found = problems(root)
    assert any("run.json is not valid JSON" in line for line in found)
    assert any("differs from what" in line for line in found)


def test_numbers_that_name_other_runs(root):
    path = root / "results" / "numbers.json"
    content = json.loads(path.read_text())
    content["numbers"][0]["runs"] = ["nets/80sec/epochs11/seed9"]
    path.write_text(json.dumps(content))
    (problem,) = problems(root)
    assert "cifar10-80sec-error names nets/80sec/epochs11/seed9, which no study lists" in problem
    path.unlink()
    assert any("numbers.json is missing" in line for line in problems(root))


def test_the_folder_digest_is_the_one_dvc_records(tmp_path):
    """The lock file that DVC itself writes for a stage like a run's holds the same digest."""
    out = tmp_path / "out"
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
    assert dvc_folder_md5(out) == recorded
