import numpy as np
import pytest
import torch
from crops_support import random_crops

from reproduce.data.augment import ColorNoise, crop_draws, to_input

# variance 400 along (1, 1, 0), 100 along (1, -1, 0), 25 along (0, 0, 1)
COVARIANCE = np.array([[250.0, 150.0, 0.0], [150.0, 250.0, 0.0], [0.0, 0.0, 25.0]])
AXES = np.array([[1, 1, 0], [1, -1, 0], [0, 0, np.sqrt(2)]]).T / np.sqrt(2)


def _std_along_axes(noise: ColorNoise) -> np.ndarray:
    shifts = noise.shifts(200_000, seed=3, step=0).double().numpy()
    along = shifts @ AXES
    np.testing.assert_allclose(np.corrcoef(along.T), np.eye(3), atol=0.01)
    return along.std(axis=0)


def test_color_noise_of_the_source_is_a_tenth_of_the_standard_deviation_along_each_axis():
    noise = ColorNoise.from_covariance(COVARIANCE)
    np.testing.assert_allclose(_std_along_axes(noise), [2.0, 1.0, 0.5], rtol=0.01)
    assert noise.divisor == pytest.approx(1.1)


def test_color_noise_of_the_text_is_a_tenth_of_the_eigenvalue_on_pixels_of_0_to_1():
    noise = ColorNoise.from_covariance(COVARIANCE, "eigenvalue")
    # eigenvalue 400 / 255**2 on 0 to 1; a tenth of it is 40 / 255 gray levels of 0 to 255
    np.testing.assert_allclose(_std_along_axes(noise), [40 / 255, 10 / 255, 2.5 / 255], rtol=0.01)
    assert noise.divisor == 1.0


def test_color_noise_has_the_size_that_follows_from_the_authors_own_statistics():
    # standard deviations and eigenvectors of ILSVRC-2012 in cuda-convnet2, make-data/input_meta
    vectors = np.array([[0.4180, -0.8170, 0.3973], [-0.7126, -0.0235, 0.7012], [-0.5635, -0.5762, -0.5920]]).T
    covariance = vectors @ np.diag(np.square([19.7208, 37.0939, 121.7801])) @ vectors.T
    sizes = np.linalg.norm(ColorNoise.from_covariance(covariance).axes, axis=0)
    np.testing.assert_allclose(sorted(sizes), [1.97, 3.71, 12.18], rtol=2e-3)


def test_axes_do_not_depend_on_the_sign_of_the_eigenvectors_and_a_flat_axis_gets_no_noise():
    gray = np.full((3, 3), 900.0)
    axes = ColorNoise.from_covariance(gray).axes
    np.testing.assert_allclose(axes[:, 2], 0.1 * np.sqrt(900), rtol=1e-6)
    np.testing.assert_allclose(axes[:, :2], 0, atol=1e-5)


def test_input_is_pixel_minus_mean_plus_shift_over_the_divisor_worked_by_hand():
    pixels = torch.tensor([[[[10, 20, 30]]], [[[250, 0, 128]]]], dtype=torch.uint8)
    mean = torch.tensor([[[100.0, 120.0, 140.0]]])
    shifts = torch.tensor([[11.0, -1.0, 0.0], [0.0, 10.0, 1.0]])
    noisy = to_input(pixels, mean, torch.float32, shifts, divisor=1.1)
    expected = [[-79 / 1.1, -101 / 1.1, -100.0], [150 / 1.1, -100.0, -11 / 1.1]]
    np.testing.assert_allclose(noisy[:, :, 0, 0].numpy(), expected, rtol=1e-6)
    plain = to_input(pixels, mean, torch.float32)
    assert plain[:, :, 0, 0].tolist() == [[-90, -100, -110], [150, -120, -12]]


def test_crops_of_224_from_256_reach_every_offset_and_both_mirrorings_evenly():
    tops, lefts, mirrored = crop_draws(33 * 1000, border=32, seed=1, step=0)
    for offsets in (tops, lefts):
        counts = np.bincount(offsets, minlength=33)
        assert len(counts) == 33
        assert ((counts > 850) & (counts < 1150)).all()  # 1000 +- 31 each
    assert 0.485 < mirrored.mean() < 0.515
    assert abs(np.corrcoef(tops, lefts)[0, 1]) < 0.03


def test_every_draw_changes_with_seed_and_step_and_with_nothing_else():
    noise = ColorNoise.from_covariance(COVARIANCE)
    first = crop_draws(64, 32, seed=1, step=5), noise.shifts(64, seed=1, step=5)
    for seed, step, same in ((1, 5, True), (2, 5, False), (1, 6, False)):
        again = crop_draws(64, 32, seed, step), noise.shifts(64, seed, step)
        assert np.array_equal(np.stack(again[0]), np.stack(first[0])) is same
        assert torch.equal(again[1], first[1]) is same


def test_random_crops_cut_and_mirror_what_was_drawn():
    images = torch.randint(0, 256, (6, 10, 10, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    rows = torch.tensor([5, 0, 3, 3])
    crops = random_crops(images, rows, 7, seed=4, step=9)
    for crop, row, top, left, mirrored in zip(crops, rows, *crop_draws(4, 3, seed=4, step=9), strict=True):
        expected = images[row, top : top + 7, left : left + 7]
        assert torch.equal(crop, expected.flip(1) if mirrored else expected)
