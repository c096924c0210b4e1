"""The standard loop for the same network: DataLoader workers, torchvision transforms, stock layers.

It runs in eager float32 and torch's default memory format, by ``torch.optim.SGD`` with one parameter group per weight
and per bias. From the same initial weights it computes the same updates as ``reproduce.train``, except that crops and
dropout masks are drawn by torch and dropout has torch's form (``stock_layers``).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset, Sampler
from torchvision import transforms

from reproduce.data.in_memory import TrainingData
from reproduce.models import spec
from reproduce.models.network import Network
from reproduce.speed.bench.stock import stock_layers
from reproduce.speed.timing.clock import seconds_on_cpu
from reproduce.study.variant import Variant

WORKERS = 2
SEED = 1  # of the initial weights; throughput does not depend on it


class StandardNetwork(nn.Module):
    """The network of a spec in stock layers, with the initial weights of ``Network(network_spec, seed)``.

    ``weighted`` pairs each layer that has weights with its settings, in the order of the spec.
    """

    def __init__(self, network_spec: spec.NetworkSpec, seed: int = SEED) -> None:
        super().__init__()
        modules: list[nn.Module] = []
        self.weighted: list[tuple[spec.Weighted, nn.Module]] = []
        for settings, channels, size, _, _ in network_spec.shapes(network_spec.input.size):
            if isinstance(settings, spec.FullyConnected):
                modules.append(nn.Flatten())
            stock = stock_layers(settings, channels, size)
            if isinstance(settings, spec.Weighted):
                self.weighted.append((settings, next(module for module in stock if hasattr(module, "weight"))))
            modules += stock
        self.layers = nn.Sequential(*modules)
        self._take_weights(Network(network_spec, seed))

    @torch.no_grad()
    def _take_weights(self, network: Network) -> None:
        for (_, stock), ours in zip(self.weighted, network.weighted_layers(), strict=True):
            stock.weight.copy_(in_stock_order(ours.settings, ours.weight))
            stock.bias.copy_(ours.bias)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (N, classes) of images (N, C, H, W) float32."""
        return self.layers(images)


def in_stock_order(settings: spec.Weighted, weight: Tensor) -> Tensor:
    """Return a weight of our network, or its gradient, in the order of the stock layer's weight.

    Only local layers differ: our patches are ordered (row, column, map), those of ``unfold`` (map, row, column).
    """
    if not isinstance(settings, spec.Local):
        return weight
    places, inputs, filters = weight.shape
    window = settings.kernel_size
    maps = inputs // window**2
    return weight.view(places, window, window, maps, filters).permute(0, 3, 1, 2, 4).reshape(places, inputs, filters)


class SubtractMean(nn.Module):
    """(C, H, W) uint8 -> float32: pixels from 0 to 255, minus the center of the mean image (C, H, W)."""

    def __init__(self, mean_image: np.ndarray, size: int) -> None:
        super().__init__()
        self.mean = transforms.CenterCrop(size)(torch.from_numpy(mean_image).float())

    def forward(self, pixels: Tensor) -> Tensor:
        return pixels.float() - self.mean


class PixelDataset(Dataset):
    """The training images, (C, H, W) uint8 each, after the transforms, with their labels.

    The images are tensors, since the transforms are slower on the PIL images of ``torchvision.datasets.CIFAR10``.
    """

    def __init__(self, data: TrainingData, transform: nn.Module | transforms.Compose) -> None:
        self.images = data.training_images.permute(0, 3, 1, 2).contiguous()
        self.labels, self.transform = data.training_labels.tolist(), transform

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(self.images[index]), self.labels[index]


def standard_dataset(variant: Variant, data: TrainingData) -> PixelDataset:
    """Return the training set of ``variant`` with torchvision's transforms."""
    size = variant.network_spec().input.size
    crops = [transforms.RandomCrop(size), transforms.RandomHorizontalFlip()]
    if variant.augmentation == "none":
        crops = [] if size == data.training_images.shape[1] else [transforms.CenterCrop(size)]
    return PixelDataset(data, transforms.Compose([*crops, SubtractMean(data.mean_image, size)]))


def standard_optimizer(network: StandardNetwork, momentum: float) -> torch.optim.SGD:
    """Return SGD with each weight's and each bias's own rate; biases do not decay."""
    groups = []
    for settings, layer in network.weighted:
        decay = settings.weight_decay
        groups.append({"params": [layer.weight], "lr": settings.learning_rate, "weight_decay": decay})
        groups.append({"params": [layer.bias], "lr": settings.bias_learning_rate, "weight_decay": 0.0})
    return torch.optim.SGD(groups, lr=0.001, momentum=momentum)


def standard_step(network: nn.Module, optimizer: torch.optim.Optimizer, images: Tensor, labels: Tensor) -> float:
    """Do one update and return the mean loss in nats."""
    optimizer.zero_grad()
    loss = functional.cross_entropy(network(images), labels)
    loss.backward()
    optimizer.step()
    return loss.item()


@contextmanager
def running_loader(
    dataset: Dataset, batch_size: int, workers: int = WORKERS, sampler: Sampler | None = None
) -> Iterator[Iterator[list[Tensor]]]:
    """Yield a running DataLoader's batches. Its workers stop at the end of the block, to disturb no other timing."""
    batches = iter(DataLoader(dataset, batch_size, sampler=sampler, num_workers=workers, persistent_workers=True))
    try:
        yield batches
    finally:
        batches._shutdown_workers()  # the loader itself stops its workers only when it is garbage-collected


@contextmanager
def standard_steps(variant: Variant, data: TrainingData) -> Iterator[Callable[[], float]]:
    """Yield a function that does the next update of the standard loop and returns its loss.

    The workers fill their queue while an update computes, and stop at the end of the block.
    """
    network = StandardNetwork(variant.network_spec())
    optimizer = standard_optimizer(network, variant.momentum)
    with running_loader(standard_dataset(variant, data), variant.batch_size) as batches:
        yield lambda: standard_step(network, optimizer, *next(batches))


def time_standard_loop(variant: Variant, data: TrainingData, warm_up_steps: int, timed_steps: int) -> float:
    """Return the seconds of ``timed_steps`` updates by the standard loop.

    The first ``warm_up_steps`` updates are not timed; by then the workers have started and fill their queue steadily.
    """
    with standard_steps(variant, data) as step:
        for _ in range(warm_up_steps):
            step()
        return seconds_on_cpu(step, timed_steps)
