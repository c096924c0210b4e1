"""Ensembles are plain means of what their runs stored, and nothing but those runs."""

import json

import numpy as np
import pytest
from external_support import TEST_IMAGES, external_study, finish_run

from reproduce import cli
from reproduce.base.errors import ReproduceError
from reproduce.base.files import exclusive_lock, file_digest, read_json
from reproduce.base.paths import scratch_folder
from reproduce.runs import places
from reproduce.study.run_id import RunId
from reproduce.train.ensemble import make_ensembles, mean_probabilities
from reproduce.train.publish import publish

PAIR = RunId("tinynet", "pair", 2, 1)


def member(seed):
    return RunId("tinynet", "paper", 2, seed)


@pytest.fixture
def study(external_folder):
    return external_study(external_folder)


def test_the_mean_is_that_of_the_files(tmp_path):
    rows = [[[0.5, 0.5], [1.0, 0.0]], [[0.25, 0.75], [0.5, 0.5]], [[0.0, 1.0], [0.0, 1.0]]]
    for place, row in enumerate(rows):
        np.save(tmp_path / f"{place}.npy", np.array(row, dtype=np.float16))
    mean = mean_probabilities([tmp_path / f"{place}.npy" for place in range(3)])
    np.testing.assert_allclose(mean.numpy(), [[0.25, 0.75], [0.5, 0.5]], atol=1e-7)
    np.save(tmp_path / "0.npy", np.zeros((3, 2), dtype=np.float16))
    with pytest.raises(ReproduceError, match="differ in shape"):
        mean_probabilities([tmp_path / "0.npy", tmp_path / "1.npy"])


def sharpen(study, run, images, factor):
    """Make the run surer of its answers on some images, as its record and its file both say."""
    path = places.probabilities_of(run)
    values = np.load(path).astype(np.float32)
    values[images] = values[images] ** factor / (values[images] ** factor).sum(1, keepdims=True)
    np.save(path, values.astype(np.float16))
    record = places.trained_to(study, run) / "run.json"
    record.write_text(record.read_text().replace(read_json(record)["probabilities_sha256"], file_digest(path)))


def test_a_second_command_at_work_on_the_same_ensemble_is_refused(study, capsys):
    for seed in (1, 2):
        finish_run(study, member(seed), wrong=[0])
    with exclusive_lock(scratch_folder() / "ensemble-tinynet-pair.lock", "busy"):
        assert cli.main(["ensemble", "tinynet", "pair"]) == 2
    assert capsys.readouterr().err.startswith("error: another command averages pair and holds ")
    assert not places.trained_to(study, PAIR).exists()
    assert cli.main(["ensemble", "tinynet", "pair"]) == 0


def test_the_surer_net_decides_and_the_record_is_like_a_runs(study, capsys):
    """Net 1 errs on images 0 to 3, net 2 on 2 to 5 and is surer there: the mean errs on 2 to 5 (top-5 of 4 on none)."""
    finish_run(study, member(1), wrong=[0, 1, 2, 3])
    finish_run(study, member(2), wrong=[2, 3, 4, 5])
    sharpen(study, member(2), slice(0, 6), 3)
    assert cli.main(["ensemble", "tinynet", "pair"]) == 0
    folder = places.trained_to(study, PAIR)
    metrics, record = read_json(folder / "metrics.json"), read_json(folder / "run.json")
    assert metrics["test_top1_error_percent"] == pytest.approx(100 * 4 / TEST_IMAGES)
    assert (metrics["test_top5_error_percent"], metrics["test_images"], metrics["views"]) == (0.0, TEST_IMAGES, 10)
    with np.load(folder / "predictions.npz") as hits:
        right = np.unpackbits(hits["test_top1_correct_bits"], count=TEST_IMAGES)
    assert np.flatnonzero(right == 0).tolist() == [2, 3, 4, 5]
    assert record["ensemble_of"] == [str(member(1)), str(member(2))]
    assert (record["training_seconds"], record["schedule"], record["scale"]) == (8.0, "full", "synthetic")
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "tinynet/pair/epochs2/seed2: 2 of 2 runs have no probabilities here, the first is " + str(
        member(3)
    )
    assert lines[-1] == "next: python -m reproduce publish tinynet pair"


def test_an_ensemble_of_published_runs_is_published(study, monkeypatch):
    monkeypatch.setattr("reproduce.train.ensemble.git_state", lambda: {"git_commit": "a" * 40, "git_dirty": False})
    for seed in (1, 2):
        finish_run(study, member(seed), wrong=[seed])
    make_ensembles("tinynet", "pair")
    assert publish("tinynet", "pair") == [places.published_to(study, PAIR)]


def test_a_dirty_member_makes_a_dirty_ensemble(study, monkeypatch, capsys):
    monkeypatch.setattr("reproduce.train.ensemble.git_state", lambda: {"git_commit": "a" * 40, "git_dirty": False})
    finish_run(study, member(1), wrong=[])
    finish_run(study, member(2), wrong=[], git_dirty=True)
    make_ensembles("tinynet", "pair")
    with pytest.raises(ReproduceError):
        publish("tinynet", "pair")
    assert "was not made from a commit" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"config_sha256": "0" * 64}, "a run was made with another configuration than study.yaml has"),
        ({"precision": "bf16"}, "its runs differ in precision"),
        ({"data_manifest_sha256": "0" * 64}, "its runs differ in data_manifest_sha256"),
        ({"probabilities_sha256": "0" * 64}, "is not what tinynet/paper/epochs2/seed2 recorded"),
    ],
)
def test_runs_that_do_not_belong_together_are_refused(study, changes, message):
    finish_run(study, member(1), wrong=[])
    folder = finish_run(study, member(2), wrong=[])
    record = read_json(folder / "run.json") | changes
    (folder / "run.json").write_text(json.dumps(record))
    with pytest.raises(ReproduceError, match=message):
        make_ensembles("tinynet", "pair")
    assert not places.trained_to(study, PAIR).exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("trio", "study tinynet has no ensemble 'trio'; it has pair"),
        ("pair", "no ensemble pair has all its runs on this machine; run `python -m reproduce train tinynet paper"),
    ],
)
def test_nothing_to_average_is_an_error(study, name, message):
    with pytest.raises(ReproduceError, match=message):
        make_ensembles("tinynet", name)
