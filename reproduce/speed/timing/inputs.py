"""Inputs of networks while they are timed: noise made beforehand, and batches made from bytes as in training."""

import csv
import io
import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from reproduce.base.files import file_digest, write_bytes, write_json
from reproduce.data.augment import ColorNoise, center_crop_of_mean
from reproduce.data.ilsvrc.editions import SIDE
from reproduce.data.ilsvrc.packed import INDEX, MANIFEST
from reproduce.data.ilsvrc.training import PackedData
from reproduce.data.in_memory import TrainingData
from reproduce.data.pixel_statistics import npy_bytes
from reproduce.data.registry import CIFAR10
from reproduce.data.steps import Step
from reproduce.speed.timing.cells import IMAGENET_NETWORKS, image_side
from reproduce.train.loop import DTYPES

_SEED = 1
_SOURCE_IMAGES = 512  # from which crops are cut: several batches, 100 MB packed, so that pixels come from memory
_COVARIANCE = np.diag([4000.0, 4000.0, 4000.0])  # squared gray levels, as photographs have them


def noise_images(side: int, batch_size: int, precision: str, device: str) -> Tensor:
    """Return (N, 3, side, side) noise of the size of centered pixels, channels-last, on the device."""
    random = torch.Generator().manual_seed(_SEED)
    noise = 60 * torch.randn((batch_size, side, side, 3), generator=random)
    return noise.to(torch.device(device), DTYPES[precision]).permute(0, 3, 1, 2)


def write_packed_noise(folder: Path) -> None:
    """Write a packed training split of noise below ``folder``, in the layout of ``data.ilsvrc.packed``.

    Raises:
        ReproduceError: the folder cannot be written, or the disk is full.
    """
    shard, index = folder / "train" / "shard-00000.npy", folder / "train" / INDEX
    write_bytes(shard, npy_bytes(_bytes(_SOURCE_IMAGES, SIDE)))
    text = io.StringIO()
    csv.writer(text).writerows([("name", "label"), *((f"noise-{number}", 0) for number in range(_SOURCE_IMAGES))])
    write_bytes(index, text.getvalue().encode())
    described = {"name": shard.name, "images": _SOURCE_IMAGES, "sha256": file_digest(shard)}
    split = {"images": _SOURCE_IMAGES, "index_sha256": file_digest(index), "shards": [described]}
    write_json(folder / MANIFEST, {"dataset": "noise", "classes": ["noise"], "splits": {"train": split}})


def _bytes(images: int, side: int) -> np.ndarray:
    random = np.random.Generator(np.random.PCG64(_SEED))
    return random.integers(0, 256, (images, side, side, 3), dtype=np.uint8)


class InputMaker:
    """Makes batches of network input from bytes by the trainer's own code: crops, flips, color noise, the cast.

    CIFAR-10's images lie on the device, and all is done there, before each step (``data.in_memory``). ImageNet's are
    cut from packed images in threads, ahead of the training, and the rest is done on the device
    (``data.ilsvrc.read``).
    """

    def __init__(self, network: str, device: torch.device, packed: Path) -> None:
        """Open the images; ``packed`` is the folder of ``write_packed_noise``, for the ImageNet networks."""
        self.size = image_side(network)
        imagenet = network in IMAGENET_NETWORKS
        mean_image = np.full((3, *[SIDE if imagenet else CIFAR10.image_side] * 2), 120.0)
        self.data: TrainingData | PackedData
        if imagenet:
            self.data = PackedData(packed, device, mean_image, _COVARIANCE)
        else:
            images = torch.from_numpy(_bytes(_SOURCE_IMAGES, CIFAR10.image_side)).to(device)
            labels = torch.zeros(_SOURCE_IMAGES, dtype=torch.int64, device=device)
            self.data = TrainingData(images, labels, images, labels, mean_image, files=1)
        self.mean = center_crop_of_mean(mean_image, self.size).to(device)
        self.noise = ColorNoise.from_covariance(_COVARIANCE) if imagenet else None
        self._numbers = itertools.count()

    def make(self, batch_size: int, precision: str) -> Tensor:
        """Return one more batch (N, 3, size, size) on the device, of which nothing was read ahead."""
        return next(self._batches(itertools.islice(self._steps(batch_size), 1), precision))

    def batches(self, batch_size: int, precision: str) -> Iterator[Tensor]:
        """Yield batches without end, as the trainer gets them: ImageNet's pixels are read ahead."""
        return self._batches(self._steps(batch_size), precision)

    def _steps(self, batch_size: int) -> Iterator[Step]:
        for number in self._numbers:
            yield Step(number, (np.arange(batch_size) + number * batch_size) % _SOURCE_IMAGES, noise=self.noise)

    def _batches(self, steps: Iterator[Step], precision: str) -> Iterator[Tensor]:
        augmentation = "none" if self.data.image_side == self.size else "crops_and_flips"
        for batch in self.data.training_batches(steps, self.size, _SEED, augmentation):
            yield batch.network_input(self.mean, DTYPES[precision])
