"""A data set that lies in memory as bytes: training batches, each gathered at once, and whole parts for tests.

It has the attributes and methods of ``ilsvrc.training.PackedData``, so the trainer does not know which it reads.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from reproduce.data.augment import PADDING, center_crop_of_mean, gather_crops, gather_padded_crops
from reproduce.data.steps import Augmentation, Batch, Step

_IMAGES_PER_BATCH = 500


def enlarged(images: Tensor, side: int) -> Tensor:
    """Return images (N, H, W, C) uint8 enlarged to (N, side, side, C) uint8, bilinear, rounded to whole gray levels."""
    planes = images.permute(0, 3, 1, 2).float()
    larger = functional.interpolate(planes, size=(side, side), mode="bilinear", align_corners=False)
    return larger.round_().to(torch.uint8).permute(0, 2, 3, 1)


def enlarged_mean(mean_image: np.ndarray, side: int) -> np.ndarray:
    """Return the mean image (C, H, W) float64 enlarged as the images are, without rounding, to (C, side, side)."""
    planes = torch.from_numpy(mean_image)[None]
    return functional.interpolate(planes, size=(side, side), mode="bilinear", align_corners=False)[0].numpy()


@dataclass(frozen=True)
class ImageSet:
    """Images (N, H, W, C) uint8 and labels (N,) int64, read in order; ``side`` enlarges them when they are read."""

    images: Tensor
    labels: Tensor
    side: int | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def batches(self, rows: range) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the images of ``rows``, whole, with their labels, a few hundred at a time."""
        for start in range(rows.start, rows.stop, _IMAGES_PER_BATCH):
            part = slice(start, min(start + _IMAGES_PER_BATCH, rows.stop))
            images = self.images[part]
            yield images if self.side is None else enlarged(images, self.side), self.labels[part]


@dataclass(frozen=True)
class TrainingData:
    """Images (N, H, W, C) uint8 and labels (N,) int64 on the training device.

    Attributes:
        mean_image: float64 (C, side, side), over the whole training set.
        color_covariance: float64 (C, C) in squared gray levels, over the same pixels; None where nothing needs it.
        files: parts of equal size that the training images are read in; CIFAR-10's five, or one.
        side: what images are enlarged to when they are read; None leaves them.
        held_out: training images that no update sees, in addition to the files that a phase leaves out.
        tests_every_epoch: whether the test images are looked at after every epoch, not only at the end.
    """

    training_images: Tensor
    training_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    mean_image: np.ndarray
    color_covariance: np.ndarray | None = None
    files: int = 5
    side: int | None = None
    held_out: ImageSet | None = None
    tests_every_epoch: bool = True

    reports_top5 = False

    @property
    def device(self) -> torch.device:
        """Where the images are."""
        return self.training_images.device

    @property
    def image_side(self) -> int:
        """Side of the images as they are read, before cropping, in pixels."""
        return self.side or self.training_images.shape[1]

    @property
    def classes(self) -> int:
        """Number of classes, as far as the training images show."""
        return int(self.training_labels.max()) + 1

    @property
    def images_per_file(self) -> int:
        """Training images in each file."""
        return len(self.training_images) // self.files

    def file_rows(self, file: int) -> slice:
        """Return where file 1, 2, ... lies in the training set."""
        return slice((file - 1) * self.images_per_file, file * self.images_per_file)

    def training_batches(
        self, steps: Iterable[Step], size: int, seed: int, augmentation: Augmentation
    ) -> Iterator[Batch]:
        """Yield the batch of every step, cut to ``size`` pixels a side."""
        for step in steps:
            rows = torch.from_numpy(step.rows[step.positions]).to(self.device)
            shifts = step.color_shifts(seed)
            pixels = self._crops(step, rows, size, seed, augmentation)
            yield Batch(step, pixels, self.training_labels[rows], None if shifts is None else shifts.to(self.device))

    def _crops(self, step: Step, rows: Tensor, size: int, seed: int, augmentation: Augmentation) -> Tensor:
        border = self.image_side - size
        if augmentation == "none":  # one gather of whole images is much faster than one of pixels
            images = self._whole(rows)
            return images[:, border // 2 : border // 2 + size, border // 2 : border // 2 + size]
        beyond = PADDING if augmentation == "padded_crops_and_flips" else 0
        drawn = [torch.from_numpy(part).to(self.device) for part in step.crops(border + 2 * beyond, augmentation, seed)]
        images = self.training_images
        if self.side is not None:
            images, rows = self._whole(rows), torch.arange(len(rows), device=self.device)
        if not beyond:
            return gather_crops(images, rows, *drawn, size)
        tops, lefts, mirrored = drawn
        mean = center_crop_of_mean(self.mean_image, size).to(self.device)
        return gather_padded_crops(images, rows, tops - beyond, lefts - beyond, mirrored, mean)

    def _whole(self, rows: Tensor) -> Tensor:
        images = self.training_images[rows]
        return images if self.side is None else enlarged(images, self.side)

    def training(self, files: list[int] | None = None) -> ImageSet:
        """Return the training images, or those of some files."""
        if files is None or len(files) == self.files:
            return ImageSet(self.training_images, self.training_labels, self.side)
        return self._of_files(files)

    def _of_files(self, files: list[int]) -> ImageSet:
        rows = torch.cat([torch.arange(*self.file_rows(file).indices(len(self.training_images))) for file in files])
        return ImageSet(self.training_images[rows], self.training_labels[rows], self.side)

    def test(self) -> ImageSet:
        """Return the test images."""
        return ImageSet(self.test_images, self.test_labels, self.side)

    def validation(self, training_files: list[int]) -> ImageSet | None:
        """Return the images of the files that are not trained on; ``held_out``, possibly None, where there are none."""
        left = [file for file in range(1, self.files + 1) if file not in training_files]
        if not left:
            return self.held_out
        return self._of_files(left)
