"""Errors by the ReaL labels, counted by hand on a few images."""

import json

import pytest
import torch
from timm.data import ImageNetInfo, RealLabelsImagenet

from reproduce.evaluate import real_labels
from reproduce.evaluate.real_labels import real_label_errors

CLASSES = [f"n0000000{number}" for number in range(6)]
NAMES = [f"ILSVRC2012_val_{number:08d}.JPEG" for number in range(1, 6)]
LABELS = [[0], [1, 2], [], [5], [3]]
# The first classes: 0, 2, 4, 0 and 1. Class 5 is sixth for the fourth image, class 3 second for the last.
PROBABILITIES = torch.tensor(
    [
        [0.5, 0.1, 0.1, 0.1, 0.1, 0.1],
        [0.1, 0.1, 0.5, 0.1, 0.1, 0.1],
        [0.1, 0.1, 0.1, 0.1, 0.5, 0.1],
        [0.3, 0.2, 0.2, 0.15, 0.14, 0.01],
        [0.1, 0.4, 0.1, 0.3, 0.05, 0.05],
    ]
)


@pytest.fixture
def five_images(tmp_path, monkeypatch):
    (tmp_path / "real.json").write_text(json.dumps(LABELS))
    monkeypatch.setattr(real_labels, "IMAGES", 5)
    monkeypatch.setattr(real_labels, "LABELS_FILE", str(tmp_path / "real.json"))
    monkeypatch.setattr(ImageNetInfo, "label_names", lambda self: CLASSES)


@pytest.mark.usefixtures("five_images")
def test_an_image_is_right_by_any_of_its_labels_and_one_without_labels_does_not_count():
    assert real_label_errors(PROBABILITIES, NAMES, CLASSES) == {
        "test_real_labels_top1_error_percent": 50.0,  # of four images, the first two are right
        "test_real_labels_top5_error_percent": 25.0,
    }


@pytest.mark.usefixtures("five_images")
def test_a_part_of_the_images_or_other_classes_have_no_such_errors():
    assert real_label_errors(PROBABILITIES[:4], NAMES[:4], CLASSES) == {}
    assert real_label_errors(PROBABILITIES, NAMES, CLASSES[::-1]) == {}


def test_timms_labels_are_of_all_50000_images_in_the_order_of_sorted_wordnet_ids():
    names = [f"ILSVRC2012_val_{number:08d}.JPEG" for number in range(1, real_labels.IMAGES + 1)]
    labels = RealLabelsImagenet(names).real_labels
    assert len(labels) == real_labels.IMAGES and list(labels) == names
    assert sum(not given for given in labels.values()) == 3163  # Beyer et al. keep 46,837 images
    wnids = ImageNetInfo("imagenet-1k").label_names()
    assert len(wnids) == 1000 and wnids == sorted(wnids) and wnids[0] == "n01440764"
    assert max(label for given in labels.values() for label in given) == 999
