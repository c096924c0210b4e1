"""Parameters, multiply-accumulates and map sizes, worked by hand, and held against the tensors of the built network."""

import math

import pytest
import torch

from reproduce.models.counts import count_layers, total_multiply_accumulates, total_parameters
from reproduce.models.network import Network
from reproduce.models.spec import load_spec

pytestmark = pytest.mark.usefixtures("one_thread")

# Name, (maps, side), parameters, multiply-accumulates of the layers with weights.
# 5 x 5 x 3 = 75, 5 x 5 x 32 = 800, 5 x 5 x 64 = 1600 inputs a unit; 3 x 3 x 64 = 576, 3 x 3 x 32 = 288 in local layers.
BODY_32 = [
    ("conv1", (32, 32), 75 * 32 + 32, 32 * 32 * 32 * 75),
    ("conv2", (32, 16), 800 * 32 + 32, 16 * 16 * 32 * 800),
    ("conv3", (64, 8), 800 * 64 + 64, 8 * 8 * 64 * 800),
]
BODY_24 = [
    ("conv1", (64, 24), 75 * 64 + 64, 24 * 24 * 64 * 75),
    ("conv2", (64, 12), 1600 * 64 + 64, 12 * 12 * 64 * 1600),
]
LOCAL_32_32 = [
    ("local3", (32, 6), 36 * (576 * 32 + 32), 36 * 32 * 576),
    ("local4", (32, 6), 36 * (288 * 32 + 32), 36 * 32 * 288),
    ("fc10", (10, 1), 36 * 32 * 10 + 10, 36 * 32 * 10),
]
LAYERS = {
    "80sec": [
        *BODY_32,
        ("fc64", (64, 1), 4 * 4 * 64 * 64 + 64, 4 * 4 * 64 * 64),
        ("fc10", (10, 1), 64 * 10 + 10, 64 * 10),
    ],
    "19pct": [*BODY_32, ("fc10", (10, 1), 4 * 4 * 64 * 10 + 10, 4 * 4 * 64 * 10)],
    "conv_local_13pct": BODY_24 + LOCAL_32_32,
    "conv_local_11pct": [
        *BODY_24,
        ("local3", (64, 6), 36 * (576 * 64 + 64), 36 * 64 * 576),
        ("local4", (32, 6), 36 * (576 * 32 + 32), 36 * 32 * 576),
        ("fc10", (10, 1), 36 * 32 * 10 + 10, 36 * 32 * 10),
    ],
}
LAYERS |= {"18pct": LAYERS["19pct"], "conv_local_13pct_lrn": LAYERS["conv_local_13pct"]}
TOTALS = {
    "80sec": (145_578, 12_354_176),
    "19pct": (89_578, 12_298_240),
    "18pct": (89_578, 12_298_240),
    "conv_local_13pct": (1_116_490, 18_517_248),
    "conv_local_13pct_lrn": (1_116_490, 18_517_248),
    "conv_local_11pct": (2_112_970, 19_512_576),
}
SIDES = {
    "80sec": "conv1 32 pool1 16 conv2 16 pool2 8 conv3 8 pool3 4 fc64 1 fc10 1",
    "19pct": "conv1 32 pool1 16 conv2 16 pool2 8 conv3 8 pool3 4 fc10 1",
    "18pct": "conv1 32 pool1 16 norm1 16 conv2 16 pool2 8 norm2 8 conv3 8 pool3 4 fc10 1",
    "conv_local_13pct": "conv1 24 pool1 12 conv2 12 pool2 6 local3 6 local4 6 fc10 1",
    "conv_local_13pct_lrn": "conv1 24 norm1 24 pool1 12 conv2 12 norm2 12 pool2 6 local3 6 local4 6 fc10 1",
    "conv_local_11pct": "conv1 24 pool1 12 norm1 12 conv2 12 norm2 12 pool2 6 local3 6 local4 6 fc10 1",
}


@pytest.mark.parametrize("name", TOTALS)
def test_totals(name):
    spec = load_spec(name)
    assert (total_parameters(spec), total_multiply_accumulates(spec)) == TOTALS[name]


@pytest.mark.parametrize("name", LAYERS)
def test_each_weighted_layer(name):
    rows = [row for row in count_layers(load_spec(name)) if row.parameters]
    assert [(row.name, (row.maps, row.side), row.parameters, row.multiply_accumulates) for row in rows] == LAYERS[name]
    assert [row.outputs for row in rows] == [maps * side * side for _, (maps, side), _, _ in LAYERS[name]]


@pytest.mark.parametrize("name", SIDES)
def test_map_sides(name):
    assert " ".join(f"{row.name} {row.side}" for row in count_layers(load_spec(name))) == SIDES[name]


def test_layers_without_weights_count_nothing():
    rows = [row for row in count_layers(load_spec("18pct")) if row.name.startswith(("pool", "norm"))]
    assert len(rows) == 5
    assert {(row.parameters, row.multiply_accumulates) for row in rows} == {(0, 0)}


@pytest.mark.parametrize("name", TOTALS)
def test_the_built_network_has_these_parameters_and_map_sizes(name):
    spec = load_spec(name)
    network = Network(spec, seed=1)
    shapes = {}
    for layer_name, layer in network.layers.items():
        layer.register_forward_hook(
            lambda _, __, output, layer_name=layer_name: shapes.update({layer_name: tuple(output.shape[1:])})
        )
    with torch.no_grad():
        assert network(torch.zeros(2, 3, spec.input.size, spec.input.size)).shape == (2, 10)
    assert sum(parameter.numel() for parameter in network.parameters()) == TOTALS[name][0]
    for row in count_layers(spec):
        parameters = network.layers[row.name].parameters()
        assert sum(parameter.numel() for parameter in parameters) == row.parameters
        assert math.prod(shapes[row.name]) == row.outputs
        assert shapes[row.name][0] == row.maps
