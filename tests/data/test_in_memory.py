"""Data in memory: batches, enlarging, the balanced part of a training set, held-out and validation images."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from crops_support import random_crops

from reproduce.data.balanced import balanced_subset
from reproduce.data.in_memory import ImageSet, TrainingData, enlarged, enlarged_mean
from reproduce.data.steps import Step

RANDOM = torch.Generator().manual_seed(3)
IMAGES = torch.randint(0, 256, (20, 6, 6, 3), dtype=torch.uint8, generator=RANDOM)
LABELS = torch.arange(20) % 4
MEAN = IMAGES[:15].double().mean(0).permute(2, 0, 1).numpy()


def data(**settings):
    return TrainingData(IMAGES[:15], LABELS[:15], IMAGES[15:], LABELS[15:], MEAN, **settings)


def test_balanced_subset_takes_the_first_of_each_class_in_the_datas_order():
    labels = np.array([1, 0, 1, 1, 0, 2, 2, 0, 2])
    chosen, left = balanced_subset(labels, 6)
    assert chosen.tolist() == [0, 1, 2, 4, 5, 6] and left.tolist() == [3, 7, 8]
    assert (chosen.dtype, left.dtype) == (np.int64, np.int64)


@pytest.mark.parametrize("images", [0, 4, 12])
def test_a_part_that_cannot_be_shared_equally_is_refused(images):
    message = f"{images} images cannot be shared equally by 3 classes"
    with pytest.raises(ValueError, match=message):
        balanced_subset(np.array([0, 0, 0, 1, 1, 1, 2, 2, 2]), images)


def test_enlarging_by_two_interpolates_between_pixel_centers_and_rounds():
    # one row 0, 100: outputs at -0.25, 0.25, 0.75, 1.25 of the input's pixels, clamped at the ends
    image = torch.tensor([[0, 100], [0, 100]], dtype=torch.uint8)[None, :, :, None]
    assert enlarged(image, 4)[0, :, :, 0].tolist() == [[0, 25, 75, 100]] * 4
    assert enlarged(image, 4).dtype == torch.uint8
    mean = np.array([[[0.0, 1.0], [0.0, 1.0]]])
    assert enlarged_mean(mean, 4).tolist() == [[[0.0, 0.25, 0.75, 1.0]] * 4]


def test_a_set_is_read_in_order_in_parts(monkeypatch):
    monkeypatch.setattr("reproduce.data.in_memory._IMAGES_PER_BATCH", 4)
    batches = list(ImageSet(IMAGES, LABELS).batches(range(3, 13)))
    assert [len(labels) for _, labels in batches] == [4, 4, 2]
    assert torch.equal(torch.cat([images for images, _ in batches]), IMAGES[3:13])
    assert torch.equal(torch.cat([labels for _, labels in batches]), LABELS[3:13])
    (images, _), *_ = ImageSet(IMAGES, LABELS, side=9).batches(range(2))
    assert torch.equal(images, enlarged(IMAGES[:2], 9))


def test_centers_and_crops_are_cut_from_the_rows_of_the_step():
    rows = np.array([3, 0, 14, 3])
    center = next(data(files=1).training_batches([Step(5, rows)], 4, 1, "none"))
    assert torch.equal(center.pixels, IMAGES[rows, 1:5, 1:5]) and center.labels.tolist() == LABELS[rows].tolist()
    drawn = next(data(files=1).training_batches([Step(5, rows, slice(1, 3))], 4, 1, "crops_and_flips"))
    assert torch.equal(drawn.pixels, random_crops(IMAGES, torch.from_numpy(rows), 4, 1, 5)[1:3])
    assert drawn.labels.tolist() == LABELS[rows[1:3]].tolist()


def test_crops_of_enlarged_images_are_cut_after_enlarging():
    rows = np.array([3, 0, 14])
    large = data(files=1, side=10)
    assert large.image_side == 10
    drawn = next(large.training_batches([Step(5, rows)], 8, 1, "crops_and_flips"))
    expected = random_crops(enlarged(IMAGES, 10), torch.from_numpy(rows), 8, 1, 5)
    assert torch.equal(drawn.pixels, expected)


def test_files_left_out_are_the_validation_images_else_those_held_out():
    five = data(files=5)
    assert (five.images_per_file, five.file_rows(5), five.classes) == (3, slice(12, 15), 4)
    validation = five.validation([1, 2, 4])
    assert torch.equal(validation.images, IMAGES[[6, 7, 8, 12, 13, 14]])
    assert validation.labels.tolist() == LABELS[[6, 7, 8, 12, 13, 14]].tolist()
    assert five.validation([1, 2, 3, 4, 5]) is None
    held_out = ImageSet(IMAGES[15:], LABELS[15:])
    assert replace(five, held_out=held_out).validation([5, 4, 3, 2, 1]) is held_out
    assert torch.equal(five.training().images, IMAGES[:15]) and torch.equal(five.test().images, IMAGES[15:])
