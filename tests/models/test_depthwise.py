"""Convolutions of single maps: outputs and gradients are the library's, whatever window and stride."""

import pytest
import torch
from torch.nn import functional

from reproduce.models.depthwise import convolve_maps, suits

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize(
    ("window", "stride", "padding", "size"), [(5, 1, 2, 8), (7, 1, 3, 8), (5, 2, 1, 9), (7, 2, 2, 17), (4, 1, 0, 6)]
)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 1e-2)])
def test_outputs_and_gradients_are_the_librarys(window, stride, padding, size, dtype, tolerance):
    random = torch.Generator().manual_seed(1)
    x = torch.randn(3, 6, size, size, generator=random).to(dtype).contiguous(memory_format=torch.channels_last)
    weight = torch.randn(6, 1, window, window, generator=random).to(dtype)
    inputs = [x.requires_grad_(), weight.requires_grad_()]
    ours = convolve_maps(*inputs, None, stride, padding)
    theirs = functional.conv2d(*inputs, None, stride, padding, 1, 6)
    assert torch.equal(ours, theirs)
    direction = torch.randn(ours.shape, generator=random).to(dtype)
    for mine, other in zip(*(torch.autograd.grad(out, inputs, direction) for out in (ours, theirs)), strict=True):
        assert mine.dtype == dtype
        assert (mine - other).float().norm() <= tolerance * other.float().norm()


def test_it_is_for_large_windows_of_single_maps_without_biases_on_a_cpu():
    x = torch.zeros(1, 4, 8, 8)
    assert suits(x, torch.zeros(4, 1, 5, 5), None)
    assert not suits(x, torch.zeros(4, 1, 3, 3), None)
    assert not suits(x, torch.zeros(4, 4, 5, 5), None)
    assert not suits(x, torch.zeros(4, 1, 5, 5), torch.zeros(4))
    assert not suits(x.to("meta"), torch.zeros(4, 1, 5, 5), None)
