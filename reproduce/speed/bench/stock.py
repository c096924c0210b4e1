"""Torch's own modules for the layers of a spec, of which the standard loop is built."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from reproduce.base.errors import ReproduceError
from reproduce.models import spec

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
    """torch's LocalResponseNorm on each of ``columns`` equal groups of maps by itself. No data are copied."""

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
    """Return torch's own modules for one layer of a spec; at most one of them has weights.

    Dropout is always torch's form, which divides by ``keep`` in training. The scale of activations may differ from the
    spec's, the work does not.

    Raises:
        ReproduceError: the layer has no counterpart here.
    """
    match settings:
        case spec.Convolution():
            return [*_convolution(settings, channels, size), _ACTIVATIONS[settings.activation]()]
        case spec.Local(stride=1):
            side = settings.shape_after(channels, size)[1]
            return [UnfoldedLocal(settings, channels, side), _ACTIVATIONS[settings.activation]()]
        case spec.FullyConnected(outputs=outputs, columns=1):
            linear = nn.Linear(channels * size * size, outputs)
            return [linear, _ACTIVATIONS[settings.activation]()]
        case spec.Pooling(divisor="pixels_inside", type=kind, window=window, stride=stride):
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
    """Return the convolution. If its last window overhangs, zeros are padded at the right and bottom before it."""
    kernel, stride, padding = settings.kernel_size, settings.stride, settings.padding
    side = settings.shape_after(channels, size)[1]
    overhang = max(0, (side - 1) * stride + kernel - size - 2 * padding)
    zeros = [nn.ZeroPad2d((0, overhang, 0, overhang))] if overhang else []
    return [*zeros, nn.Conv2d(channels, settings.filters, kernel, stride, padding, groups=settings.columns)]
