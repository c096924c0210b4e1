"""The doctor's report on a machine without data, with data, and with finished runs; and that it never fails."""

import shutil
import subprocess
import sys
from collections import namedtuple

import pytest
import torch
from external_support import external_study, finish_run, prepare_miniature, use_external_study
from ilsvrc_samples import Miniature
from training_support import tiny_study, use_study, write_study

from reproduce import cli
from reproduce.base import paths
from reproduce.data import registry
from reproduce.data.ilsvrc import editions
from reproduce.models.spec import load_spec
from reproduce.runs import places
from reproduce.speed import doctor
from reproduce.study.run_id import RunId
from reproduce.study.study import RunList
from reproduce.train.publish import publish
from reproduce.train.unfinished import Unfinished

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("REPRODUCE_SCRATCH", str(tmp_path / "scratch"))
    monkeypatch.setenv("REPRODUCE_PACKED", str(tmp_path / "packed"))
    monkeypatch.delenv("REPRODUCE_ILSVRC2012", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    use_external_study(tmp_path, monkeypatch.setattr)
    return tmp_path


def report(folder):
    return doctor.examine([external_study(folder)])


def last(text):
    return text.splitlines()[-1].strip()


def test_without_data_and_gpu_it_says_what_to_get_and_how(folder, capsys, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(0, 0, 10**12))
    assert cli.main(["doctor"]) == 0
    text = capsys.readouterr().out
    assert "GPU: none that torch can use" in text
    assert "tinynet: 0 of 8 runs are published" in text  # 3 + 3, and two ensembles
    assert "`python -m reproduce estimate` says how long a run takes" in text
    assert "ILSVRC-2012 is not packed" in text and "REPRODUCE_ILSVRC2012 is not set" in text
    assert last(text) == ("next: export REPRODUCE_ILSVRC2012=FOLDER; python -m reproduce data ilsvrc2012 --subset")


def test_a_disk_that_is_too_small_changes_the_command(folder, monkeypatch):
    # 1,331,167 images of 256 x 256 x 3 bytes are 261.7 GB
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(0, 0, 261_000_000_000))
    text = report(folder)
    assert "packed images take 262 GB, the disk of" in text and "has 261 GB free" in text
    assert last(text).startswith("next: export REPRODUCE_ILSVRC2012=FOLDER REPRODUCE_PACKED=FOLDER_ON_A_LARGER_DISK; ")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(0, 0, 262_000_000_000))
    assert "REPRODUCE_PACKED" not in report(folder)


SAMPLE = Miniature(per_class=2, validation=3)


def without_kit(source):
    SAMPLE.write_archives(source)
    (source / SAMPLE.edition.development_kit).unlink()


def without_val(source):
    SAMPLE.write_training(source / "train")


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (
            SAMPLE.write_archives,
            ["found for train: ", "img_train.tar, ", " bytes", "classes from ILSVRC2012_devkit_t12"],
        ),
        (SAMPLE.write_kaggle_folders, ["found for train: 8 images of 4 classes in ", "(4 class folders)"]),
        (
            SAMPLE.write_kaggle_folders,
            ["found for val: 3 images of ", "(3 images outside class folders), classes from LOC"],
        ),
    ],
)
def test_the_named_source_is_shown_with_counts(folder, monkeypatch, write, said):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(0, 0, 10**12))
    monkeypatch.setenv("REPRODUCE_ILSVRC2012", str(write(folder / "source")))
    text = report(folder)
    assert [part for part in said if part not in text] == []
    assert last(text) == "next: python -m reproduce data ilsvrc2012 --subset"


@pytest.mark.parametrize(
    ("write", "problem"),
    [
        (lambda source: None, "is not a folder; set REPRODUCE_ILSVRC2012 to the folder with ILSVRC-2012"),
        (
            lambda source: (source / "train").mkdir(parents=True),
            "source/train (empty); expected: for train, ILSVRC20",
        ),
        (without_val, "holds no val images of ILSVRC-2012; found: train images in "),
        (without_kit, "no file names the classes of the images in "),
        (SAMPLE.write_flat, "val has 3 images whose class no file names; put ILSVRC2012_devkit_t12.tar.gz"),
    ],
)
def test_what_is_wrong_with_the_named_source_is_said(folder, monkeypatch, write, problem):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(0, 0, 10**12))
    monkeypatch.setenv("REPRODUCE_ILSVRC2012", str(folder / "source"))
    write(folder / "source")
    text = report(folder)
    assert "REPRODUCE_ILSVRC2012=" in text and problem in text
    assert last(text) == "next: export REPRODUCE_ILSVRC2012=FOLDER; python -m reproduce data ilsvrc2012 --subset"


def test_a_whole_edition_is_counted(folder, monkeypatch):
    path = folder / "experiments" / "tinynet" / "study.yaml"
    path.write_text(path.read_text().replace("ilsvrc2012_subset", "ilsvrc2012"))
    monkeypatch.setenv("REPRODUCE_ILSVRC2012", str(SAMPLE.write_class_folders(folder / "source")))
    assert "has 8 train images, ILSVRC-2012 has 1,281,167; found: 4 classes, fewest images (2) in" in report(folder)


def test_with_data_it_names_the_next_step_until_all_is_published(folder):
    prepare_miniature(folder)
    study = external_study(folder)
    assert last(report(folder)) == "next: python -m reproduce train tinynet paper --profile standard"
    for run in study.runs("standard"):
        finish_run(study, run, wrong=[0])
    assert last(report(folder)) == "next: python -m reproduce publish tinynet    (4 finished runs wait)"
    publish("tinynet")
    assert "tinynet: 4 of 8 runs are published" in report(folder)
    assert last(report(folder)) == "next: python -m reproduce collect"


def test_packed_images_without_their_statistics_are_summed_up_first(folder):
    (folder / "packed" / "ilsvrc2012").mkdir(parents=True)
    (folder / "packed" / "ilsvrc2012" / "manifest.json").write_text("{}")
    path = folder / "experiments" / "tinynet" / "study.yaml"
    path.write_text(path.read_text().replace("ilsvrc2012_subset", "ilsvrc2012"))
    assert not (editions.RESULTS / "data").exists()
    assert "statistics missing" in report(folder)
    assert last(report(folder)) == "next: python -m reproduce data ilsvrc2012"


def test_a_study_published_by_hand_may_be_of_official_files(folder, monkeypatch):
    path = folder / "experiments" / "tinynet" / "study.yaml"
    path.write_text(path.read_text().replace("ilsvrc2012_subset", "cifar10"))
    monkeypatch.setattr(registry, "DATA", folder / "data")
    text = report(folder)
    assert "data: CIFAR-10 is not there" in text and last(text) == "next: python -m reproduce data cifar10"
    (folder / "data" / "cifar10").mkdir(parents=True)
    assert last(report(folder)) == "next: python -m reproduce train tinynet paper --profile standard"


def test_memory_is_that_of_weights_and_activations():
    # 60,965,224 parameters three times; outputs of conv1 to fc8 with pools, norms and dropout, twice, 128 images
    outputs = 2 * 290_400 + 96 * 27**2 + 2 * 186_624 + 256 * 13**2 + 2 * 64_896 + 43_264 + 9216 + 4 * 4096 + 1000
    assert doctor.training_bytes(load_spec("alexnet_paper"), 128) == 4 * (3 * 60_965_224 + 2 * 128 * outputs)


@pytest.mark.slow
def test_on_the_real_studies(capsys):
    assert cli.main(["doctor"]) == 0
    text = capsys.readouterr().out
    assert (
        "ilsvrc2010_before: 0 of 1 runs are published" in text
        and "ilsvrc2012: " in text
        and "ilsvrc2010: " in text
        and "next: dvc repro" in text
    )


def test_tuning_runs_count_by_what_is_kept_of_them(tmp_path, monkeypatch):
    """Their folders are not published, so a clone has only the table."""
    write_study(tmp_path)
    use_study(tmp_path, monkeypatch.setattr)
    profiles = {
        "standard": {"small": RunList(epochs=6, seeds=[1])},
        "tuning": {"small": RunList(epochs=6, seeds=[7, 8])},
    }
    study = tiny_study(tmp_path).model_copy(update={"profiles": profiles})
    finished, recorded, digest = *study.runs("standard"), study.runs("tuning")[0], study.variant("small").digest()
    places.found_at(finished).mkdir(parents=True)
    (places.found_at(finished) / "run.json").write_text("{}")
    lines = doctor.examine([study]).splitlines()
    assert lines[-2].startswith("tiny: runs made: standard 1 of 1, tuning 0 of 2;")
    row = f"small,6,{recorded.seed},{digest},{'a' * 40}"
    (study.folder / "tuning.csv").write_text(f"variant,epochs,seed,config_sha256,git_commit\n{row}\n")
    text = doctor.examine([study])
    assert "tiny: runs made: standard 1 of 1, tuning 1 of 2;" in text
    assert last(text) == "next: python -m reproduce train tiny --profile tuning"
    (study.folder / "tuning.csv").write_text(
        f"variant,epochs,seed,config_sha256,git_commit\n{row}\n{row.replace(',7,', ',8,')}\n"
    )
    assert last(doctor.examine([study])) == "next: dvc repro"


def test_stopped_runs_and_leftovers_are_named_with_their_size(folder, monkeypatch):
    assert "Stopped" not in report(folder) and "Left over" not in report(folder)
    left, run = folder / "scratch" / "checkpoints" / "old.pt", RunId("tinynet", "small", 2, 1)
    left.parent.mkdir(parents=True)
    left.write_bytes(bytes(7_000_000))
    monkeypatch.setattr(doctor, "find_unfinished", lambda studies: Unfinished([run], [left]))
    text = report(folder)
    assert (
        "\nStopped or under way: tinynet/small/epochs2/seed1; the command that began a stopped run resumes it" in text
    )
    assert "\nLeft over: 7 MB of runs" in text and f"delete those that you will not resume: {left}" in text


def test_runs_that_are_published_elsewhere_count(folder):
    study = external_study(folder)
    prepare_miniature(folder)
    run = RunId("tinynet", "paper", 2, 1)
    shutil.copytree(finish_run(study, run, wrong=[]), places.published_to(study, run))
    shutil.rmtree(places.trained_to(study, run))
    assert "1 of 8 runs are published" in report(folder)


def test_a_copy_without_git_is_told_what_train_and_dvc_need(folder, monkeypatch):
    assert "core.no_scm" not in report(folder)
    for module in (doctor, paths):
        monkeypatch.setattr(module, "REPO_ROOT", folder)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(folder.parent))
    lines = report(folder).splitlines()
    (git,) = (line for line in lines if line.startswith("git: "))
    assert "until then `train` refuses" in git
    expected = "DVC: `dvc repro` needs `dvc config --local core.no_scm true` first, since this copy has no .git folder"
    assert expected in lines


def test_what_the_doctor_prescribes_makes_dvc_work_without_git(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc" / "config").touch()
    (tmp_path / "dvc.yaml").write_text("stages: {make: {cmd: echo made}}\n")
    dvc = [sys.executable, "-m", "dvc"]
    done = subprocess.run([*dvc, "repro"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode != 0 and "is not a git repository" in done.stderr
    subprocess.run([*dvc, *doctor.DVC_WITHOUT_GIT.split()[1:]], cwd=tmp_path, check=True)
    done = subprocess.run([*dvc, "repro"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "Running stage 'make'" in done.stdout
