"""Crops, mirrors, mean subtraction and test views against numpy slices, one image at a time."""

import numpy as np
import pytest
import torch
from crops_support import random_crops

from reproduce.data.augment import (
    center_crop_of_mean,
    gather_crops,
    gather_padded_crops,
    to_input,
    view,
    view_offsets,
)


@pytest.fixture
def images():
    return torch.from_numpy(np.random.default_rng(1).integers(0, 256, size=(6, 9, 9, 3), dtype=np.uint8))


def test_center_crop_of_mean_is_the_center_channels_last():
    mean = np.random.default_rng(2).random((3, 32, 32)) * 255
    crop = center_crop_of_mean(mean, 24)
    assert crop.shape == (24, 24, 3) and crop.dtype == torch.float32
    for channel in range(3):
        np.testing.assert_array_equal(crop[:, :, channel], mean[channel, 4:28, 4:28].astype(np.float32))
    np.testing.assert_array_equal(center_crop_of_mean(mean, 32)[0, 31], mean[:, 0, 31].astype(np.float32))


def test_input_is_pixels_minus_mean_channels_first():
    pixels = torch.tensor([[[[0, 100, 255]], [[1, 2, 3]]]], dtype=torch.uint8)  # 1 image, 2 rows, 1 column
    mean = torch.tensor([[[0.25, 50.0, 128.0]], [[0.0, 4.0, 0.0]]])
    out = to_input(pixels, mean, torch.float32)
    assert out.tolist() == [[[[-0.25], [1.0]], [[50.0], [-2.0]], [[127.0], [3.0]]]]
    assert out.is_contiguous(memory_format=torch.channels_last)


def test_the_mean_is_subtracted_before_rounding_to_bf16():
    pixels = torch.full((1, 1, 1, 1), 255, dtype=torch.uint8)
    # 255 - 254.4 = 0.6; had 254.4 been rounded first (to 254), 1 would come out
    assert to_input(pixels, torch.full((1, 1, 1), 254.4), torch.bfloat16).item() == pytest.approx(0.6, rel=2**-8)


def test_gathered_crops_equal_slices(images):
    rows, tops, lefts = torch.tensor([5, 0, 0, 3]), torch.tensor([0, 4, 2, 1]), torch.tensor([4, 0, 3, 1])
    mirrored = torch.tensor([False, True, False, True])
    crops = gather_crops(images, rows, tops, lefts, mirrored, 5)
    for crop, row, top, left, mirror in zip(crops, rows, tops, lefts, mirrored, strict=True):
        expected = images[row].numpy()[top : top + 5, left : left + 5]
        np.testing.assert_array_equal(crop, expected[:, ::-1] if mirror else expected)
    assert crops.dtype == torch.uint8


def placed(count):
    """Return 32 x 32 images whose pixels say their row, their column and nothing."""
    rows, columns = np.mgrid[0:32, 0:32]
    image = np.stack([rows, columns, np.zeros_like(rows)], axis=-1).astype(np.uint8)
    return torch.from_numpy(np.broadcast_to(image, (count, 32, 32, 3)).copy())


def test_random_crops_take_every_offset_and_mirror_equally_often():
    count = 16_200
    crops = random_crops(placed(1), torch.zeros(count, dtype=torch.int64), 24, seed=1, step=0)
    tops = crops[:, 0, 0, 0].long()
    mirrored = crops[:, 0, 0, 1] > crops[:, 0, 1, 1]
    lefts = torch.where(mirrored, crops[:, 0, 23, 1], crops[:, 0, 0, 1]).long()
    cells = torch.bincount((tops * 9 + lefts) * 2 + mirrored.long(), minlength=162)
    assert len(cells) == 162 and tops.max() == 8 and lefts.max() == 8  # offsets 0 to 8 inclusive
    # chi-squared with 161 degrees of freedom: mean 161, standard deviation 18; 240 is 4.4 of them
    assert ((cells - count / 162) ** 2 / (count / 162)).sum() < 240


def test_random_crops_are_a_function_of_seed_step_and_position():
    data, rows = placed(8), torch.arange(8)
    first = random_crops(data, rows, 24, 1, 0)
    assert torch.equal(first, random_crops(data, rows, 24, 1, 0))
    assert not torch.equal(first, random_crops(data, rows, 24, 1, 1))
    assert not torch.equal(first, random_crops(data, rows, 24, 2, 0))
    assert len(np.unique(first[:, 0, 0].numpy(), axis=0)) > 1  # one draw an image, not one a batch


def test_full_size_crops_only_mirror(images):
    crops = random_crops(images, torch.arange(6).repeat(5), 9, 1, 0)
    same = [torch.equal(crop, images[i % 6]) for i, crop in enumerate(crops)]
    flipped = [torch.equal(crop, images[i % 6].flip(1)) for i, crop in enumerate(crops)]
    assert all(a != b for a, b in zip(same, flipped, strict=True)) and any(same) and any(flipped)


def test_ten_views_are_corners_and_center_and_their_mirrors():
    places = [(0, 0), (0, 8), (8, 0), (8, 8), (4, 4)]
    assert sorted(view_offsets(32, 24, 10)) == sorted((*place, m) for place in places for m in (False, True))
    assert view_offsets(32, 24, 1) == [(4, 4, False)]
    assert view_offsets(256, 224, 1) == [(16, 16, False)]
    assert view_offsets(32, 32, 1) == [(0, 0, False)]


def test_nine_views_are_a_grid_without_mirrors():
    """convdata.py of cuda-convnet before 2012-03-13: borders of 4, so offsets of 0, 4 and 8."""
    assert view_offsets(32, 24, 9) == [(top, left, False) for top in (0, 4, 8) for left in (0, 4, 8)]


def test_a_view_is_a_slice(images):
    np.testing.assert_array_equal(view(images, (1, 3, False), 5), images.numpy()[:, 1:6, 3:8])
    np.testing.assert_array_equal(view(images, (1, 3, True), 5), images.numpy()[:, 1:6, 3:8][:, :, ::-1])


def test_padded_crops_show_the_image_moved_and_the_mean_outside():
    images = torch.arange(2 * 4 * 4 * 3, dtype=torch.uint8).view(2, 4, 4, 3)
    mean = torch.arange(4 * 4 * 3, dtype=torch.float32).view(4, 4, 3) + 150.6
    draws = [torch.tensor(each) for each in ([1, 0], [-1, 2], [2, 0], [False, True])]
    crops = gather_padded_crops(images, *draws, mean)
    outside = mean.round().to(torch.uint8)
    first, second = outside.clone(), outside.clone()
    first[1:, :2] = images[1, :3, 2:]  # a row of padding above, two columns at the right
    second[:2] = images[0, 2:].flip(1)  # two rows below, mirrored
    assert torch.equal(crops[0], first)
    assert torch.equal(crops[1], second)
