"""One run on a miniature ILSVRC-2012: from the official archives to what its folder holds, and to a verdict."""

import csv
import json

import ilsvrc_training_support as support
import numpy as np
import pandas as pd
import pytest
from collect_support import claim
from ilsvrc_samples import WNIDS, Miniature
from ilsvrc_training_support import losses, metrics
from timm.data import ImageNetInfo

from reproduce import cli
from reproduce.base.files import file_digest
from reproduce.evaluate import real_labels
from reproduce.judge.collect import collect
from reproduce.study.study import load_study
from reproduce.train.publish import publish

pytestmark = [pytest.mark.usefixtures("one_thread"), pytest.mark.timeout(1200)]


@pytest.fixture
def small_folder(tmp_path):
    yield from support.packed_below(tmp_path, Miniature(corrupt=True))


def test_a_quick_run_leaves_errors_hits_and_probabilities_that_agree(small_folder, monkeypatch):
    """One epoch on 23 images: what a packed run's folder holds, worked out again from probabilities and labels.

    The ReaL labels are made up: the first image has none, the second all classes, each other class 0.
    """
    real = [[], [*range(6)], *[[0]] * 6]
    (small_folder / "real.json").write_text(json.dumps(real))
    monkeypatch.setattr(real_labels, "IMAGES", 8)
    monkeypatch.setattr(real_labels, "LABELS_FILE", str(small_folder / "real.json"))
    monkeypatch.setattr(ImageNetInfo, "label_names", lambda self: WNIDS)
    place = support.trained_here(small_folder, "brief", 1)
    with (small_folder / "packed" / "ilsvrc2012_subset" / "val" / "index.csv").open(newline="") as stream:
        labels = np.array([int(row["label"]) for row in csv.DictReader(stream)])
    run, figures = json.loads((place / "run.json").read_text()), metrics(place)
    path = small_folder / "data" / "probabilities" / "miniature-brief-epochs1-seed1.npy"
    probabilities = np.load(path)
    assert (probabilities.shape, probabilities.dtype) == ((8, 6), np.float16)
    assert run["probabilities_sha256"] == file_digest(path)
    assert (run["dataset"], run["scale"], run["golden_sha256"]) == ("ilsvrc2012_subset", "synthetic", None)
    assert (figures["views"], figures["test_images"], figures["updates"]) == (10, 8, 3)
    assert "validation_top1_error_percent" not in figures
    bits = np.load(place / "predictions.npz")
    hits = {name: np.unpackbits(bits[f"{name}_correct_bits"], count=8) for name in ("test_top1", "test_center_top5")}
    ranked = probabilities.astype(np.float64).argsort(1)[:, ::-1]
    assert hits["test_top1"].tolist() == (ranked[:, 0] == labels).tolist()
    assert figures["test_top1_error_percent"] == 100 * (1 - hits["test_top1"].mean())
    assert figures["test_top5_error_percent"] == 100 * (ranked[:, 5] == labels).mean()  # six outputs: the last is wrong
    assert figures["test_center_top5_error_percent"] == 100 * (1 - hits["test_center_top5"].mean())
    named = [ranked[image, 0] in labels_of_image for image, labels_of_image in enumerate(real) if labels_of_image]
    assert figures["test_real_labels_top1_error_percent"] == pytest.approx(100 * (1 - np.mean(named)))
    assert losses(place).shape == (3,)
    history = pd.read_csv(place / "history.csv")
    assert history["validation_error_percent"].isna().all() and history["test_error_percent"].notna().all()
    time_ns = (place / "run.json").stat().st_mtime_ns
    assert cli.main(["train", "miniature", "--profile", "smoke"]) == 0  # its one run is there already
    assert (place / "run.json").stat().st_mtime_ns == time_ns


def test_a_run_trained_from_the_archives_becomes_a_verdict_row(small_folder):
    """The whole way: archives, packing, training, ten-view test, publication, verdict; one seed settles nothing."""
    place = support.trained_here(small_folder, "brief", 1)
    (published,) = publish("miniature")
    assert published == small_folder / "results" / "external" / "miniature" / "brief" / "epochs1" / "seed1"
    assert metrics(published) == metrics(place)
    about = {"study": "miniature", "dataset": "ILSVRC-2012", "arms": ["brief"], "scale": "imagenet", "seeds_planned": 1}
    asked = [claim(id=f"top{k}", estimand=f"test_top{k}_error_percent", **about) for k in (1, 5)]
    study = load_study("miniature", small_folder / "experiments")
    results_folder = small_folder / "results"
    for found, k in zip(collect([study], results_folder, results_folder / "runs", asked), (1, 5), strict=True):
        assert (found.verdict, found.scale, found.n_seeds) == ("inconclusive", "synthetic", 1)
        assert found.estimate == pytest.approx(metrics(place)[f"test_top{k}_error_percent"])
        assert found.runs == ["miniature/brief/epochs1/seed1"]
