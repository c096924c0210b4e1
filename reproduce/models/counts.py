"""What a network holds and costs: parameters, outputs and multiply-accumulates per layer, from its spec alone."""

from dataclasses import dataclass

from reproduce.models import spec
from reproduce.models.spec import output_shape


@dataclass(frozen=True)
class LayerCount:
    """Counts of one layer for one image.

    ``multiply_accumulates`` is for one forward pass; pooling, normalization and activations count as none.
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
    """Return the counts of every layer in order."""
    rows, channels, size = [], network.input.channels, network.input.size
    for layer in network.layers:
        maps, side = output_shape(layer, channels, size)
        inputs_per_unit, weights, biases = 0, 0, 0
        if isinstance(layer, spec.Convolution | spec.Local):
            inputs_per_unit = layer.kernel_size**2 * channels
            places = side * side if isinstance(layer, spec.Local) else 1
            weights, biases = places * inputs_per_unit * maps, places * maps
        elif isinstance(layer, spec.FullyConnected):
            inputs_per_unit = channels * size * size
            weights, biases = inputs_per_unit * maps, maps
        rows.append(LayerCount(layer.name, maps, side, weights + biases, inputs_per_unit * maps * side * side))
        channels, size = maps, side
    return rows


def total_parameters(network: spec.NetworkSpec) -> int:
    """Return the number of weights and biases."""
    return sum(row.parameters for row in count_layers(network))


def total_multiply_accumulates(network: spec.NetworkSpec) -> int:
    """Return the multiply-accumulates of one forward pass of one image."""
    return sum(row.multiply_accumulates for row in count_layers(network))
