"""Descriptors of patches on a dense grid: SIFT by OpenCV, and local color statistics.

Both are given the same patches, which lie wholly in the image. OpenCV reads a patch half a pixel off (deviation D51).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from reproduce.base.errors import ReproduceError

_CELLS = 4  # on each side of a patch, for SIFT and for color
_PATCH_SIDES_PER_SIZE = 6.0  # side of OpenCV's patch divided by KeyPoint.size


@dataclass(frozen=True)
class Grid:
    """Square patches on a grid: top-left corners int64 (P, 2) as (row, column), sides int64 (P,), in pixels."""

    corners: np.ndarray
    sides: np.ndarray
    image_side: int

    def quadrants(self) -> np.ndarray:
        """Return the quadrant that holds each patch's center, int64 (P,), 0 to 3 in reading order."""
        low = 2 * self.corners + self.sides[:, None] >= self.image_side
        return 2 * low[:, 0].astype(np.int64) + low[:, 1]


def dense_grid(image_side: int, patch_sides: Sequence[int], step: int) -> Grid:
    """Return all patches of these sides that lie in the image and begin at multiples of ``step`` pixels.

    Raises:
        ReproduceError: a side is no multiple of 4, or larger than the image.
    """
    corners, sides = [], []
    for side in patch_sides:
        if side % _CELLS or side > image_side:
            raise ReproduceError(
                f"patches of {side} pixels do not suit: sides are multiples of {_CELLS} up to the image's "
                f"{image_side}; correct patch_sides in study.yaml"
            )
        places = np.arange(0, image_side - side + 1, step)
        rows, columns = np.meshgrid(places, places, indexing="ij")
        corners.append(np.stack([rows.ravel(), columns.ravel()], axis=1))
        sides.append(np.full(rows.size, side))
    return Grid(np.concatenate(corners), np.concatenate(sides), image_side)


def sift_descriptors(images: Tensor, grid: Grid, sigma: float) -> Tensor:
    """Return the SIFT descriptor of every patch, float32 (N, P, 128), of images uint8 (N, H, W, 3).

    The orientation is fixed, as in the dense SIFT of the contest's entries. Each image is first blurred to ``sigma``
    pixels; OpenCV takes its blur before that to be 0.5.

    Raises:
        ReproduceError: this version of OpenCV leaves out patches of the grid.
    """
    import cv2

    cv2.setNumThreads(torch.get_num_threads())
    extractor = cv2.SIFT_create(sigma=sigma)
    # The pixels c to c + side - 1 have their center at c + side / 2 - 0.5, which OpenCV rounds up (D51).
    points = [
        cv2.KeyPoint(float(column + side / 2 - 0.5), float(row + side / 2 - 0.5), side / _PATCH_SIDES_PER_SIZE, 0.0)
        for (row, column), side in zip(grid.corners, grid.sides, strict=True)
    ]
    found = np.empty((len(images), len(points), 128), np.float32)
    for number, image in enumerate(images.numpy()):
        kept, described = extractor.compute(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), points)
        if len(kept) != len(points):
            raise ReproduceError(
                f"OpenCV {cv2.__version__} drops key points of the grid; install the version in constraints.txt"
            )
        found[number] = described
    return torch.from_numpy(found)


def color_descriptors(images: Tensor, grid: Grid) -> Tensor:
    """Return means and deviations of each channel in 4 x 4 cells of every patch, float32 (N, P, 96), in gray levels.

    Source: the color channel of the XRCE entries (Perronnin, Sanchez & Mensink, ECCV 2010).
    """
    planes = images.permute(0, 3, 1, 2).float()
    found = torch.empty(len(images), len(grid.sides), 2 * 3 * _CELLS**2)
    for side in np.unique(grid.sides):
        cell = int(side) // _CELLS
        means = functional.avg_pool2d(planes, cell, stride=1)
        squares = functional.avg_pool2d(planes.square(), cell, stride=1)
        deviations = (squares - means.square()).clamp(min=0).sqrt()
        own = np.flatnonzero(grid.sides == side)
        offsets = np.arange(_CELLS) * cell
        rows = grid.corners[own, 0][:, None, None] + offsets[:, None]
        columns = grid.corners[own, 1][:, None, None] + offsets[None, :]
        both = torch.cat([means, deviations], dim=1)[:, :, torch.from_numpy(rows), torch.from_numpy(columns)]
        found[:, torch.from_numpy(own)] = both.permute(0, 2, 1, 3, 4).flatten(2)
    return found


def descriptors_of(stream: str, sift_sigma: float) -> Callable[[Tensor, Grid], Tensor]:
    """Return the function from images and grid to the descriptors of ``stream``, ``sift`` or ``color``."""
    return partial(sift_descriptors, sigma=sift_sigma) if stream == "sift" else color_descriptors
