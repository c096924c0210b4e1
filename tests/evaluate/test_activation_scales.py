"""Activation scales of a network whose layers are worked out by hand."""

import pytest
import torch

from reproduce.base.validation import validated
from reproduce.evaluate.activation_scales import activation_scales
from reproduce.models.network import Network
from reproduce.models.spec import NetworkSpec

RATES = {"weight_std": 1.0, "learning_rate": 0.1, "bias_learning_rate": 0.1, "weight_decay": 0.0}


def test_every_layer_has_a_row_of_its_outputs_in_test_mode():
    layers = [
        {"name": "fc1", "type": "fully_connected", "outputs": 2, "activation": "relu", **RATES},
        {"name": "drop1", "type": "dropout", "keep": 0.5},
    ]
    spec = validated(NetworkSpec, {"source": "-", "input": {"channels": 1, "size": 1}, "layers": layers}, "n")
    network = Network(spec, seed=1)
    with torch.no_grad():
        network.layers["fc1"].weight.copy_(torch.tensor([[1.0], [-1.0]]))
        network.layers["fc1"].bias.copy_(torch.tensor([0.0, 2.0]))
    # images 1, 3, -1 give (1, 1), (3, 0), (0, 3); dropout halves them at test
    table = activation_scales(network, torch.tensor([1.0, 3.0, -1.0]).reshape(3, 1, 1, 1))
    assert table["layer"].tolist() == ["fc1", "drop1"]
    one, half = table.to_dict("records")
    assert one["mean"] == pytest.approx(8 / 6)
    # squared distances from 4/3, over five: 2 * (1/3)^2 + 2 * (5/3)^2 + 2 * (4/3)^2
    assert one["standard_deviation"] == pytest.approx(((2 / 9 + 50 / 9 + 32 / 9) / 5) ** 0.5)
    assert one["share_zero"] == pytest.approx(2 / 6)
    # each output takes 0, 1 and 3: squared distances 16/9 + 1/9 + 25/9, over two
    assert one["standard_deviation_over_images"] == pytest.approx((42 / 9 / 2) ** 0.5)
    for name in ("mean", "standard_deviation", "standard_deviation_over_images"):
        assert half[name] == pytest.approx(one[name] / 2)
    assert half["share_zero"] == one["share_zero"]
