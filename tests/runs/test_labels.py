"""Images classified correctly, by stored classes and by stored bits, worked by hand."""

import numpy as np
import pytest

from reproduce.base.errors import ReproduceError
from reproduce.runs.labels import answers, answers_by_metric, hits

LABELS = np.array([3, 1, 2, 0])


def test_classes_are_compared_with_the_first_labels():
    stored = {"test_predicted": np.array([3, 9, 2], dtype=np.uint8)}
    assert hits(stored, "test_predicted", 3, LABELS).tolist() == [True, False, True]
    assert answers(stored, "test_predicted", 3).tolist() == [3, 9, 2]


def test_bits_need_no_labels_and_their_padding_does_not_count():
    right = [True, False, True, True, False, True, True, True, False]
    stored = {"test_top1_correct_bits": np.packbits(right)}
    assert hits(stored, "test_top1_correct_bits", 9, None).tolist() == right
    assert answers(stored, "test_top1_correct_bits", 9).dtype == bool


def test_each_error_is_counted_from_one_array():
    assert answers_by_metric({"test_predicted": LABELS, "test_probabilities": LABELS}) == {
        "test_top1_error_percent": "test_predicted",
        "test_center_top1_error_percent": "test_center_predicted",
    }
    bits = answers_by_metric({"test_top1_correct_bits": LABELS, "test_center_top5_correct_bits": LABELS})
    assert bits == {
        "test_top1_error_percent": "test_top1_correct_bits",
        "test_center_top5_error_percent": "test_center_top5_correct_bits",
    }


@pytest.mark.parametrize(
    ("name", "stored", "images"),
    [
        ("test_predicted", {}, 4),
        ("test_predicted", {"test_predicted": np.zeros(3)}, 4),
        ("test_top1_correct_bits", {"test_top1_correct_bits": np.zeros(1, np.uint8)}, 9),
    ],
)
def test_answers_of_another_number_of_images_are_refused(name, stored, images):
    with pytest.raises(ReproduceError, match=rf"has no {name} for {images} images; restore it with git"):
        hits(stored, name, images, LABELS)


def test_more_images_than_labels_are_refused():
    with pytest.raises(ReproduceError, match="is for 5 images, the data has 4"):
        hits({"test_predicted": np.zeros(5, np.uint8)}, "test_predicted", 5, LABELS)
