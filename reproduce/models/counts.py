"""Sizes and costs of a network from its spec alone: parameters, units, multiply-accumulates, training operations."""

from dataclasses import dataclass

from reproduce.models import spec


@dataclass(frozen=True)
class LayerCount:
    """Counts of one layer for one image.

    ``multiply_accumulates`` is for one forward pass; pooling, normalization, sums and activations count as zero.
    """

    name: str
    maps: int
    side: int
    parameters: int
    multiply_accumulates: int

    @property
    def outputs(self) -> int:
        """Number of units: maps x side x side."""
        return self.maps * self.side * self.side


def count_layers(network: spec.NetworkSpec) -> list[LayerCount]:
    """Return the counts of every layer in order; those of a layer made of layers are the sums over its parts."""
    rows, shapes = [], {}
    for layer, channels, size, maps, side in network.shapes(network.input.size):
        if isinstance(layer, spec.NasnetCell):
            parts = [part for _, part in layer.parts(channels, size, shapes[layer.beside])]
        elif isinstance(layer, spec.AuxiliaryHead):
            parts = [part for _, part in layer.parts(channels, size)]
        else:
            parts = [(layer, channels, size)]
        counts = [_parameters_and_multiply_accumulates(*part) for part in parts]
        rows.append(LayerCount(layer.name, maps, side, *(sum(column) for column in zip(*counts, strict=True))))
        shapes[layer.name] = maps, side
    return rows


def _parameters_and_multiply_accumulates(layer: spec.Layer, channels: int, size: int) -> tuple[int, int]:
    maps, side = layer.shape_after(channels, size)
    inputs_per_unit, weights, biases = 0, 0, 0
    if isinstance(layer, spec.Convolution):
        inputs_per_unit = layer.kernel_size**2 * channels // layer.columns
        weights, biases = inputs_per_unit * maps, maps * layer.has_bias
    elif isinstance(layer, spec.Local):
        inputs_per_unit = layer.kernel_size**2 * channels
        weights, biases = side * side * inputs_per_unit * maps, side * side * maps * layer.has_bias
    elif isinstance(layer, spec.FullyConnected):
        inputs_per_unit = channels * size * size // layer.columns
        weights, biases = inputs_per_unit * maps, maps * layer.has_bias
    elif isinstance(layer, spec.BatchNormalization):
        weights, biases = maps, maps
    return weights + biases, inputs_per_unit * maps * side * side


def weighted_counts(network: spec.NetworkSpec) -> list[LayerCount]:
    """Return the counts of the layers that have weights, in order."""
    return [row for row in count_layers(network) if row.parameters]


def total_parameters(network: spec.NetworkSpec) -> int:
    """Return the number of weights and biases."""
    return sum(row.parameters for row in count_layers(network))


def total_units(network: spec.NetworkSpec) -> int:
    """Return the number of units of the layers that have weights: what the paper counts as neurons."""
    return sum(row.outputs for row in weighted_counts(network))


def total_multiply_accumulates(network: spec.NetworkSpec) -> int:
    """Return the multiply-accumulates of one forward pass of one image."""
    return sum(row.multiply_accumulates for row in count_layers(network))


def forward_flops_per_image(network: spec.NetworkSpec) -> int:
    """Return the floating-point operations of one forward pass, multiplication and addition counted separately."""
    return 2 * total_multiply_accumulates(network)


def training_flops_per_image(network: spec.NetworkSpec) -> int:
    """Return the floating-point operations of one image in training.

    In each layer, the forward pass, the gradient of the weights and the gradient of the inputs cost the same. The first
    layer's input gradient is not needed. Updates, pooling and normalization are not counted.
    """
    first = weighted_counts(network)[0]
    return 3 * forward_flops_per_image(network) - 2 * first.multiply_accumulates
