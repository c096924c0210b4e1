"""The update rule of 2012 by hand: v <- 0.9 v - rate gradient - rate decay w; w <- w + v."""

import pytest
import torch

from reproduce.base.validation import validated
from reproduce.models.network import Network
from reproduce.models.spec import NetworkSpec, load_spec
from reproduce.study.variant import LayerRates, Phase
from reproduce.train.update import MomentumUpdate

pytestmark = pytest.mark.usefixtures("one_thread")

LAYER = {"type": "fully_connected", "outputs": 1, "weight_std": 1.0, "activation": "identity"}


@pytest.fixture
def update():
    """Two layers of one weight each, with rates of their own; weights 2 and -4, biases 1 and 0.5."""
    layers = [
        LAYER | {"name": "a", "learning_rate": 0.1, "bias_learning_rate": 0.2, "weight_decay": 0.5},
        LAYER | {"name": "b", "learning_rate": 0.01, "bias_learning_rate": 0.03, "weight_decay": 0.0},
    ]
    spec = validated(NetworkSpec, {"source": "-", "input": {"channels": 1, "size": 1}, "layers": layers}, "n")
    update = MomentumUpdate(Network(spec, seed=1), momentum=0.9)
    with torch.no_grad():
        for parameter, value in zip(update.parameters, (2.0, 1.0, -4.0, 0.5), strict=True):
            parameter.fill_(value)
    return update


def phase(weight_factor, bias_factor, **layer_rates):
    rates = {"weight_rate_factor": weight_factor, "bias_rate_factor": bias_factor}
    layers = {name: LayerRates(weight_rate_factor=w, bias_rate_factor=b) for name, (w, b) in layer_rates.items()}
    return Phase(epochs=1, training_files=[1], layer_rates=layers, **rates)


def step(update, gradients, weight_factor=1.0, bias_factor=1.0):
    tensors = [torch.full_like(p, g) for p, g in zip(update.parameters, gradients, strict=True)]
    update.step(tensors, phase(weight_factor, bias_factor))
    return [parameter.item() for parameter in update.parameters]


def test_three_steps_with_a_rate_drop_between(update):
    # weight a: rate 0.1, decay 0.5, gradients 3, -1, 0
    # v = -0.1 * 3 - 0.1 * 0.5 * 2 = -0.4; w = 1.6
    # v = 0.9 * -0.4 + 0.1 * 1 - 0.05 * 1.6 = -0.34; w = 1.26
    # rate now 0.01: v = 0.9 * -0.34 - 0.005 * 1.26 = -0.3123; w = 0.9477 (the gathered velocity is not shrunk)
    # bias a: rate 0.2, no decay: v = -0.6, w = 0.4; v = -0.54 + 0.2 = -0.34, w = 0.06; v = -0.306, w = -0.246
    # weight b: rate 0.01, no decay, gradients 5, 5, 5: v = -0.05, -0.095, -0.0855 - 0.005 = -0.0905
    # bias b: rate 0.03: v = -0.15, -0.285, -0.4065 (its rate is not dropped)
    assert step(update, [3, 3, 5, 5]) == pytest.approx([1.6, 0.4, -4.05, 0.35])
    assert step(update, [-1, -1, 5, 5]) == pytest.approx([1.26, 0.06, -4.145, 0.065])
    third = step(update, [0, 0, 5, 5], weight_factor=0.1)
    assert third == pytest.approx([0.9477, -0.246, -4.2355, -0.3415], rel=1e-5)


def test_the_bias_factor_lowers_the_biases_rate_alone(update):
    # weights move as at full rate; biases by 0.2 * 0.5 * 3 = 0.3 and 0.03 * 0.5 * 5 = 0.075
    assert step(update, [3, 3, 5, 5], bias_factor=0.5) == pytest.approx([1.6, 0.7, -4.05, 0.425])


def test_decay_pulls_weights_and_never_biases(update):
    # weight a: -0.1 * 0.5 * 2 = -0.1; nothing else has decay
    assert step(update, [0, 0, 0, 0]) == pytest.approx([1.9, 1.0, -4.0, 0.5])


def test_a_frozen_layer_stands_still_and_goes_on_with_the_velocity_it_had(update):
    step(update, [3, 3, 5, 5])
    # cuda-convnet src/weights.cu: nothing at all is done where the rate is 0
    assert step(update, [9, 9, 9, 9], weight_factor=0.0)[0] == pytest.approx(1.6)
    # v = 0.9 * -0.4 - 0.1 * 0 - 0.05 * 1.6 = -0.44
    assert step(update, [0, 0, 0, 0])[0] == pytest.approx(1.16)


def test_a_layers_own_factors_take_the_place_of_the_phases(update):
    gradients = [torch.full_like(p, g) for p, g in zip(update.parameters, (3.0, 3.0, 5.0, 5.0), strict=True)]
    update.step(gradients, phase(1.0, 1.0, b=(0.1, 0.0)))
    # layer a as at full rate; weight b by 0.01 * 0.1 * 5 and its bias not at all
    assert [p.item() for p in update.parameters] == pytest.approx([1.6, 0.4, -4.005, 0.5])


def test_every_layer_of_a_published_net_keeps_its_own_rates():
    spec = load_spec("conv_local_11pct")
    update = MomentumUpdate(Network(spec, seed=1), 0.9)
    before = [parameter.detach().clone() for parameter in update.parameters]
    update.step([torch.ones_like(parameter) for parameter in update.parameters], phase(0.5, 1.0))
    decays = {"conv1": 0.0, "conv2": 0.0, "local3": 0.004, "local4": 0.004, "fc10": 0.01}
    pairs = zip(
        before[::2], update.parameters[::2], before[1::2], update.parameters[1::2], decays.values(), strict=True
    )
    for weight, new_weight, bias, new_bias, decay in pairs:
        torch.testing.assert_close(new_weight.detach(), weight - 0.0005 - 0.0005 * decay * weight)
        torch.testing.assert_close(new_bias.detach(), bias - 0.002)
