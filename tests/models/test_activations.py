"""tanh and ReLU in bf16 on a CPU have the very bits of torch's own, in values and gradients, and nets use them."""

import pytest
import torch

from reproduce.models.activations import relu, relu_, tanh
from reproduce.models.network import Network
from reproduce.models.spec import load_spec

PATTERNS = torch.arange(-(2**15), 2**15, dtype=torch.int32).to(torch.int16).view(torch.bfloat16)


def bits(x):
    return x.detach().contiguous().view(torch.int16)


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
    finite = PATTERNS[PATTERNS.isfinite()]
    assert torch.equal(bits(tanh(finite)), bits(torch.tanh(finite)))


def test_not_a_number_stays_one():
    assert tanh(torch.tensor([float("nan")], dtype=torch.bfloat16)).isnan().all()


def test_the_networks_units_are_these():
    network = Network(load_spec("alexnet_small", {"*.activation": "tanh"}), seed=1)
    used = [layer.activation for layer in network.modules() if getattr(layer, "activation", None) is not None]
    assert used.count(tanh) == 7


@pytest.mark.parametrize("function", [relu, relu_])
def test_relu_of_every_bfloat16_number_and_its_gradient_are_torchs(implementation, function):
    gradient = PATTERNS.flip(0)  # infinities and what is not a number among them
    leaf = PATTERNS.clone().requires_grad_()
    expected = torch.relu(leaf)
    (of_expected,) = torch.autograd.grad(expected, leaf, gradient)
    ours = function(leaf * 1)
    (of_ours,) = torch.autograd.grad(ours, leaf, gradient)
    assert torch.equal(bits(ours), bits(expected))
    assert torch.equal(bits(of_ours), bits(of_expected))


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (0, 2, 3, 1), (2, 3, 0, 1)], ids=str)
def test_the_gradient_of_relu_may_lie_in_memory_in_another_order_than_the_values(implementation, order):
    generator = torch.Generator().manual_seed(1)
    x, gradient = (torch.randn(3, 5, 7, 9, generator=generator).bfloat16() for _ in range(2))
    back = tuple(torch.tensor(order).argsort().tolist())
    laid_out = x.permute(order).contiguous().permute(back)
    leaf = laid_out.clone().requires_grad_()
    (found,) = torch.autograd.grad(relu(leaf), leaf, gradient)
    assert torch.equal(found, torch.where(x > 0, gradient, torch.zeros_like(gradient)))


def test_relu_leaves_its_input_as_it_was():
    x = torch.tensor([-1.0, 2.0], dtype=torch.bfloat16, requires_grad=True)
    relu(x)
    assert x.tolist() == [-1.0, 2.0]
