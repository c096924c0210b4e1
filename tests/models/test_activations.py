"""tanh in bf16 on a CPU has the very bits of torch's own, in values and gradients, and is what the networks use."""

import pytest
import torch

from reproduce.models.activations import tanh
from reproduce.models.network import Network
from reproduce.models.spec import load_spec


def bits(x):
    return x.detach().view(torch.int16)


@pytest.mark.parametrize("scale", [0.1, 1.0, 60.0])
def test_values_and_gradients_are_those_of_torch(scale):
    generator = torch.Generator().manual_seed(1)
    x, gradient = ((scale * torch.randn(64, 8, 13, 13, generator=generator)).bfloat16() for _ in range(2))
    both = []
    for function in (tanh, torch.tanh):
        leaf = x.clone().requires_grad_()
        y = function(leaf)
        y.backward(gradient)
        both.append((bits(y), bits(leaf.grad)))
    for ours, theirs in zip(*both, strict=True):
        assert torch.equal(ours, theirs)


def test_every_bfloat16_number_has_the_value_that_torch_gives_it():
    patterns = torch.arange(-(2**15), 2**15, dtype=torch.int32).to(torch.int16).view(torch.bfloat16)
    finite = patterns[patterns.isfinite()]
    assert torch.equal(bits(tanh(finite)), bits(torch.tanh(finite)))


def test_not_a_number_stays_one():
    assert tanh(torch.tensor([float("nan")], dtype=torch.bfloat16)).isnan().all()


def test_the_networks_units_are_these():
    network = Network(load_spec("alexnet_small", {"*.activation": "tanh"}), seed=1)
    used = [layer.activation for layer in network.modules() if getattr(layer, "activation", None) is not None]
    assert used.count(tanh) == 7
