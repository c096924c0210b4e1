"""Nesterov's momentum against torch's, rates that fall along a cosine, and gradients clipped at a norm."""

import math

import pytest
import torch

from reproduce.base.errors import ReproduceError
from reproduce.base.validation import validated
from reproduce.models.network import Network
from reproduce.models.spec import NetworkSpec
from reproduce.study.variant import LayerRates, Phase
from reproduce.train.later_update import NesterovUpdate, clipped

FC = {"name": "fc", "type": "fully_connected", "outputs": 2, "weight_std": 1.0, "activation": "identity"}
FC |= {"learning_rate": 0.1, "bias_learning_rate": 0.1, "weight_decay": 0.3, "bias_weight_decay": 0.3}
PHASE = {"epochs": 4, "training_files": [1], "weight_rate_factor": 1.0}


def network():
    content = {"source": "-", "input": {"channels": 3, "size": 1}, "layers": [FC]}
    return Network(validated(NetworkSpec, content, "n"), seed=1)


def test_nesterovs_momentum_is_torchs_at_a_constant_rate():
    ours, theirs = network(), network()
    update = NesterovUpdate(ours, momentum=0.9)
    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.3)
    for step in range(4):
        random = torch.Generator().manual_seed(step)
        gradients = [torch.randn(parameter.shape, generator=random) for parameter in theirs.parameters()]
        for parameter, gradient in zip(theirs.parameters(), gradients, strict=True):
            parameter.grad = gradient.clone()
        update.step(gradients, Phase(**PHASE))
        optimizer.step()
        for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            torch.testing.assert_close(mine, other)


def test_a_frozen_layer_stands_still():
    net = network()
    before = [parameter.detach().clone() for parameter in net.parameters()]
    update = NesterovUpdate(net, momentum=0.9)
    update.step([torch.ones_like(parameter) for parameter in before], Phase(**PHASE | {"weight_rate_factor": 0.0}))
    weight, bias = net.parameters()
    assert torch.equal(weight, before[0]) and not torch.equal(bias, before[1])


def test_a_cosine_falls_from_the_phases_rates_to_zero_for_every_layer():
    layers = {"fc": LayerRates(weight_rate_factor=0.5, bias_rate_factor=2.0)}
    phase = Phase(**PHASE | {"bias_rate_factor": 0.1}, course="cosine", layer_rates=layers)
    assert phase.at(0.0).rate_factors("conv") == (1.0, 0.1)
    assert phase.at(0.5).rate_factors("conv") == pytest.approx((0.5, 0.05))
    assert phase.at(0.25).rate_factors("fc") == pytest.approx((0.25 * (1 + math.sqrt(0.5)), 1 + math.sqrt(0.5)))
    assert phase.at(1.0).rate_factors("fc") == pytest.approx((0.0, 0.0), abs=1e-12)
    constant = Phase(**PHASE)
    assert constant.at(0.7) is constant


def test_a_cosine_needs_a_length_that_is_known():
    with pytest.raises(ReproduceError, match="course: cosine needs until: epochs"):
        validated(Phase, PHASE | {"course": "cosine", "until": "training_error_reached"}, "v")


def test_gradients_are_shortened_together_and_only_where_they_are_long():
    gradients = [torch.tensor([3.0, 0.0]), torch.tensor([[4.0]])]
    assert clipped(gradients, None) is gradients
    assert [each.tolist() for each in clipped(gradients, 6.0)] == [[3.0, 0.0], [[4.0]]]
    short = clipped(gradients, 2.5)
    assert [each.flatten().tolist() for each in short] == [[1.5, 0.0], [2.0]]
