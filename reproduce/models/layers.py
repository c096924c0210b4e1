"""The layers of 2012 as modules: each computes in the precision of its input and keeps its weights in float32.

Every layer's ``forward`` takes the images and the step's draw, which is None at test.
"""

import functools
import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from reproduce.base import draws
from reproduce.models import kernels, spec
from reproduce.models.activations import ACTIVATIONS
from reproduce.models.depthwise import convolve_maps
from reproduce.models.local import locally_connected
from reproduce.models.normalization import normalize_across_maps, normalize_within_map
from reproduce.models.pooling import average_pool, max_pool
from reproduce.models.products import batched_linear, product
from reproduce.models.spec import rounded_up_size


class StepDraw(NamedTuple):
    """The key of one training step's random draws: every mask is a function of these fields (deviation D31).

    A network that sees only the ``positions`` of a batch of ``images`` takes those rows of the whole batch's mask.
    ``share_of_training``, 0 to 1, is the part done before the step, for draws whose probabilities change.
    """

    seed: int
    step: int
    images: int | None = None
    positions: slice = slice(None)
    share_of_training: float = 0.0

    def keep_mask(self, purpose: str, shape: tuple[int, ...], keep: float) -> Tensor:
        """Return a bool mask of ``shape``, (images seen, ...), each element True with probability ``keep``."""
        whole = (self.images or shape[0], *shape[1:])
        return draws.keep_mask(self.seed, purpose, self.step, whole, keep)[self.positions]


class WeightedLayer(nn.Module):
    """Weights, bias and activation; a layer without biases has ``bias`` None.

    ``settings`` carries the layer's rates for the update rule. ``inputs`` is the number of weights of one unit, and
    ``initial_std`` the standard deviation of the initial weights.
    """

    def __init__(self, settings: spec.Weighted, weight: tuple[int, ...], bias: tuple[int, ...], seed: int) -> None:
        super().__init__()
        self.settings = settings
        self.inputs = weight[1] if isinstance(settings, spec.Local) else math.prod(weight[1:])
        self.initial_std = settings.weight_std or self._std_by_size(weight)
        purpose = f"initial weights of {settings.name}"
        if settings.initialization == "uniform_fan_in":
            bound = self.inputs**-0.5
            self.weight = nn.Parameter(draws.uniform(seed, purpose, weight, bound))
            biases = draws.uniform(seed, f"initial biases of {settings.name}", bias, bound)
        else:
            self.weight = nn.Parameter(draws.gaussian(seed, purpose, weight, self.initial_std))
            biases = torch.full(bias, settings.bias)
        self.bias = nn.Parameter(biases) if settings.has_bias else None
        self.activation = ACTIVATIONS[settings.activation]

    def _std_by_size(self, weight: tuple[int, ...]) -> float:
        """Return the deviation of initial weights of shape ``weight``, (outputs, inputs, ...)."""
        match self.settings.initialization:
            case "uniform_fan_in":
                return (3 * self.inputs) ** -0.5
            case "gaussian_fan_in":
                return (2 / self.inputs) ** 0.5
            case _:
                reached = weight[0] * math.prod(weight[2:]) // self.settings.columns
                return (2 / reached) ** 0.5

    def cast(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return weight and bias in the precision of ``x``; their gradients come back in float32."""
        return self.weight.to(x.dtype), None if self.bias is None else self.bias.to(x.dtype)


class ConvolutionLayer(WeightedLayer):
    """(N, C, H, H) -> (N, filters, out, out); pixels beyond the image are zero. A column's maps lie side by side."""

    def __init__(self, settings: spec.Convolution, channels: int, seed: int) -> None:
        side = settings.kernel_size
        shape = (settings.filters, channels // settings.columns, side, side)
        super().__init__(settings, shape, (settings.filters,), seed)
        self.weight.data = kernels.channels_last(self.weight.data)

    def forward(self, x: Tensor, draw: StepDraw | None) -> Tensor:
        return self.activation(self._convolved(x, rectified=False))

    def of_rectified(self, x: Tensor) -> Tensor:
        """Return the layer's output for the input max(``x``, 0)."""
        return self.activation(self._convolved(x, rectified=True))

    def _convolved(self, x: Tensor, rectified: bool) -> Tensor:
        layer = self.settings
        out = rounded_up_size(x.shape[2], layer.kernel_size, layer.stride, layer.padding)
        overhang = (out - 1) * layer.stride + layer.kernel_size - x.shape[2] - 2 * layer.padding
        overhang = max(0, overhang) if layer.rounding == "up" else 0
        weight, bias = self.cast(x)
        if weight.shape[1] == 1 and layer.columns == len(weight) and bias is None:
            return convolve_maps(x, weight, layer.stride, layer.padding, overhang, rectified)
        x = functional.relu(x) if rectified else x
        if overhang:
            x = kernels.channels_last(functional.pad(x, (0, overhang, 0, overhang)))
        return product(functional.conv2d, x, weight, bias, layer.stride, layer.padding, 1, layer.columns)


class LocalLayer(WeightedLayer):
    """(N, C, H, H) -> (N, filters, out, out) with unshared weights."""

    def __init__(self, settings: spec.Local, channels: int, size: int, seed: int) -> None:
        side = rounded_up_size(size, settings.kernel_size, settings.stride, settings.padding)
        weight = (side * side, settings.kernel_size**2 * channels, settings.filters)
        super().__init__(settings, weight, (side * side, settings.filters), seed)

    def forward(self, x: Tensor, draw: StepDraw | None) -> Tensor:
        layer = self.settings
        weight, bias = self.cast(x)
        return self.activation(locally_connected(x, weight, bias, layer.kernel_size, layer.stride, layer.padding))


class FullyConnectedLayer(WeightedLayer):
    """(N, C, H, W) or (N, inputs) -> (N, outputs); the input is flattened map by map.

    The weight is (outputs, inputs of a column).
    """

    def __init__(self, settings: spec.FullyConnected, inputs: int, seed: int) -> None:
        super().__init__(settings, (settings.outputs, inputs // settings.columns), (settings.outputs,), seed)

    def forward(self, x: Tensor, draw: StepDraw | None) -> Tensor:
        weight, bias = self.cast(x)
        columns = self.settings.columns
        if columns == 1:
            return self.activation(product(functional.linear, x.flatten(1), weight, bias))
        parts = x.flatten(1).unflatten(1, (columns, -1)).transpose(0, 1)  # (columns, N, inputs of a column)
        weight = weight.unflatten(0, (columns, -1)).transpose(1, 2)
        out = product(batched_linear, parts, weight, bias.view(columns, 1, -1))
        return self.activation(out.transpose(0, 1).flatten(1))


class PoolingLayer(nn.Module):
    """Pooling with clipped windows, then the activation."""

    def __init__(self, settings: spec.Pooling) -> None:
        super().__init__()
        self.settings = settings
        self.pool = max_pool if settings.type == "max_pooling" else average_pool
        self.activation = ACTIVATIONS[settings.activation]

    def forward(self, x: Tensor, draw: StepDraw | None) -> Tensor:
        layer = self.settings
        if layer.rounding == "down":
            covered = (x.shape[2] - layer.window) // layer.stride * layer.stride + layer.window
            x = x[:, :, :covered, :covered]
        if layer.divisor == "window":  # zeros make the clipped windows whole
            beyond = (rounded_up_size(x.shape[2], layer.window, layer.stride) - 1) * layer.stride + layer.window
            x = functional.pad(x, (0, beyond - x.shape[3], 0, beyond - x.shape[2]))
        return self.activation(self.pool(x, layer.window, layer.stride))


class AdaptivePoolingLayer(nn.Module):
    """(N, C, H, W) -> (N, C, side, side), means over windows that cover the image."""

    def __init__(self, settings: spec.AdaptivePooling) -> None:
        super().__init__()
        self.settings = settings

    def forward(self, x: Tensor, draw: StepDraw | None) -> Tensor:
        return functional.adaptive_avg_pool2d(x, self.settings.side)


class ResponseNormalizationLayer(nn.Module):
    """Response normalization across maps or within a map."""

    def __init__(self, settings: spec.ResponseNormalization) -> None:
        super().__init__()
        self.settings = settings
        across = functools.partial(normalize_across_maps, columns=settings.columns)
        self.normalize = across if settings.extent == "across_maps" else normalize_within_map

    def forward(self, x: Tensor, draw: StepDraw | None) -> Tensor:
        layer = self.settings
        return self.normalize(x, layer.window, layer.alpha_per_square, layer.beta, layer.k)


class ActivationLayer(nn.Module):
    """An activation as a layer of its own; its input is not overwritten, since other layers may read it too."""

    def __init__(self, settings: spec.Activating) -> None:
        super().__init__()
        self.settings = settings
        self.activation = ACTIVATIONS[settings.activation]

    def forward(self, x: Tensor, draw: StepDraw | None) -> Tensor:
        return self.activation(x.clone())


class DropoutLayer(nn.Module):
    """A mask in training, and the factor ``keep`` at test (paper 4.2) or 1 / ``keep`` in training (deviation D13)."""

    def __init__(self, settings: spec.Dropout) -> None:
        super().__init__()
        self.settings = settings

    def forward(self, x: Tensor, draw: StepDraw | None) -> Tensor:
        layer = self.settings
        if draw is None:
            return x * layer.keep if layer.form == "unscaled_mask" else x
        mask = draw.keep_mask(layer.name, tuple(x.shape), layer.keep)
        mask = mask.to(device=x.device, dtype=x.dtype)
        return x * (mask / layer.keep if layer.form == "inverted" else mask)
