"""Builds a network from its spec. Weights are float32; arithmetic runs in the precision of the images given.

Memory format is channels-last throughout, which the convolution library and our kernels both prefer.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from reproduce import draws
from reproduce.models import kernels, spec
from reproduce.models.local import locally_connected
from reproduce.models.normalization import normalize_across_maps, normalize_within_map
from reproduce.models.pooling import average_pool, max_pool
from reproduce.models.spec import output_shape, rounded_up_size

_ACTIVATIONS = {"relu": functional.relu_, "tanh": torch.tanh, "identity": lambda x: x}


@dataclass(frozen=True)
class StepDraw:
    """Names the random draws of one training step: every mask is a function of these (deviation D31)."""

    seed: int
    step: int


class _WeightedLayer(nn.Module):
    """Weights, bias and activation. ``settings`` carries the layer's rates for the update rule."""

    def __init__(self, settings: spec.Weighted, weight: tuple[int, ...], bias: tuple[int, ...], seed: int) -> None:
        super().__init__()
        self.settings = settings
        initial = draws.gaussian(seed, f"initial weights of {settings.name}", weight, settings.weight_std)
        self.weight = nn.Parameter(initial)
        self.bias = nn.Parameter(torch.full(bias, settings.bias))
        self.activation = _ACTIVATIONS[settings.activation]

    def cast(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return weight and bias in the precision of ``x``; their gradients come back in float32."""
        return self.weight.to(x.dtype), self.bias.to(x.dtype)


class ConvolutionLayer(_WeightedLayer):
    """(N, C, H, H) -> (N, filters, out, out), out rounded up; pixels beyond the image are zero."""

    def __init__(self, settings: spec.Convolution, channels: int, seed: int) -> None:
        side = settings.kernel_size
        super().__init__(settings, (settings.filters, channels, side, side), (settings.filters,), seed)
        self.weight.data = kernels.channels_last(self.weight.data)

    def forward(self, x: Tensor, draw: StepDraw | None) -> Tensor:
        layer = self.settings
        out = rounded_up_size(x.shape[2], layer.kernel_size, layer.stride, layer.padding)
        overhang = (out - 1) * layer.stride + layer.kernel_size - x.shape[2] - 2 * layer.padding
        if overhang > 0:
            x = kernels.channels_last(functional.pad(x, (0, overhang, 0, overhang)))
        weight, bias = self.cast(x)
        return self.activation(functional.conv2d(x, weight, bias, layer.stride, layer.padding))


class LocalLayer(_WeightedLayer):
    """(N, C, H, H) -> (N, filters, out, out) with unshared weights."""

    def __init__(self, settings: spec.Local, channels: int, size: int, seed: int) -> None:
        side = rounded_up_size(size, settings.kernel_size, settings.stride, settings.padding)
        weight = (side * side, settings.kernel_size**2 * channels, settings.filters)
        super().__init__(settings, weight, (side * side, settings.filters), seed)

    def forward(self, x: Tensor, draw: StepDraw | None) -> Tensor:
        layer = self.settings
        weight, bias = self.cast(x)
        return self.activation(locally_connected(x, weight, bias, layer.kernel_size, layer.stride, layer.padding))


class FullyConnectedLayer(_WeightedLayer):
    """(N, C, H, W) or (N, inputs) -> (N, outputs); the input is flattened map by map."""

    def __init__(self, settings: spec.FullyConnected, inputs: int, seed: int) -> None:
        super().__init__(settings, (settings.outputs, inputs), (settings.outputs,), seed)

    def forward(self, x: Tensor, draw: StepDraw | None) -> Tensor:
        weight, bias = self.cast(x)
        return self.activation(functional.linear(x.flatten(1), weight, bias))


class PoolingLayer(nn.Module):
    """Pooling with clipped windows, then the activation."""

    def __init__(self, settings: spec.Pooling) -> None:
        super().__init__()
        self.settings = settings
        self.pool = max_pool if settings.type == "max_pooling" else average_pool
        self.activation = _ACTIVATIONS[settings.activation]

    def forward(self, x: Tensor, draw: StepDraw | None) -> Tensor:
        return self.activation(self.pool(x, self.settings.window, self.settings.stride))


class ResponseNormalizationLayer(nn.Module):
    """Response normalization across maps or within a map."""

    def __init__(self, settings: spec.ResponseNormalization) -> None:
        super().__init__()
        self.settings = settings
        self.normalize = normalize_across_maps if settings.extent == "across_maps" else normalize_within_map

    def forward(self, x: Tensor, draw: StepDraw | None) -> Tensor:
        layer = self.settings
        return self.normalize(x, layer.window, layer.alpha_per_square, layer.beta, layer.k)


class DropoutLayer(nn.Module):
    """An unscaled mask while training, multiplication by ``keep`` at test (paper 4.2, deviation D13)."""

    def __init__(self, settings: spec.Dropout) -> None:
        super().__init__()
        self.settings = settings

    def forward(self, x: Tensor, draw: StepDraw | None) -> Tensor:
        if draw is None:
            return x * self.settings.keep
        mask = draws.keep_mask(draw.seed, self.settings.name, draw.step, tuple(x.shape), self.settings.keep)
        return x * mask.to(device=x.device, dtype=x.dtype)


class Network(nn.Module):
    """A network built from ``network_spec``, initial weights drawn from ``seed``."""

    def __init__(self, network_spec: spec.NetworkSpec, seed: int) -> None:
        super().__init__()
        self.spec = network_spec
        self.layers = nn.ModuleDict()
        channels, size = network_spec.input.channels, network_spec.input.size
        for settings in network_spec.layers:
            self.layers[settings.name] = _build_layer(settings, channels, size, seed)
            channels, size = output_shape(settings, channels, size)

    def forward(self, images: Tensor, draw: StepDraw | None = None) -> Tensor:
        """Return float32 logits (N, classes).

        Args:
            images: (N, C, H, W), float32 or bfloat16, channels-last.
            draw: names the step's random masks while training; None at test.
        """
        x = images
        for layer in self.layers.values():
            x = layer(x, draw)
        return x.float()

    def weighted_layers(self) -> list[_WeightedLayer]:
        """Return the layers with weights, in order."""
        return [layer for layer in self.layers.values() if isinstance(layer, _WeightedLayer)]


def _build_layer(settings: spec.Layer, channels: int, size: int, seed: int) -> nn.Module:
    match settings:
        case spec.Convolution():
            return ConvolutionLayer(settings, channels, seed)
        case spec.Local():
            return LocalLayer(settings, channels, size, seed)
        case spec.FullyConnected():
            return FullyConnectedLayer(settings, channels * size * size, seed)
        case spec.Pooling():
            return PoolingLayer(settings)
        case spec.ResponseNormalization():
            return ResponseNormalizationLayer(settings)
        case _:
            return DropoutLayer(settings)
