"""Builds a network from its spec. Weights are float32; arithmetic runs in the precision of the images given.

Memory format is channels-last throughout, which the convolution library and our kernels both prefer.
"""

from collections.abc import Iterator
from typing import assert_never

from torch import Tensor, nn

from reproduce.base.errors import ReproduceError
from reproduce.models import spec
from reproduce.models.batch_norm import BatchNormalizationLayer
from reproduce.models.layers import (
    ActivationLayer,
    AdaptivePoolingLayer,
    ConvolutionLayer,
    DropoutLayer,
    FullyConnectedLayer,
    LocalLayer,
    PoolingLayer,
    ResponseNormalizationLayer,
    StepDraw,
    WeightedLayer,
)
from reproduce.models.nasnet import AuxiliaryHeadLayer, NasnetCellLayer
from reproduce.models.nasnet_specs import Part
from reproduce.models.residual import ResidualSumLayer


class Network(nn.Module):
    """A network built from ``network_spec``, initial weights drawn from ``seed``."""

    def __init__(self, network_spec: spec.NetworkSpec, seed: int) -> None:
        super().__init__()
        self.spec = network_spec
        self.layers = nn.ModuleDict()
        self._read_later = {layer.beside for layer in network_spec.layers if hasattr(layer, "beside")}
        shapes: dict[str, tuple[int, int]] = {}
        for settings, channels, size, maps, side in network_spec.shapes(network_spec.input.size):
            beside = shapes.get(getattr(settings, "beside", None))
            self.layers[settings.name] = _build_layer(settings, channels, size, seed, beside)
            shapes[settings.name] = maps, side

    def forward(self, images: Tensor, draw: StepDraw | None = None) -> Tensor:
        """Return float32 logits (N, classes).

        Args:
            images: (N, C, H, H), float32 or bfloat16, channels-last. H is the spec's input size; a network with
                adaptive pooling before its first layer of fixed size takes others too.
            draw: names the step's random masks while training; None at test.

        Raises:
            ReproduceError: the images' channels or sides do not suit the network.
        """
        expected = self.spec.input
        if tuple(images.shape[1:]) != (expected.channels, expected.size, expected.size):
            self._check_other_size(images)
        for _, output in self.outputs(images, draw):
            logits = output
        return logits.float()

    def outputs(self, images: Tensor, draw: StepDraw | None = None) -> Iterator[tuple[str, Tensor]]:
        """Yield each layer's name and output in order; arguments as in ``forward``, shapes by the spec."""
        x, kept = images, {}
        for name, layer in self.layers.items():
            beside = getattr(layer.settings, "beside", None)
            x = layer(x, draw) if beside is None else layer(x, draw, kept[beside])
            if name in self._read_later:
                kept[name] = x
            yield name, x

    def _check_other_size(self, images: Tensor) -> None:
        expected = self.spec.input
        size = images.shape[-1]
        problem = f"it reads (N, {expected.channels}, {expected.size}, {expected.size})"
        if images.dim() == 4 and images.shape[1] == expected.channels and images.shape[2] == size:
            problem = spec.size_problem(self.spec, size)
        if problem:
            raise ReproduceError(f"the network cannot take images of shape {tuple(images.shape)}: {problem}")

    def weighted_layers(self) -> list[WeightedLayer]:
        """Return the layers whose weights are drawn, in order."""
        return [layer for layer in self.modules() if isinstance(layer, WeightedLayer)]

    def trained_layers(self) -> list[WeightedLayer | BatchNormalizationLayer]:
        """Return all layers that the update rule changes, in order: ``weighted_layers`` and batch normalization."""
        return [layer for layer in self.modules() if isinstance(layer, WeightedLayer | BatchNormalizationLayer)]

    def auxiliary_heads(self) -> list[AuxiliaryHeadLayer]:
        """Return the auxiliary heads, whose losses are added to that of the outputs in training."""
        return [layer for layer in self.layers.values() if isinstance(layer, AuxiliaryHeadLayer)]


def _build_layer(
    settings: spec.Layer, channels: int, size: int, seed: int, beside: tuple[int, int] | None = None
) -> nn.Module:
    """Return the module of a layer that reads ``channels`` maps of side ``size``, and ``beside``, (maps, side)."""

    def build(part: Part) -> nn.Module:
        return _build_layer(*part, seed)

    match settings:
        case spec.Convolution():
            return ConvolutionLayer(settings, channels, seed)
        case spec.Local():
            return LocalLayer(settings, channels, size, seed)
        case spec.FullyConnected():
            return FullyConnectedLayer(settings, channels * size * size, seed)
        case spec.Pooling():
            return PoolingLayer(settings)
        case spec.AdaptivePooling():
            return AdaptivePoolingLayer(settings)
        case spec.ResponseNormalization():
            return ResponseNormalizationLayer(settings)
        case spec.BatchNormalization():
            return BatchNormalizationLayer(settings, channels)
        case spec.ResidualSum():
            return ResidualSumLayer(settings)
        case spec.Activating():
            return ActivationLayer(settings)
        case spec.NasnetCell():
            return NasnetCellLayer(settings, channels, size, beside, build)
        case spec.AuxiliaryHead():
            return AuxiliaryHeadLayer(settings, channels, size, build)
        case spec.Dropout():
            return DropoutLayer(settings)
        case _:
            assert_never(settings)
