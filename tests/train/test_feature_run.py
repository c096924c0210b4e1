"""Runs of feature variants: whole folders, the same bytes after an interruption, one line for what is missing."""

import json
import sys
from types import SimpleNamespace

import cv2
import numpy as np
import pandas as pd
import psutil
import pytest
import scipy
import sklearn
import torch
from feature_support import feature_run, tiny_variant, use_feature_study
from packed_support import write_subset
from training_support import results, tiny_data

from reproduce.base.errors import InterruptedRunError, ReproduceError
from reproduce.base.verbs import exit_status
from reproduce.data.ilsvrc.read import PackedImages
from reproduce.data.ilsvrc.training import PackedData
from reproduce.features import kept_steps
from reproduce.features.encoders import DescriptorDictionary
from reproduce.features.kept_steps import KeptSteps
from reproduce.runs.table import read_runs
from reproduce.train import feature_run as feature_module
from reproduce.train.run import train_run


@pytest.fixture
def folder(tmp_path, monkeypatch):
    use_feature_study(tmp_path, monkeypatch)
    return tmp_path


def nothing_begun(folder):
    """Return whether a run that was refused left neither a step nor a session."""
    return not [path for path in (folder / "scratch").rglob("*") if path.is_file() and path.suffix != ".lock"]


@pytest.fixture(autouse=True)
def quiet_folders(monkeypatch):
    monkeypatch.setattr(kept_steps, "_ROWS_AT_ONCE", 40)


@pytest.mark.parametrize("variant", ["patches", "fisher", "words"])
def test_a_run_leaves_a_whole_folder_and_no_scratch(folder, variant):
    place = train_run(feature_run(variant))
    metrics = json.loads((place / "metrics.json").read_text())
    with np.load(place / "predictions.npz") as predictions:
        wrong = 100 * np.mean(predictions["test_predicted"] != tiny_data().test_labels.numpy())
    assert metrics["test_top1_error_percent"] == pytest.approx(wrong)
    assert metrics["training_top1_error_percent"] < 60  # brightness tells the class; guessing errs in 90 of 100
    history = pd.read_csv(place / "history.csv")
    streams = 1 if variant == "patches" else 2
    assert len(history) == 3 * streams
    assert history["images"].tolist() == [80, 80, 100] * streams
    assert set(history["stopped_by"]) <= {"one_small_fall", "most_iterations"}  # patience 1
    versions = {"torch": torch.__version__, "scipy": scipy.__version__}
    versions |= {} if variant == "patches" else {"scikit-learn": sklearn.__version__, "opencv": cv2.__version__}
    assert json.loads((place / "run.json").read_text())["libraries"] == versions
    assert not list((folder / "scratch").rglob("*.features"))
    assert not list((folder / "scratch").rglob("*.steps"))
    row = read_runs([feature_run(variant)], folder / "results" / "runs").iloc[0]
    assert row["status"] == "finished" and np.isnan(row["test_loss_nats"])


@pytest.mark.parametrize("variant", ["patches", "fisher"])
def test_a_run_stopped_anywhere_ends_with_the_same_bytes(folder, monkeypatch, variant):
    unbroken = results(train_run(feature_run(variant)))
    check, calls, stops = KeptSteps.progress, [], 0

    def counting(self, *arguments):
        calls.append(1)
        if len(calls) % 2:
            raise InterruptedRunError("stopped")
        return check(self, *arguments)

    monkeypatch.setattr(KeptSteps, "progress", counting)
    while True:
        try:
            place = train_run(feature_run(variant))
            break
        except InterruptedRunError:
            stops += 1
    assert stops >= 3
    again = results(place)
    assert json.loads((place / "run.json").read_text())["interruptions"] == stops
    assert again == unbroken


def test_steps_by_other_versions_of_libraries_are_made_anew(folder, monkeypatch, capsys):
    unbroken = results(train_run(feature_run("words")))
    encode, parts = DescriptorDictionary.encode, []

    def stopping(self, images):
        parts.append(1)
        if len(parts) == 2:
            raise InterruptedRunError("stopped")
        return encode(self, images)

    monkeypatch.setattr(DescriptorDictionary, "encode", stopping)
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(feature_module, "library_versions", lambda settings: {"scipy": "1.0", "opencv": "4.9"})
        with pytest.raises(InterruptedRunError):
            train_run(feature_run("words"))
    capsys.readouterr()
    place = train_run(feature_run("words"))
    said = [line for line in capsys.readouterr().out.splitlines() if "made" in line]
    assert len(said) == 1 and "were made with scipy 1.0, opencv 4.9, and here are torch" in said[0]
    assert said[0].endswith("all steps are made anew")
    assert results(place) == unbroken
    record = json.loads((place / "run.json").read_text())
    assert record["interruptions"] == 0 and len(record["sessions"]) == 1


def test_features_go_on_from_the_last_part(folder, monkeypatch):
    unbroken = results(train_run(feature_run("patches")))
    flush, parts = np.memmap.flush, []

    def dying(self):
        flush(self)
        parts.append(1)
        if len(parts) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(np.memmap, "flush", dying)
    with pytest.raises(KeyboardInterrupt):
        train_run(feature_run("patches"))
    assert results(train_run(feature_run("patches"))) == unbroken
    assert len(parts) == 5  # of 130 images in parts of 40, the second was made twice: it was not yet counted as done


def test_a_signal_stops_between_parts(folder, monkeypatch):
    stop = feature_module.stop_requests

    class Stopped:
        def __enter__(self):
            return [2]

        def __exit__(self, *exception):
            return None

    monkeypatch.setattr(feature_module, "stop_requests", Stopped)
    with pytest.raises(InterruptedRunError, match="the same command goes on"):
        train_run(feature_run("patches"))
    monkeypatch.setattr(feature_module, "stop_requests", stop)
    assert train_run(feature_run("patches")).is_dir()


@pytest.mark.parametrize("module", ["cv2", "sklearn"])
def test_a_missing_library_is_named_in_one_line(folder, monkeypatch, capsys, module):
    for name in [name for name in sys.modules if name == module or name.startswith(f"{module}.")]:
        monkeypatch.delitem(sys.modules, name)

    class Absent:
        def find_spec(self, name, path=None, target=None):
            if name == module:
                raise ModuleNotFoundError(name=name)

    monkeypatch.setattr(sys, "meta_path", [Absent(), *sys.meta_path])
    assert exit_status(lambda: train_run(feature_run("fisher"))) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: the library {module} is missing in ") and said.count("\n") == 1
    assert "`make environment` makes .venv, which has it" in said
    assert nothing_begun(folder)


def test_gray_images_are_refused(folder):
    path = folder / "experiments" / "tiny_features" / "study.yaml"
    path.write_text(path.read_text().replace("dataset: cifar10", "dataset: fashion_mnist"))
    (folder / "results" / "data" / "cifar10").rename(folder / "results" / "data" / "fashion_mnist")
    with pytest.raises(ReproduceError, match="an encoder needs color images, and fashion_mnist has 1 channel; choose"):
        train_run(feature_run("patches"))
    assert nothing_begun(folder)


def test_too_little_memory_is_said_before_any_work(folder, monkeypatch):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=10_000_000, total=2**34))
    with pytest.raises(ReproduceError, match=r"needs about \d+\.\d GB of memory, and 0\.0 GB are available"):
        train_run(feature_run("patches"))
    assert nothing_begun(folder)


def test_a_full_disk_is_said_before_features_are_made(folder, monkeypatch):
    monkeypatch.setattr(kept_steps.shutil, "disk_usage", lambda _: SimpleNamespace(free=1_000_000))
    with pytest.raises(ReproduceError, match=r"needs 0\.2 GB in .*for its features.*REPRODUCE_SCRATCH"):
        train_run(feature_run("patches"))
    assert nothing_begun(folder)


def test_a_cache_that_cannot_be_written_is_one_line(folder, monkeypatch):
    (folder / "file").write_text("")
    monkeypatch.setenv("REPRODUCE_SCRATCH", str(folder / "file"))
    with pytest.raises(ReproduceError, match="set REPRODUCE_SCRATCH to a writable folder"):
        train_run(feature_run("patches"))


def test_another_length_is_refused(folder):
    run = feature_run("patches")
    with pytest.raises(ReproduceError, match="reads the training images once, not 2 times"):
        train_run(type(run)(run.study, run.variant, 2, run.seed))


def test_packed_images_are_read_whole_and_hits_are_kept(tmp_path, monkeypatch):
    write_subset(tmp_path, 2010, {"train": 60, "val": 9, "test": 24}, np.random.default_rng(0))
    splits = {split: PackedImages(tmp_path / "ilsvrc2010_subset", split) for split in ("train", "test")}
    data = PackedData(tmp_path, torch.device("cpu"), np.zeros((3, 256, 256)), np.eye(3))
    monkeypatch.setitem(data.__dict__, "splits", splits)
    variant = tiny_variant("fisher", tmp_path)
    encoder = variant.encoder.model_copy(update={"patch_sides": [64], "grid_step": 64})
    variant = variant.model_copy(update={"encoder": encoder, "held_out": 20})
    fitted = feature_module.fit_features(feature_run("fisher"), variant, data, tmp_path / "scratch", {})
    metrics = feature_module.feature_metrics(fitted)
    predictions = feature_module.feature_predictions(fitted, as_hits=True)
    right = np.unpackbits(predictions["test_top1_correct_bits"], count=24)
    assert metrics["test_top1_error_percent"] == pytest.approx(100 - 100 * right.mean())
    assert fitted.data.training_labels.tolist() == splits["train"].labels.tolist()
    assert np.unpackbits(predictions["test_top5_correct_bits"], count=24).all()  # of three classes
