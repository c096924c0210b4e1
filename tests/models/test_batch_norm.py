"""Batch normalization: the batch's statistics in training, running ones at test, and what a spec may say of it."""

import pytest
import torch

from reproduce.base.errors import ReproduceError
from reproduce.base.validation import validated
from reproduce.models.counts import count_layers
from reproduce.models.network import Network, StepDraw
from reproduce.models.spec import NetworkSpec

pytestmark = pytest.mark.usefixtures("one_thread")

RATES = {"learning_rate": 0.1, "bias_learning_rate": 0.1, "weight_decay": 0.0}
NORM = {"name": "norm", "type": "batch_normalization", "activation": "identity", **RATES}
DENSE = {"name": "fc", "type": "fully_connected", "outputs": 4, "weight_std": 0.5, "activation": "identity", **RATES}


def network(*layers, size=3):
    content = {"source": "-", "input": {"channels": 2, "size": size}, "layers": list(layers)}
    return Network(validated(NetworkSpec, content, "n"), seed=1)


def images(count=6, size=3):
    return 3 + 5 * torch.randn(count, 2, size, size, generator=torch.Generator().manual_seed(2))


@torch.no_grad()
def test_training_takes_the_batchs_statistics_and_keeps_nine_tenths_of_the_running_ones():
    net, x = network(NORM), images()
    out = net(x, StepDraw(1, 0))
    for channel in range(2):
        values = x[:, channel].double()
        mean, population = values.mean(), values.var(unbiased=False)
        expected = (values - mean) / (population + 1e-5).sqrt()
        torch.testing.assert_close(out[:, channel].double(), expected, rtol=1e-5, atol=1e-5)
        layer = net.layers["norm"]
        assert layer.running_mean[channel].item() == pytest.approx(0.1 * mean.item(), rel=1e-5)
        assert layer.running_variance[channel].item() == pytest.approx(0.9 + 0.1 * values.var().item(), rel=1e-5)


@torch.no_grad()
def test_a_test_takes_the_running_statistics_and_changes_nothing():
    net = network(NORM | {"epsilon": 0.5, "activation": "relu"})
    layer = net.layers["norm"]
    layer.running_mean.copy_(torch.tensor([1.0, -1.0]))
    layer.running_variance.copy_(torch.tensor([3.5, 8.5]))
    layer.weight.copy_(torch.tensor([2.0, -3.0]))
    layer.bias.copy_(torch.tensor([0.5, 1.0]))
    before = {name: value.clone() for name, value in net.state_dict().items()}
    x = images()
    expected = torch.stack([(x[:, 0] - 1) / 2 * 2 + 0.5, (x[:, 1] + 1) / 3 * -3 + 1], dim=1).clamp(min=0)
    torch.testing.assert_close(net(x), expected)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_it_follows_a_fully_connected_layer_and_counts_two_parameters_a_map():
    net = network(DENSE | {"has_bias": False, "bias_learning_rate": 0.0}, NORM)
    assert net(images(), StepDraw(1, 0)).shape == (6, 4)
    assert net.layers["fc"].bias is None
    assert [row.parameters for row in count_layers(net.spec)] == [18 * 4, 2 * 4]
    assert sum(parameter.numel() for parameter in net.parameters()) == 18 * 4 + 2 * 4


@pytest.mark.parametrize("changes", [{"bias": 1.0}, {"bias_learning_rate": 0.1}, {"bias_weight_decay": 0.1}], ids=str)
def test_a_layer_without_biases_says_nothing_of_them(changes):
    with pytest.raises(ReproduceError, match="without biases"):
        network(DENSE | {"has_bias": False, "bias_learning_rate": 0.0} | changes)


@torch.no_grad()
def test_bf16_stays_near_fp32():
    x = images(64)
    full, half = (network(NORM)(x.to(dtype), StepDraw(1, 0)) for dtype in (torch.float32, torch.bfloat16))
    assert (full - half).abs().max() < 0.03 * full.abs().max()
