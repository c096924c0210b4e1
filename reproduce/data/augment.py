"""Batched pixels: from bytes in memory to the network's input, for training (crops, flips) and test (views).

Images stay uint8, channels-last (N, H, W, C). A batch is one gather, one subtraction of the mean image and one
conversion; the mean subtracted from any crop is the center crop of the mean image (cuda-convnet convdata.py).
"""

import numpy as np
import torch
from torch import Tensor

from reproduce import draws


def center_crop_of_mean(mean_image: np.ndarray, size: int) -> Tensor:
    """Return the center of the mean image, (size, size, C) float32, from (C, H, W) float64."""
    border = (mean_image.shape[1] - size) // 2
    crop = mean_image[:, border : border + size, border : border + size]
    return torch.from_numpy(np.ascontiguousarray(crop.transpose(1, 2, 0), dtype=np.float32))


def to_input(pixels: Tensor, mean: Tensor, dtype: torch.dtype) -> Tensor:
    """Return pixels minus mean as (N, C, H, W), channels-last in memory, in ``dtype``.

    Args:
        pixels: (N, H, W, C) uint8, 0 to 255.
        mean: (H, W, C) float32.
        dtype: float32 or bfloat16; the subtraction itself is float32.
    """
    return (pixels.float() - mean).to(dtype).permute(0, 3, 1, 2)


def gather_crops(images: Tensor, rows: Tensor, tops: Tensor, lefts: Tensor, mirrored: Tensor, size: int) -> Tensor:
    """Return one ``size`` x ``size`` crop of each image named by ``rows``.

    Args:
        images: (M, H, W, C) uint8.
        rows, tops, lefts: (N,) int64.
        mirrored: (N,) bool; True reverses the columns.
        size: side of the crop in pixels.

    Returns:
        (N, size, size, C) uint8.
    """
    steps = torch.arange(size, device=images.device)
    columns = torch.where(mirrored[:, None], size - 1 - steps, steps) + lefts[:, None]
    ys = (tops[:, None] + steps)[:, :, None]
    return images[rows[:, None, None], ys, columns[:, None, :]]


def random_crops(images: Tensor, rows: Tensor, size: int, seed: int, step: int) -> Tensor:
    """Return a random crop and coin-flip mirror of each image, every offset that fits being equally likely.

    The draws are a function of (seed, step, position in the batch). With 24 from 32 pixels the offsets are 0 to 8
    inclusive (cuda-convnet convdata.py).
    """
    random = draws.generator(seed, "crops and flips", step)
    offsets = random.integers(0, images.shape[1] - size + 1, size=(2, len(rows)))
    mirrored = random.integers(0, 2, size=len(rows)).astype(bool)
    tops, lefts = torch.from_numpy(offsets).to(images.device)
    return gather_crops(images, rows, tops, lefts, torch.from_numpy(mirrored).to(images.device), size)


def view_offsets(side: int, size: int, views: int) -> list[tuple[int, int, bool]]:
    """Return (top, left, mirrored) of the test views: the center, or four corners and center, plain and mirrored."""
    border = side - size
    center = (border // 2, border // 2)
    if views == 1:
        return [(*center, False)]
    places = [(0, 0), (0, border), (border, 0), (border, border), center]
    return [(*place, mirrored) for mirrored in (False, True) for place in places]


def view(images: Tensor, offset: tuple[int, int, bool], size: int) -> Tensor:
    """Return one test view of every image, (N, size, size, C) uint8."""
    top, left, mirrored = offset
    crop = images[:, top : top + size, left : left + size]
    return crop.flip(2) if mirrored else crop
