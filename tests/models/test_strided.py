"""Every n-th row and column: the values and the gradient of slicing, with maps innermost in memory."""

import pytest
import torch

from reproduce.models.strided import strided


@pytest.mark.parametrize(("stride", "first"), [(1, 0), (2, 0), (2, 1), (3, 2)])
def test_values_and_gradients_are_those_of_a_slice(implementation, stride, first):
    random = torch.Generator().manual_seed(1)
    x = torch.randn(2, 5, 8, 8, generator=random).contiguous(memory_format=torch.channels_last).requires_grad_()
    out, expected = strided(x, stride, first), x[:, :, first::stride, first::stride]
    assert torch.equal(out, expected)
    direction = torch.randn(out.shape, generator=random).contiguous(memory_format=torch.channels_last)
    gradients = [torch.autograd.grad(value, x, direction)[0] for value in (out, expected)]
    assert torch.equal(*gradients)
    assert implementation == "torch" or gradients[0].is_contiguous(memory_format=torch.channels_last)
