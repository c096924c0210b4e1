"""Pooling over clipped windows against loops written out, with gradients, and against torch's ceil mode."""

from functools import partial

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch.nn import functional

from reproduce.models import kernels
from reproduce.models.layer_specs import Pooling
from reproduce.models.layers import PoolingLayer
from reproduce.models.pooling import average_pool, max_pool

pytestmark = pytest.mark.usefixtures("one_thread")

# side, window, stride; windows that hang over, that fit, that overlap or not, that exceed the image
GEOMETRIES = [
    (32, 3, 2),
    (24, 3, 2),
    (7, 3, 2),
    (6, 2, 2),
    (7, 2, 2),
    (5, 3, 3),
    (9, 5, 2),
    (8, 3, 1),
    (2, 3, 2),
    (10, 4, 3),
]


def looped(x, gradient_of, window, stride, reduce):
    """Pool (N, C, H, W) float64 by loops; return the output and the input gradient for the output gradient given."""
    n, c, side, _ = x.shape
    out_side = 1 + -(-(side - window) // stride)
    out = np.zeros((n, c, out_side, out_side))
    in_gradient = np.zeros_like(x)
    for index in np.ndindex(*out.shape):
        i, k, oy, ox = index
        rows = slice(oy * stride, min(oy * stride + window, side))
        columns = slice(ox * stride, min(ox * stride + window, side))
        patch = x[i, k, rows, columns]
        if reduce == "max":
            out[index] = patch.max()
            y, x_ = np.unravel_index(patch.argmax(), patch.shape)
            in_gradient[i, k, rows.start + y, columns.start + x_] += gradient_of[index]
        else:
            out[index] = patch.sum() / patch.size
            in_gradient[i, k, rows, columns] += gradient_of[index] / patch.size
    return out, in_gradient


def case(side, window, stride, maps=3, ties=False):
    random = np.random.default_rng(side * 100 + window * 10 + stride)
    out_side = 1 + -(-(side - window) // stride)
    values = random.integers(-2, 3, size=(2, maps, side, side)) if ties else random.normal(size=(2, maps, side, side))
    return values.astype(np.float32), random.normal(size=(2, maps, out_side, out_side)).astype(np.float32)


def applied(pool, values, gradient, *geometry):
    x = torch.from_numpy(values).requires_grad_()
    out = pool(x, *geometry)
    return out.detach().numpy(), torch.autograd.grad(out, x, torch.from_numpy(gradient))[0].numpy()


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize(("pool", "reduce"), [(max_pool, "max"), (average_pool, "mean")])
def test_pooling_equals_loops(implementation, pool, reduce, geometry):
    values, gradient = case(*geometry)
    out, in_gradient = applied(pool, values, gradient, *geometry[1:])
    expected, expected_gradient = looped(values.astype(float), gradient.astype(float), *geometry[1:], reduce)
    assert out.shape == expected.shape
    np.testing.assert_allclose(out, expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(in_gradient, expected_gradient, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize(
    ("pool", "stock"),
    [(max_pool, functional.max_pool2d), (average_pool, functional.avg_pool2d)],
    ids=["max", "average"],
)
def test_kernels_equal_torch_in_ceil_mode(pool, stock, geometry):
    if kernels.library() is None:
        pytest.skip("no C compiler here")
    values, gradient = case(*geometry, maps=70)
    ours = applied(pool, values, gradient, *geometry[1:])
    theirs = applied(lambda x, w, s: stock(x, w, s, ceil_mode=True), values, gradient, *geometry[1:])
    for our, their in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(our, their, rtol=1e-6, atol=1e-6)


def test_the_first_of_equal_values_gets_the_gradient(implementation):
    values, gradient = case(9, 3, 2, maps=5, ties=True)
    _, in_gradient = applied(max_pool, values, gradient, 3, 2)
    _, expected = looped(values.astype(float), gradient.astype(float), 3, 2, "max")
    np.testing.assert_allclose(in_gradient, expected, rtol=1e-6, atol=1e-6)


def test_a_clipped_average_divides_by_the_pixels_inside(implementation):
    x = torch.arange(16.0).view(1, 1, 4, 4)
    # windows 3, stride 2 on 4: rows 0-2 and 2-3. Means: of 0..10 without 3, 7 ...; 2 columns; 2 rows; the corner's four
    expected = [[5.0, 6.5], [11.0, 12.5]]
    assert average_pool(x, 3, 2)[0, 0].tolist() == expected


def test_an_average_of_2011_divides_by_the_whole_window(implementation):
    """convLocalPool with AvgPooler(sizeX * sizeX), until 2012-07-17: the sums of 9, 6, 6 and 4 pixels, all over 9."""
    layer = PoolingLayer(Pooling(name="pool", type="average_pooling", window=3, stride=2, divisor="window"))
    x = torch.arange(16.0).view(1, 1, 4, 4).requires_grad_()
    out = layer(x, None)
    torch.testing.assert_close(out, torch.tensor([[[[45.0, 39.0], [66.0, 50.0]]]]) / 9)
    (gradient,) = torch.autograd.grad(out.sum(), x)
    inside = torch.tensor([1.0, 1.0, 2.0, 1.0])  # windows that hold each row, and each column
    torch.testing.assert_close(gradient[0, 0], torch.outer(inside, inside) / 9)


def test_the_divisor_is_for_averages():
    with pytest.raises(ValidationError, match="divisor: window is for average_pooling"):
        Pooling(name="pool", type="max_pooling", window=3, stride=2, divisor="window")


@pytest.mark.parametrize("at", [(0, 0), (1, 1), (2, 2), (3, 3)])
def test_nan_propagates_through_max_pooling(implementation, at):
    x = torch.ones(1, 33, 4, 4)
    x[0, 32, at[0], at[1]] = float("nan")
    out = max_pool(x, 3, 2)
    assert out[0, 32].isnan().any()
    assert out[0, :32].isfinite().all()


@pytest.mark.parametrize("pool", [max_pool, average_pool])
@pytest.mark.parametrize("maps", [1, 33, 70])
def test_bf16_is_float_rounded_once(implementation, pool, maps):
    values, gradient = case(9, 3, 2, maps=maps)
    x = torch.from_numpy(values).bfloat16().requires_grad_()
    out = pool(x, 3, 2)
    assert out.dtype == torch.bfloat16
    reference = x.detach().float().requires_grad_()
    expected = pool(reference, 3, 2)
    # bf16 keeps 8 significant bits: half a unit in the last place is 2 ** -9 of the value
    torch.testing.assert_close(out.float(), expected.detach(), rtol=2**-8, atol=1e-6)
    (in_gradient,) = torch.autograd.grad(out, x, torch.from_numpy(gradient).bfloat16())
    (wanted,) = torch.autograd.grad(expected, reference, torch.from_numpy(gradient).bfloat16().float())
    # torch's own bf16 gradient rounds at every addition, of at most four terms
    tolerance = 2**-8 if implementation == "kernels" else 2**-6
    torch.testing.assert_close(in_gradient.float(), wanted, rtol=tolerance, atol=tolerance)


def test_windows_beyond_the_kernels_reach_are_done_by_torch():
    values, gradient = case(40, 17, 5)
    out, _ = applied(average_pool, values, gradient, 17, 5)
    expected, _ = looped(values.astype(float), gradient.astype(float), 17, 5, "mean")
    np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("side", "window", "stride", "padding"), [(8, 3, 1, 1), (7, 3, 1, 1), (1, 3, 1, 1), (9, 5, 2, 2)]
)
def test_averages_that_start_before_the_image_count_the_pixels_inside(implementation, side, window, stride, padding):
    values = np.random.default_rng(1).normal(size=(2, 33, side, side)).astype(np.float32)
    x = torch.from_numpy(values).double()
    padded = [functional.pad(value, (padding,) * 4) for value in (x, torch.ones_like(x))]
    sums, counts = (functional.avg_pool2d(value, window, stride, divisor_override=1) for value in padded)
    leaf = torch.from_numpy(values).requires_grad_()
    out = average_pool(leaf, window, stride, padding)
    torch.testing.assert_close(out.double(), sums / counts, rtol=1e-6, atol=1e-6)
    direction = torch.randn(out.shape, generator=torch.Generator().manual_seed(1))
    (found,) = torch.autograd.grad(out, leaf, direction)
    exact = x.requires_grad_()
    expected = functional.avg_pool2d(functional.pad(exact, (padding,) * 4), window, stride, divisor_override=1) / counts
    (wanted,) = torch.autograd.grad(expected, exact, direction.double())
    torch.testing.assert_close(found.double(), wanted, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("pool", "side", "geometry"),
    [(max_pool, 5, (1, 3)), (max_pool, 4, (1, 2)), (average_pool, 7, (2, 4)), (average_pool, 3, (2, 2, 1))],
)
def test_no_window_begins_beyond_the_image(implementation, pool, side, geometry):
    x = torch.rand(2, 33, side, side, generator=torch.Generator().manual_seed(1)).requires_grad_()
    stock = functional.max_pool2d if pool is max_pool else partial(functional.avg_pool2d, count_include_pad=False)
    out, expected = pool(x, *geometry), stock(x, *geometry, ceil_mode=True)
    torch.testing.assert_close(out, expected)
    gradients = (torch.autograd.grad(value.sum(), x)[0] for value in (out, expected))
    torch.testing.assert_close(*gradients)
