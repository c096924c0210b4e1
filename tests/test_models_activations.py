"""tanh in bf16 on a CPU has the very values and gradients of torch's own."""

import pytest
import torch

from reproduce.models.activations import ACTIVATIONS, tanh

SCALES = [0.1, 1.0, 60.0]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("scale", SCALES)
def test_values_and_gradients_are_those_of_torch(dtype, scale):
    generator = torch.Generator().manual_seed(1)
    x, gradient = ((scale * torch.randn(64, 8, 13, 13, generator=generator)).to(dtype) for _ in range(2))
    both = []
    for function in (tanh, torch.tanh):
        leaf = x.clone().requires_grad_()
        y = function(leaf)
        y.backward(gradient)
        assert y.dtype == leaf.grad.dtype == dtype
        both.append((y.detach(), leaf.grad))
    for ours, theirs in zip(*both, strict=True):
        assert torch.equal(ours, theirs)


def test_every_bfloat16_number_has_the_value_that_torch_gives_it():
    patterns = torch.arange(-(2**15), 2**15, dtype=torch.int32).to(torch.int16).view(torch.bfloat16)
    finite = patterns[patterns.isfinite()]
    assert torch.equal(tanh(finite), torch.tanh(finite))


def test_not_a_number_stays_one():
    assert tanh(torch.tensor([float("nan")], dtype=torch.bfloat16)).isnan().all()


def test_the_networks_units_are_these():
    assert ACTIVATIONS["tanh"] is tanh
