"""The packed images of one edition as the trainer reads them: the counterpart of ``data.in_memory.TrainingData``."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from reproduce.base.errors import ReproduceError
from reproduce.base.files import file_digest
from reproduce.base.paths import relative_to_repo
from reproduce.data.ilsvrc.editions import SIDE
from reproduce.data.ilsvrc.packed import MANIFEST, read_manifest
from reproduce.data.ilsvrc.read import PackedImages, TrainingReader, whole_images
from reproduce.data.registry import Dataset
from reproduce.data.steps import Augmentation, Batch, Step

TRAINING_IMAGES_TESTED = 50_000


@dataclass(frozen=True)
class PackedSet:
    """A split, or its first ``count`` images, read in order from the shards onto ``device``."""

    images: PackedImages
    device: torch.device
    count: int

    def __len__(self) -> int:
        return self.count

    @property
    def labels(self) -> np.ndarray:
        """Labels in the order of the images, int64 (n,)."""
        return self.images.labels[: self.count]

    def batches(self, rows: range) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the images of ``rows``, whole, uint8 (n, 256, 256, 3), with their labels, int64 (n,)."""
        return whole_images(self.images, self.device, rows)


@dataclass(frozen=True)
class PackedData:
    """The packed images of one edition, and the device that its batches are moved to.

    For 2010 the paper tests on the test images, and training is followed on the validation images. For 2012 it tests on
    the validation images, so nothing else may depend on those (deviation D37).

    Attributes:
        folder: with the shards.
        mean_image: float64 (3, 256, 256), over the training images.
        color_covariance: float64 (3, 3), over the same pixels.
        files: 1; the shards are one sequence.
    """

    folder: Path
    device: torch.device
    mean_image: np.ndarray
    color_covariance: np.ndarray

    files = 1
    image_side = SIDE
    reports_top5 = True

    @cached_property
    def splits(self) -> dict[str, PackedImages]:
        """Every split that is packed, by name."""
        manifest = read_manifest(self.folder)
        return {split: PackedImages(self.folder, split) for split in manifest["splits"]}

    @property
    def tests_every_epoch(self) -> bool:
        """True where the edition has no validation images apart from the test images, to follow training on."""
        return "test" not in self.splits

    @property
    def images_per_file(self) -> int:
        """Number of training images."""
        return len(self.splits["train"])

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.splits["train"].classes)

    def training_batches(
        self, steps: Iterable[Step], size: int, seed: int, augmentation: Augmentation
    ) -> Iterator[Batch]:
        """Yield the batch of every step, read ahead in threads."""
        return TrainingReader(self.splits["train"], size, seed, self.device, augmentation).batches(steps)

    def training(self, files: list[int] | None = None) -> PackedSet:
        """Return the first 50,000 training images; they were shuffled when packed, so they are a fair sample.

        ``files`` is ignored, since there is one.
        """
        images = self.splits["train"]
        return PackedSet(images, self.device, min(len(images), TRAINING_IMAGES_TESTED))

    def test(self) -> PackedSet:
        """Return the images that the edition's published figures were measured on."""
        images = self.splits["val" if self.tests_every_epoch else "test"]
        return PackedSet(images, self.device, len(images))

    def validation(self, training_files: list[int]) -> PackedSet | None:
        """Return the validation images where the edition has separate test images; None otherwise."""
        if self.tests_every_epoch:
            return None
        return PackedSet(self.splits["val"], self.device, len(self.splits["val"]))


def load_packed(dataset: Dataset, device: torch.device) -> PackedData:
    """Return the packed images of ``dataset``, with batches moved to ``device``.

    Raises:
        ReproduceError: nothing is packed, or the committed statistics are missing or of other images.
    """
    folder = dataset.folder()
    read_manifest(folder)
    if file_digest(folder / MANIFEST) != file_digest(dataset.manifest()):
        raise ReproduceError(
            f"{relative_to_repo(dataset.manifest())} is not of the images packed in {folder}; run `{dataset.command}`"
        )
    return PackedData(folder, device, *dataset.mean_and_covariance())
