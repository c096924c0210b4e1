"""Locally connected layers against loops over places, and against a shared convolution."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from reproduce.models.local import gather_patches, locally_connected

pytestmark = pytest.mark.usefixtures("one_thread")

# size, window, stride, padding, side: fitting, overhanging, strided
GEOMETRIES = [(6, 3, 1, 1, 6), (7, 3, 2, 0, 3), (8, 3, 2, 0, 4), (5, 2, 3, 0, 2), (9, 5, 2, 2, 5)]


def case(size, window, side, maps=5, filters=4, images=3):
    random = np.random.default_rng(size * 10 + window)
    shapes = (images, maps, size, size), (side * side, window * window * maps, filters), (side * side, filters)
    return [torch.from_numpy(random.normal(size=shape).astype(np.float32)) for shape in shapes]


def looped(x, weight, bias, window, stride, padding, side):
    """One place and filter at a time, float64; works on tensors so that autograd gives reference gradients."""
    far = max((side - 1) * stride + window - x.shape[2] - padding, padding)
    padded = functional.pad(x, (padding, far, padding, far))
    rows = []
    for place in range(side * side):
        y, z = place // side * stride, place % side * stride
        patch = padded[:, :, y : y + window, z : z + window].permute(0, 2, 3, 1).reshape(len(x), -1)
        rows.append(patch @ weight[place] + bias[place])
    return torch.stack(rows, 2).reshape(len(x), -1, side, side)


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_outputs_and_gradients_equal_loops(implementation, geometry):
    size, window, stride, padding, side = geometry
    tensors = case(size, window, side)
    ours = [tensor.clone().requires_grad_() for tensor in tensors]
    plain = [tensor.double().requires_grad_() for tensor in tensors]
    out = locally_connected(*ours, window, stride, padding)
    expected = looped(*plain, window, stride, padding, side)
    assert out.shape == (3, 4, side, side)
    torch.testing.assert_close(out.double(), expected, rtol=1e-5, atol=1e-5)
    direction = torch.randn(out.shape, generator=torch.Generator().manual_seed(1))
    gradients = torch.autograd.grad(out, ours, direction)
    wanted = torch.autograd.grad(expected, plain, direction.double())
    for gradient, reference in zip(gradients, wanted, strict=True):
        torch.testing.assert_close(gradient.double(), reference, rtol=1e-5, atol=1e-5)


def test_equal_weights_everywhere_make_a_convolution(implementation):
    x, weight, bias = case(6, 3, 6)
    shared = weight[:1].expand_as(weight), bias[:1].expand_as(bias)
    kernel = weight[0].view(3, 3, 5, 4).permute(3, 2, 0, 1)  # (row, column, map, filter) -> torch's order
    expected = functional.conv2d(x, kernel, bias[0], padding=1)
    torch.testing.assert_close(locally_connected(x, *shared, 3, 1, 1), expected, rtol=1e-5, atol=1e-5)


def test_weights_of_one_place_reach_that_place_only(implementation):
    x, weight, bias = case(6, 3, 6)
    before = locally_connected(x, weight, bias, 3, 1, 1)
    weight[7] += 1
    changed = (locally_connected(x, weight, bias, 3, 1, 1) != before).any(0).any(0)
    assert changed.nonzero().tolist() == [[1, 1]]  # place 7 of 6 x 6 is row 1, column 1


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("maps", [1, 33, 70])
def test_patches_equal_unfold(implementation, geometry, maps):
    size, window, stride, _, _ = geometry
    side = (size - window) // stride + 1
    x, _, _ = case(size, window, side, maps=maps)
    leaf, plain = x.clone().requires_grad_(), x.clone().requires_grad_()
    patches = gather_patches(leaf, window, stride, side)
    unfolded = functional.unfold(plain, window, stride=stride)  # (N, C * window * window, places), map first
    expected = unfolded.view(3, maps, window * window, side * side).permute(3, 0, 2, 1).reshape(patches.shape)
    assert torch.equal(patches, expected)
    direction = torch.randn(patches.shape, generator=torch.Generator().manual_seed(2))
    (gradient,) = torch.autograd.grad(patches, leaf, direction)
    (wanted,) = torch.autograd.grad(expected, plain, direction)
    torch.testing.assert_close(gradient, wanted, rtol=1e-6, atol=1e-6)


def test_bf16_within_its_rounding(implementation):
    x, weight, bias = (tensor.bfloat16() for tensor in case(6, 3, 6, maps=33))
    out = locally_connected(x, weight, bias, 3, 1, 1)
    expected = looped(x.double(), weight.double(), bias.double(), 3, 1, 1, 6)
    # products of 297 terms of unit size accumulate in float; one rounding to 8 bits at the end
    torch.testing.assert_close(out.double(), expected, rtol=2**-7, atol=2e-2)
