"""What networks are fed while they are timed: noise made beforehand, and batches made from bytes as in training."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from reproduce.data.augment import ColorNoise, center_crop_of_mean
from reproduce.data.in_memory import TrainingData
from reproduce.data.steps import Step
from reproduce.timing.cells import IMAGENET_NETWORKS, image_side
from reproduce.train.loop import DTYPES

_SEED = 1
_SOURCE_IMAGES = 256  # from which crops are cut: more than a batch, so that pixels come from memory
_SOURCE_SIDE = {"imagenet": 256, "cifar10": 32}  # pixels


def noise_images(side: int, batch_size: int, precision: str, device: str) -> Tensor:
    """Return (N, 3, side, side) noise of the size of centered pixels, channels-last, on the device."""
    random = torch.Generator().manual_seed(_SEED)
    noise = 60 * torch.randn((batch_size, side, side, 3), generator=random)
    return noise.to(torch.device(device), DTYPES[precision]).permute(0, 3, 1, 2)


class InputMaker:
    """Makes batches of network input from bytes where the trainer does: random crops, flips, color noise, the cast.

    CIFAR-10's images lie on the device, and all is done there (``data.in_memory``). ImageNet's are cut on the CPU and
    brought to the device, where color noise and cast follow (``data.ilsvrc.read``).
    """

    def __init__(self, network: str, device: torch.device) -> None:
        self.size, self.device = image_side(network), device
        imagenet = network in IMAGENET_NETWORKS
        side = _SOURCE_SIDE["imagenet" if imagenet else "cifar10"]
        random = np.random.Generator(np.random.PCG64(_SEED))
        images = torch.from_numpy(random.integers(0, 256, (_SOURCE_IMAGES, side, side, 3), dtype=np.uint8))
        labels, mean_image = torch.zeros(_SOURCE_IMAGES, dtype=torch.int64), np.full((3, side, side), 120.0)
        if not imagenet:
            images, labels = images.to(device), labels.to(device)
        self.data = TrainingData(images, labels, images, labels, mean_image, files=1)
        self.mean = center_crop_of_mean(mean_image, self.size).to(device)
        self.noise = ColorNoise.from_covariance(np.diag([4000.0, 4000.0, 4000.0])) if imagenet else None
        self.made = 0

    def make(self, batch_size: int, precision: str) -> Tensor:
        """Return the next batch, (N, 3, size, size), on the device."""
        self.made += 1
        rows = (np.arange(batch_size) + self.made * batch_size) % _SOURCE_IMAGES
        step = Step(self.made, rows, noise=self.noise)
        augmentation = "none" if self.data.image_side == self.size else "crops_and_flips"
        batch = next(iter(self.data.training_batches([step], self.size, _SEED, augmentation)))
        shifts = None if batch.shifts is None else batch.shifts.to(self.device)
        batch = replace(batch, pixels=batch.pixels.to(self.device), shifts=shifts)
        return batch.network_input(self.mean, DTYPES[precision])
