"""Batched pixels: from bytes in memory to the network's input, for training (crops, flips, color) and test (views).

Images stay uint8, channels-last (N, H, W, C). A batch is one gather, one subtraction of the mean image and one
conversion; the mean subtracted from any crop is the center crop of the mean image (cuda-convnet convdata.py).
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from reproduce.base import draws


def center_crop_of_mean(mean_image: np.ndarray, size: int) -> Tensor:
    """Return the center of the mean image, (size, size, C) float32, from (C, H, W) float64."""
    border = (mean_image.shape[1] - size) // 2
    crop = mean_image[:, border : border + size, border : border + size]
    return torch.from_numpy(np.ascontiguousarray(crop.transpose(1, 2, 0), dtype=np.float32))


def to_input(
    pixels: Tensor,
    mean: Tensor,
    dtype: torch.dtype,
    shifts: Tensor | None = None,
    divisor: Tensor | float = 1.0,
) -> Tensor:
    """Return pixels minus mean as (N, C, H, W), channels-last in memory, in ``dtype``.

    Args:
        pixels: (N, H, W, C) uint8, 0 to 255.
        mean: (H, W, C) float32.
        dtype: float32 or bfloat16; the arithmetic itself is float32.
        shifts: (N, C) float32, the color noise of each image, or None for none.
        divisor: of the whole image or of each channel (C,), after the noise (deviation D8; ``Variant.input_scale``).
    """
    centered = pixels.float() - mean
    if shifts is not None:
        centered = centered + shifts[:, None, None, :]
    if isinstance(divisor, Tensor) or divisor != 1.0:
        centered = centered / divisor
    return centered.to(dtype).permute(0, 3, 1, 2)


ColorNoiseForm = Literal["standard_deviation", "eigenvalue"]
_COLOR_NOISE_STD = 0.1  # paper, section 4.1


@dataclass(frozen=True)
class ColorNoise:
    """Random shifts of a whole image's color along the principal axes of the training pixels (paper, section 4.1).

    Attributes:
        axes: float64 (C, C); column k is the shift of one standard deviation along axis k, in gray levels.
        divisor: what the image is divided by after the shift.
    """

    axes: np.ndarray
    divisor: float

    @classmethod
    def from_covariance(cls, covariance: np.ndarray, form: ColorNoiseForm = "standard_deviation") -> "ColorNoise":
        """Return the noise for pixels of this covariance, (C, C), in squared gray levels of 0 to 255.

        ``standard_deviation`` is the released source's: 0.1 times the standard deviation along each axis, and the sum
        divided by 1.1 (convdata_jpeg.py). ``eigenvalue`` is the paper's text: 0.1 times the eigenvalue, which makes
        sense for pixels of 0 to 1 only, and no division (deviation D8).
        """
        values, vectors = np.linalg.eigh(covariance)
        values = np.maximum(values, 0.0)  # rounding can make an eigenvalue of 0 negative
        largest = np.abs(vectors).argmax(axis=0)
        vectors = vectors * np.sign(vectors[largest, np.arange(len(values))])  # LAPACK leaves the sign open
        if form == "eigenvalue":
            return cls(vectors * (_COLOR_NOISE_STD * values / 255), 1.0)
        return cls(vectors * (_COLOR_NOISE_STD * np.sqrt(values)), 1.0 + _COLOR_NOISE_STD)

    def shifts(self, count: int, seed: int, step: int) -> Tensor:
        """Return one shift per image, (count, C) float32, a function of (seed, step, position in the batch)."""
        normal = draws.generator(seed, "color noise", step).standard_normal((count, len(self.axes)))
        return torch.from_numpy((normal @ self.axes.T).astype(np.float32))


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


PADDING = 4  # pixels on each side that padded crops may reach beyond the image (He et al. 2016, section 4.2)


def gather_padded_crops(
    images: Tensor, rows: Tensor, tops: Tensor, lefts: Tensor, mirrored: Tensor, mean: Tensor
) -> Tensor:
    """Return crops as ``gather_crops`` does, some of them reaching beyond their images.

    Pixels outside take the value of the mean image at their place in the crop, so that they are zero once it is
    subtracted, up to rounding to whole gray levels (deviation D56).

    Args:
        images, rows, mirrored: as in ``gather_crops``.
        tops, lefts: (N,) int64, negative where a crop begins outside.
        mean: (size, size, C) float32, the center of the mean image.

    Returns:
        (N, size, size, C) uint8.
    """
    size, (_, height, width, _) = len(mean), images.shape
    steps = torch.arange(size, device=images.device)
    columns = torch.where(mirrored[:, None], size - 1 - steps, steps) + lefts[:, None]
    ys = tops[:, None] + steps
    inside = ((ys >= 0) & (ys < height))[:, :, None] & ((columns >= 0) & (columns < width))[:, None, :]
    places = ys.clamp(0, height - 1)[:, :, None], columns.clamp(0, width - 1)[:, None, :]
    pixels = images[rows[:, None, None], *places]
    return torch.where(inside[..., None], pixels, mean.round().to(torch.uint8))


class CropDraws(NamedTuple):
    """Where each image of a batch is cut and whether it is mirrored: int64, int64 and bool, each (N,)."""

    tops: np.ndarray
    lefts: np.ndarray
    mirrored: np.ndarray

    @classmethod
    def fixed(cls, count: int, offset: int) -> "CropDraws":
        """Return the same place for every image, ``offset`` pixels from the top and the left, never mirrored."""
        return cls(np.full(count, offset), np.full(count, offset), np.zeros(count, dtype=bool))

    def part(self, positions: slice) -> "CropDraws":
        """Return the draws of some positions of the batch."""
        return CropDraws(*(drawn[positions] for drawn in self))


def crop_draws(count: int, border: int, seed: int, step: int) -> CropDraws:
    """Draw offsets from 0 to ``border`` and mirroring in half of all cases, by (seed, step, position in the batch)."""
    random = draws.generator(seed, "crops and flips", step)
    tops, lefts = random.integers(0, border + 1, size=(2, count))
    return CropDraws(tops, lefts, random.integers(0, 2, size=count).astype(bool))


def view_offsets(side: int, size: int, views: int) -> list[tuple[int, int, bool]]:
    """Return (top, left, mirrored) of the test views.

    - 1: the center.
    - 9: a grid of 3 x 3, not mirrored (cuda-convnet until March 2012; D22).
    - 10: four corners and the center, plain and mirrored (paper section 4.1).
    """
    border = side - size
    middle = border // 2
    if views == 1:
        return [(middle, middle, False)]
    if views == 9:
        return [(top, left, False) for top in (0, middle, border) for left in (0, middle, border)]
    places = [(0, 0), (0, border), (border, 0), (border, border), (middle, middle)]
    return [(*place, mirrored) for mirrored in (False, True) for place in places]


def view(images: Tensor, offset: tuple[int, int, bool], size: int) -> Tensor:
    """Return one test view of every image, (N, size, size, C) uint8."""
    top, left, mirrored = offset
    crop = images[:, top : top + size, left : left + size]
    return crop.flip(2) if mirrored else crop
