"""Finished runs of a study that needs ILSVRC: published whole, refused for cause, never overwritten."""

import numpy as np
import pytest
from external_support import STUDY, external_study, finish_run
from stored_runs import edit_json

from reproduce import cli
from reproduce.base.errors import ReproduceError
from reproduce.data.ilsvrc import editions
from reproduce.runs import places
from reproduce.study.run_id import RunId
from reproduce.train.publish import publish
from reproduce.train.run import is_up_to_date

RUN = RunId("tinynet", "paper", 2, 1)


@pytest.fixture
def folder(external_folder):
    return external_folder


@pytest.fixture
def packed(packed_miniature):
    return packed_miniature


def refusal(capsys, folder):
    """Return the reason printed for the one run, which must not have been published."""
    with pytest.raises(ReproduceError, match="1 reasons against publishing runs of tinynet"):
        publish("tinynet")
    assert not (folder / "results" / "external" / "tinynet").exists()
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("refused: ")]
    return line


def test_a_finished_run_is_copied_whole_and_the_next_command_named(folder, capsys):
    source = finish_run(external_study(folder), RUN, wrong=[0, 3])
    assert cli.main(["publish", "tinynet"]) == 0
    target = folder / "results" / "external" / str(RUN)
    names = {"run.json", "metrics.json", "history.csv", "predictions.npz", "arrays.npz"}
    assert {path.name: path.read_bytes() for path in target.iterdir()} == {
        name: (source / name).read_bytes() for name in names
    }
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("published ") and lines[0].endswith(str(RUN))
    assert lines[-1] == "next: python -m reproduce collect"


def test_publishing_again_changes_nothing(folder, capsys):
    finish_run(external_study(folder), RUN, wrong=[0])
    (target,) = publish("tinynet")
    before = {path: path.stat().st_mtime_ns for path in target.iterdir()}
    assert publish("tinynet", "paper") == [target]
    assert {path: path.stat().st_mtime_ns for path in target.iterdir()} == before
    assert "is published already" in capsys.readouterr().out


def test_another_run_of_that_name_is_never_overwritten(folder, capsys):
    study = external_study(folder)
    finish_run(study, RUN, wrong=[0])
    (target,) = publish("tinynet")
    before = (target / "metrics.json").read_bytes()
    source = finish_run(study, RUN, wrong=[0, 1])
    with pytest.raises(ReproduceError, match="1 reasons"):
        publish("tinynet")
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.startswith("refused: ") and str(target) in line and str(source) in line
    assert (target / "metrics.json").read_bytes() == before


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"git_dirty": True}, "was not made from a commit"),
        ({"git_commit": None, "git_dirty": None}, "was not made from a commit"),
        ({"config": {}}, "its configuration does not have the digest"),
        ({"data_manifest_sha256": "0" * 64}, "is not the manifest of the data it was made with"),
        ({"scale": "imagenet"}, "run.json says scale 'imagenet' and not 'synthetic'"),
        ({"status": "diverged"}, "run.json says status 'diverged' and not 'finished'"),
        ({"seed": 1, "run_id": "tinynet/paper/epochs2/seed2"}, "run.json says run_id 'tinynet/paper/epochs2/seed2'"),
    ],
)
def test_a_run_is_refused_with_the_reason(folder, capsys, changes, reason):
    edit_json(finish_run(external_study(folder), RUN, wrong=[]) / "run.json", **changes)
    assert reason in refusal(capsys, folder)


def test_a_run_of_an_older_configuration_is_refused(folder, capsys):
    finish_run(external_study(folder), RUN, wrong=[])
    path = folder / "experiments" / "tinynet" / "study.yaml"
    path.write_text(STUDY.replace("momentum: 0.9", "momentum: 0.8"))
    assert "was made with another configuration than study.yaml has for paper now" in refusal(capsys, folder)


def test_a_run_that_is_too_large_is_refused(folder, capsys):
    source = finish_run(external_study(folder), RUN, wrong=[])
    np.save(source / "probabilities.npy", np.random.default_rng(0).random((150, 150)))
    assert "more than 150,000" in refusal(capsys, folder)


def test_an_incomplete_or_unreadable_run_is_refused(folder, capsys):
    source = finish_run(external_study(folder), RUN, wrong=[])
    (source / "history.csv").unlink()
    assert "lacks history.csv" in refusal(capsys, folder)
    (source / "history.csv").write_text("epoch\n1\n")
    (source / "metrics.json").write_text('{"test_top1_error_percent": ')
    assert "is not valid JSON" in refusal(capsys, folder)


def test_a_part_of_the_data_does_not_pass_for_the_whole(folder, packed, capsys):
    path = folder / "experiments" / "tinynet" / "study.yaml"
    path.write_text(STUDY.replace("ilsvrc2012_subset", "ilsvrc2012"))
    for name in ("manifest.json", "mean_image.npy", "color_covariance.npy"):
        target = editions.statistics_folder(editions.EDITIONS[2012]) / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((packed / "ilsvrc2012_subset" / name).read_bytes())
    (folder / "packed").mkdir()
    (folder / "packed" / "ilsvrc2012").symlink_to(packed / "ilsvrc2012_subset")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REPRODUCE_PACKED", str(folder / "packed"))
        finish_run(external_study(folder), RUN, wrong=[])
        assert "is of a part of the data" in refusal(capsys, folder)


def test_a_refused_run_does_not_hold_up_the_others(folder, capsys):
    study, second = external_study(folder), RunId("tinynet", "paper", 2, 2)
    edit_json(finish_run(study, RUN, wrong=[]) / "run.json", git_dirty=True)
    finish_run(study, second, wrong=[])
    assert cli.main(["publish", "tinynet"]) == 2
    assert [path.name for path in (folder / "results" / "external" / "tinynet" / "paper" / "epochs2").iterdir()] == [
        "seed2"
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("tinynet",), "holds no finished run of the profiles standard and full; run `python -m reproduce train tiny"),
        (("tinynet", "paper"), "run `python -m reproduce train tinynet paper --profile standard`"),
        (("tinynet", "pair"), "run `python -m reproduce ensemble tinynet pair`"),
        (("tinynet", "deeper"), "no variant or ensemble 'deeper'; it has paper, no_dropout, pair"),
        (("tinynet", "pairs"), r"no variant or ensemble 'pairs'; did you mean pair"),
    ],
)
def test_nothing_to_publish_names_the_command_that_makes_it(folder, arguments, message):
    with pytest.raises(ReproduceError, match=message):
        publish(*arguments)


def test_runs_that_no_profile_lists_are_not_published(folder):
    finish_run(external_study(folder), RunId("tinynet", "paper", 1, 9), wrong=[])  # of smoke
    with pytest.raises(ReproduceError, match="no finished run of the profiles standard and full"):
        publish("tinynet")


def test_a_finished_or_published_run_is_not_trained_again(folder):
    study = external_study(folder)
    assert not is_up_to_date(RUN)
    source = finish_run(study, RUN, wrong=[])
    assert is_up_to_date(RUN)
    publish("tinynet")
    edit_json(source / "run.json", config_sha256="of another configuration")
    assert is_up_to_date(RUN), "the published one still counts"
    edit_json(places.published_to(study, RUN) / "run.json", config_sha256="of another configuration")
    assert not is_up_to_date(RUN)
