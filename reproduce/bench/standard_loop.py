"""The loop one would otherwise write for the same network: DataLoader workers, torchvision transforms, stock layers.

Eager float32 in torch's default memory format, ``torch.optim.SGD`` with one parameter group per weight and per bias.
It computes what ``reproduce.train`` computes, from the same initial weights.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from reproduce.config import Variant
from reproduce.errors import ReproduceError
from reproduce.models import spec
from reproduce.models.network import Network, output_shape
from reproduce.train.loop import TrainingData

WORKERS = 2
SEED = 1  # of the initial weights; throughput does not depend on it

_ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "identity": nn.Identity}


class WithinMapNormalization(nn.Module):
    """x / (k + alpha * mean of squares over a square window, zeros beyond the border) ** beta, by average pooling."""

    def __init__(self, settings: spec.ResponseNormalization) -> None:
        super().__init__()
        self.settings = settings

    def forward(self, x: Tensor) -> Tensor:
        layer = self.settings
        mean_of_squares = functional.avg_pool2d(x * x, layer.window, stride=1, padding=layer.window // 2)
        return x / (layer.k + layer.alpha * mean_of_squares) ** layer.beta


class ColumnwiseNormalization(nn.LocalResponseNorm):
    """torch's LocalResponseNorm on each of ``columns`` equal runs of maps by itself; the runs are only a view."""

    def __init__(self, settings: spec.ResponseNormalization) -> None:
        super().__init__(settings.window, settings.alpha, settings.beta, settings.k)
        self.columns = settings.columns

    def forward(self, x: Tensor) -> Tensor:
        columns = x.unflatten(1, (self.columns, -1)).flatten(0, 1)  # (N * columns, C / columns, H, W)
        return super().forward(columns).view_as(x)


class UnfoldedLocal(nn.Module):
    """Unshared weights by ``unfold`` and ``einsum``: weight (places, C * window * window, filters)."""

    def __init__(self, settings: spec.Local, channels: int, side: int) -> None:
        super().__init__()
        self.settings, self.side = settings, side
        inputs = channels * settings.kernel_size**2
        self.weight = nn.Parameter(torch.empty(side * side, inputs, settings.filters))
        self.bias = nn.Parameter(torch.empty(side * side, settings.filters))

    def forward(self, x: Tensor) -> Tensor:
        layer = self.settings
        patches = functional.unfold(x, layer.kernel_size, padding=layer.padding, stride=layer.stride)
        out = torch.einsum("nip,pif->nfp", patches, self.weight) + self.bias.t()
        return out.reshape(x.shape[0], layer.filters, self.side, self.side)


def stock_layers(settings: spec.Layer, channels: int, size: int) -> list[nn.Module]:
    """Return torch's own modules for one layer of a spec; those with weights number at most one.

    Dropout is torch's, which divides by ``keep`` in training, whatever the form in the spec: another scale of the
    activations, the same work.

    Raises:
        ReproduceError: the layer has no counterpart here.
    """
    match settings:
        case spec.Convolution():
            return [*_convolution(settings, channels, size), _ACTIVATIONS[settings.activation]()]
        case spec.Local(stride=1):
            side = output_shape(settings, channels, size)[1]
            return [UnfoldedLocal(settings, channels, side), _ACTIVATIONS[settings.activation]()]
        case spec.FullyConnected(outputs=outputs, columns=1):
            linear = nn.Linear(channels * size * size, outputs)
            return [linear, _ACTIVATIONS[settings.activation]()]
        case spec.Pooling(type=kind, window=window, stride=stride):
            pool = nn.MaxPool2d if kind == "max_pooling" else nn.AvgPool2d
            ceil_mode = settings.rounding == "up"
            return [pool(window, stride, ceil_mode=ceil_mode), _ACTIVATIONS[settings.activation]()]
        case spec.ResponseNormalization(extent="across_maps", columns=1):
            return [nn.LocalResponseNorm(settings.window, settings.alpha, settings.beta, settings.k)]
        case spec.ResponseNormalization(extent="across_maps"):
            return [ColumnwiseNormalization(settings)]
        case spec.ResponseNormalization():
            return [WithinMapNormalization(settings)]
        case spec.Dropout(keep=keep):
            return [nn.Dropout(1 - keep)]
        case _:
            raise ReproduceError(f"the standard loop has no layer {settings.name!r} of type {settings.type}")


def _convolution(settings: spec.Convolution, channels: int, size: int) -> list[nn.Module]:
    """Return the convolution, after the zeros at the right and bottom that its last window overhangs by."""
    kernel, stride, padding = settings.kernel_size, settings.stride, settings.padding
    side = output_shape(settings, channels, size)[1]
    overhang = max(0, (side - 1) * stride + kernel - size - 2 * padding)
    zeros = [nn.ZeroPad2d((0, overhang, 0, overhang))] if overhang else []
    return [*zeros, nn.Conv2d(channels, settings.filters, kernel, stride, padding, groups=settings.columns)]


class StandardNetwork(nn.Module):
    """The network of a spec in stock layers, with the initial weights of ``Network(network_spec, seed)``.

    ``weighted`` pairs each layer that has weights with its settings, in the order of the spec.
    """

    def __init__(self, network_spec: spec.NetworkSpec, seed: int = SEED) -> None:
        super().__init__()
        modules: list[nn.Module] = []
        self.weighted: list[tuple[spec.Weighted, nn.Module]] = []
        channels, size = network_spec.input.channels, network_spec.input.size
        for settings in network_spec.layers:
            if isinstance(settings, spec.FullyConnected):
                modules.append(nn.Flatten())
            stock = stock_layers(settings, channels, size)
            if isinstance(settings, spec.Weighted):
                self.weighted.append((settings, next(module for module in stock if hasattr(module, "weight"))))
            modules += stock
            channels, size = output_shape(settings, channels, size)
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
    """Return a weight of ours, or its gradient, as the stock layer holds it.

    Only local layers differ: our patches are ordered (row, column, map), those of ``unfold`` (map, row, column).
    """
    if not isinstance(settings, spec.Local):
        return weight
    places, inputs, filters = weight.shape
    window = settings.kernel_size
    maps = inputs // window**2
    return weight.view(places, window, window, maps, filters).permute(0, 3, 1, 2, 4).reshape(places, inputs, filters)


class SubtractMean(nn.Module):
    """(C, H, W) uint8 -> float32, 0 to 255 less the center of the mean image (C, H, W)."""

    def __init__(self, mean_image: np.ndarray, size: int) -> None:
        super().__init__()
        self.mean = transforms.CenterCrop(size)(torch.from_numpy(mean_image).float())

    def forward(self, pixels: Tensor) -> Tensor:
        return pixels.float() - self.mean


class PixelDataset(Dataset):
    """The same bytes, (C, H, W) uint8 each, through the transforms, with their labels.

    Tensors, not the PIL images of ``torchvision.datasets.CIFAR10``: the transforms are faster on them.
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
def running_loader(dataset: Dataset, batch_size: int) -> Iterator[Iterator[list[Tensor]]]:
    """Yield a running DataLoader's batches; its workers end with the block, so that they disturb no other timing."""
    batches = iter(DataLoader(dataset, batch_size, num_workers=WORKERS, persistent_workers=True))
    try:
        yield batches
    finally:
        batches._shutdown_workers()  # the loader itself stops them only when it is collected


def time_standard_loop(variant: Variant, data: TrainingData, warm_up_steps: int, timed_steps: int) -> float:
    """Return the seconds of ``timed_steps`` updates by the standard loop.

    The first ``warm_up_steps`` updates are not timed; by then the workers have started and fill their queue steadily.
    """
    network = StandardNetwork(variant.network_spec())
    optimizer = standard_optimizer(network, variant.momentum)
    with running_loader(standard_dataset(variant, data), variant.batch_size) as batches:
        for _ in range(warm_up_steps):
            standard_step(network, optimizer, *next(batches))
        started = time.perf_counter()
        for _ in range(timed_steps):
            standard_step(network, optimizer, *next(batches))
        return time.perf_counter() - started
