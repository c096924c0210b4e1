"""Reading for one update: the draws are the whole batch's, cut to a process's positions."""

import numpy as np
import pytest
import torch

from reproduce.data.augment import ColorNoise, crop_draws
from reproduce.data.steps import Batch, Step

ROWS = np.array([5, 3, 9, 0, 7])
NOISE = ColorNoise(np.diag([3.0, 2.0, 1.0]), divisor=1.1)
PARTS = [slice(0, 2), slice(2, 3), slice(3, 5)]


def test_crops_of_parts_are_those_of_the_whole_batch():
    whole = crop_draws(5, border=32, seed=4, step=11)
    parts = [Step(11, ROWS, part).crops(32, "crops_and_flips", seed=4) for part in PARTS]
    for field in ("tops", "lefts", "mirrored"):
        joined = np.concatenate([getattr(part, field) for part in parts])
        np.testing.assert_array_equal(joined, getattr(whole, field))
    assert len(set(whole.tops)) > 1


@pytest.mark.parametrize(("border", "offset"), [(32, 16), (5, 2), (0, 0)])
def test_without_augmentation_every_image_is_cut_at_its_center(border, offset):
    drawn = Step(1, ROWS, slice(1, 4)).crops(border, "none", seed=1)
    assert [list(part) for part in drawn] == [[offset] * 3, [offset] * 3, [False] * 3]


def test_color_shifts_of_parts_are_those_of_the_whole_batch_and_off_without_noise():
    whole = NOISE.shifts(5, 4, 11)
    parts = [Step(11, ROWS, part, NOISE).color_shifts(seed=4) for part in PARTS]
    assert torch.equal(torch.cat(parts), whole) and whole.std() > 0.1
    assert Step(11, ROWS).color_shifts(seed=4) is None


def batch(noise, shifts):
    pixels = torch.tensor([[[[10, 20, 30]]]], dtype=torch.uint8)
    return Batch(Step(0, ROWS[:1], noise=noise), pixels, torch.tensor([2]), shifts)


def test_the_network_input_worked_by_hand():
    mean, shifts = torch.tensor([[[1.0, 2.0, 3.0]]]), torch.tensor([[2.0, 4.0, 6.0]])
    plain = batch(None, None).network_input(mean, torch.float32)
    assert plain.shape == (1, 3, 1, 1) and plain.flatten().tolist() == [9.0, 18.0, 27.0]
    noisy = batch(NOISE, shifts).network_input(mean, torch.float32)
    assert noisy.flatten().tolist() == pytest.approx([10.0, 20.0, 30.0])  # (9 + 2) / 1.1, ...
    scaled = batch(NOISE, shifts).network_input(mean, torch.float32, torch.tensor([2.0, 4.0, 5.0]))
    assert scaled.flatten().tolist() == pytest.approx([5.0, 5.0, 6.0])
    halved = batch(None, None).network_input(mean, torch.bfloat16, 2.0)
    assert halved.dtype == torch.bfloat16 and halved.flatten().tolist() == [4.5, 9.0, 13.5]
