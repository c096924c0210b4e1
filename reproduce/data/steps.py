"""Reading the images of one update: their rows, the part this process reads, and their color noise."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from reproduce.data.augment import ColorNoise, CropDraws, crop_draws, to_input

Augmentation = Literal["none", "crops_and_flips", "padded_crops_and_flips"]


class Step(NamedTuple):
    """The images that one process reads for one update.

    ``rows`` is the whole global batch, int64. ``positions`` is the part of it to read; it may be one of several parts
    whose gradients are added up. ``noise`` is None where color noise is off.
    """

    number: int
    rows: np.ndarray
    positions: slice = slice(None)
    noise: ColorNoise | None = None

    def crops(self, border: int, augmentation: Augmentation, seed: int) -> CropDraws:
        """Return the place where each image read is cut: drawn for the whole global batch, or the center unmirrored.

        ``border`` is the difference between the sides of images and crops, in pixels.
        """
        count = len(self.rows)
        if augmentation != "none":
            return crop_draws(count, border, seed, self.number).part(self.positions)
        return CropDraws.fixed(count, border // 2).part(self.positions)

    def color_shifts(self, seed: int) -> Tensor | None:
        """Return the color noise of each image read, (n, C) float32, or None where it is off."""
        if self.noise is None:
            return None
        return self.noise.shifts(len(self.rows), seed, self.number)[self.positions]


@dataclass(frozen=True)
class Batch:
    """Training images on the device: pixels uint8 (N, size, size, C) mirrored as drawn, labels int64 (N,)."""

    step: Step
    pixels: Tensor
    labels: Tensor
    shifts: Tensor | None

    def network_input(self, mean: Tensor, dtype: torch.dtype, deviation: Tensor | float = 1.0) -> Tensor:
        """Return (N, C, size, size): pixels minus ``mean``, the mean image's center (size, size, C), plus color noise.

        ``deviation`` divides the result, (C,) or a number (``Variant.input_scale``).
        """
        divisor = self.step.noise.divisor if self.step.noise is not None else 1.0
        return to_input(self.pixels, mean, dtype, self.shifts, divisor * deviation)
