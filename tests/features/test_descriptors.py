"""Dense SIFT and color statistics of the patches that the grid names."""

import cv2
import numpy as np
import pytest
import torch
from feature_support import textured_images

from reproduce.base.errors import ReproduceError
from reproduce.features.descriptors import color_descriptors, dense_grid, sift_descriptors


def test_the_grid_of_the_study_lies_in_the_image():
    grid = dense_grid(32, [8, 12, 16], 2)
    assert len(grid.sides) == 13**2 + 11**2 + 9**2 == 371
    assert (grid.corners >= 0).all() and (grid.corners + grid.sides[:, None] <= 32).all()


def test_a_patch_belongs_to_the_quadrant_of_its_center():
    grid = dense_grid(16, [8], 8)
    assert grid.corners.tolist() == [[0, 0], [0, 8], [8, 0], [8, 8]]
    assert grid.quadrants().tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("side", [6, 20])
def test_a_patch_side_that_does_not_suit_is_named(side):
    with pytest.raises(ReproduceError, match=f"patches of {side} pixels do not suit.*patch_sides in study.yaml"):
        dense_grid(16, [8, side], 2)


def test_color_statistics_are_those_of_each_cell():
    images, grid = textured_images(2).images, dense_grid(16, [8, 12], 4)
    found = color_descriptors(images, grid)
    assert found.shape == (2, len(grid.sides), 96)
    for number in (0, len(grid.sides) - 1):
        (row, column), side = grid.corners[number], grid.sides[number]
        patch = images[1, row : row + side, column : column + side].double().numpy()
        cells = patch.reshape(4, side // 4, 4, side // 4, 3)
        expected = [cells.mean((1, 3)).transpose(2, 0, 1).ravel(), cells.std((1, 3)).transpose(2, 0, 1).ravel()]
        assert np.allclose(found[1, number], np.concatenate(expected), atol=1e-2)


def test_sift_sees_its_own_patch_and_nothing_far_from_it():
    images, grid = textured_images(1, side=32).images, dense_grid(32, [8], 4)
    changed = images.clone()
    changed[0, 20:, 20:] = 255 - changed[0, 20:, 20:]
    before, after = (sift_descriptors(each, grid, 1.6)[0] for each in (images, changed))
    ends = grid.corners + grid.sides[:, None]
    far = torch.from_numpy((ends <= 12).all(1))  # the blur of the scale space reaches a few pixels
    inside = torch.from_numpy((grid.corners >= 20).all(1))
    assert torch.equal(before[far], after[far])
    assert (before[inside] != after[inside]).any(1).all()


def test_sift_names_the_direction_of_an_edge():
    image = torch.full((1, 32, 32, 3), 50, dtype=torch.uint8)
    image[:, :, 16:] = 200  # brighter to the right: every gradient points that way
    middle = sift_descriptors(image, dense_grid(32, [16], 8), 1.6)[0, 4].view(4, 4, 8)
    assert middle.sum((0, 1)).argmax() == 0
    assert middle.sum((0, 1))[0] > 0.7 * middle.sum()


def test_key_points_that_opencv_drops_are_an_error(monkeypatch):
    class Dropping:
        def compute(self, image, points):
            return points[1:], np.zeros((len(points) - 1, 128), np.float32)

    monkeypatch.setattr(cv2, "SIFT_create", lambda sigma: Dropping())
    with pytest.raises(ReproduceError, match="drops key points"):
        sift_descriptors(textured_images(1).images, dense_grid(16, [8], 4), 1.6)


def test_sigma_is_the_blur_in_pixels_that_an_image_is_brought_to():
    """1.6 is what 0.5 gives of the image blurred by the root of 1.6² - 0.5², 1.52 pixels."""
    image = torch.full((1, 32, 32, 3), 100, dtype=torch.uint8)
    image[:, :, 15:17] = 110
    grid = dense_grid(32, [8], 8)
    raw, blurred, by_hand = (
        sift_descriptors(image, grid, 0.5),
        sift_descriptors(image, grid, 1.6),
        sift_descriptors(blur(image, 1.52), grid, 0.5),
    )
    assert not torch.equal(raw, blurred)
    similarity = torch.nn.functional.cosine_similarity(blurred, by_hand, dim=-1)
    touched = by_hand.norm(dim=-1) > 0
    assert similarity[touched].min() > 0.95  # whole gray levels by hand, fractions within OpenCV


def blur(images, sigma):
    """Return images uint8 (1, H, W, 3) blurred by a Gaussian."""
    return torch.from_numpy(cv2.GaussianBlur(images[0].numpy(), (0, 0), sigma))[None]
