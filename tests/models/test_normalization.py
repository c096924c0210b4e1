"""Response normalization against the written formula in float64, torch's own layer, and finite differences."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from reproduce.models import kernels
from reproduce.models.normalization import normalize_across_maps, normalize_within_map
from reproduce.models.spec import ResponseNormalization

pytestmark = pytest.mark.usefixtures("one_thread")

FORMS = {"across": normalize_across_maps, "within": normalize_within_map}


def formula(x, window, alpha, beta, k, form):
    """x / (k + alpha * sum of squares) ** beta in float64 numpy, one output at a time."""
    half, out = window // 2, np.zeros_like(x)
    n, c, h, w = x.shape
    for i, m, y, z in np.ndindex(n, c, h, w):
        if form == "across":
            seen = x[i, max(m - half, 0) : m + half + 1, y, z]
        else:
            seen = x[i, m, max(y - half, 0) : y + half + 1, max(z - half, 0) : z + half + 1]
        out[i, m, y, z] = x[i, m, y, z] / (k + alpha * (seen**2).sum()) ** beta
    return out


def differentiable(x, window, alpha, beta, k, form):
    """The same by torch operations in float64, so that autograd derives its gradient."""
    squares, half = x.double() ** 2, window // 2
    if form == "across":
        padded = functional.pad(squares, (0, 0, 0, 0, half, half))
        sums = padded.unfold(1, window, 1).sum(-1)
    else:
        padded = functional.pad(squares, (half,) * 4)
        sums = padded.unfold(2, window, 1).unfold(3, window, 1).sum((-1, -2))
    return x.double() / (k + alpha * sums) ** beta


def values(*shape, seed=1, scale=3.0):
    return torch.from_numpy(np.random.default_rng(seed).normal(scale=scale, size=shape).astype(np.float32))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("window", "beta", "k"), [(3, 0.75, 1.0), (5, 0.75, 2.0), (9, 0.5, 1.0), (7, 1.2, 0.5)])
def test_output_is_the_written_formula(implementation, form, window, beta, k):
    x = values(2, 7, 6, 5)
    expected = formula(x.double().numpy(), window, 0.05, beta, k, form)
    np.testing.assert_allclose(FORMS[form](x, window, 0.05, beta, k), expected, rtol=2e-6)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("maps", [1, 33, 70])
@pytest.mark.parametrize("window", [3, 5, 9])
def test_gradient_is_that_of_the_plain_formula(implementation, form, maps, window):
    x, direction = values(2, maps, 7, 6), values(2, maps, 7, 6, seed=2, scale=1.0)
    ours, plain = x.clone().requires_grad_(), x.clone().requires_grad_()
    out = FORMS[form](ours, window, 0.05, 0.75, 1.0)
    expected = differentiable(plain, window, 0.05, 0.75, 1.0, form)
    torch.testing.assert_close(out.double(), expected, rtol=3e-6, atol=1e-6)
    (gradient,) = torch.autograd.grad(out, ours, direction)
    (wanted,) = torch.autograd.grad(expected, plain, direction.double())
    torch.testing.assert_close(gradient, wanted, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("form", FORMS)
def test_gradient_agrees_with_finite_differences(implementation, form):
    x, direction = values(1, 4, 3, 3).double().numpy(), values(1, 4, 3, 3, seed=5).double().numpy()
    leaf = torch.from_numpy(x.astype(np.float32)).requires_grad_()
    (gradient,) = torch.autograd.grad(FORMS[form](leaf, 3, 0.2, 0.75, 1.0), leaf, torch.from_numpy(direction).float())
    for index in np.ndindex(*x.shape):
        step = np.zeros_like(x)
        step[index] = 1e-5
        up, down = (formula(x + sign * step, 3, 0.2, 0.75, 1.0, form) for sign in (1, -1))
        assert gradient[index] == pytest.approx(((up - down) * direction).sum() / 2e-5, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("size", [3, 5, 9])
def test_across_maps_is_torchs_layer_with_alpha_over_size(implementation, size):
    settings = {"name": "n", "type": "response_normalization", "extent": "across_maps", "window": size}
    layer = ResponseNormalization(**settings, alpha=0.3, beta=0.75, k=2.0)
    x = values(3, 33, 4, 4)
    stock = functional.local_response_norm(x, size, alpha=0.3, beta=0.75, k=2.0)
    torch.testing.assert_close(
        normalize_across_maps(x, size, layer.alpha_per_square, layer.beta, layer.k), stock, rtol=3e-6, atol=1e-6
    )


def test_a_hand_worked_place():
    # maps 1, 2, 3, 4; window 3: the second sees 1 + 4 + 9 = 14; 2 / (2 + 0.5 * 14) ** 0.5 = 2 / 3
    x = torch.tensor([1.0, 2.0, 3.0, 4.0]).view(1, 4, 1, 1)
    assert normalize_across_maps(x, 3, 0.5, 0.5, 2.0)[0, 1].item() == pytest.approx(2 / 3, rel=1e-6)
    # 3 x 3 ones, window 3: the corner sees 4, the center 9; 1 / (1 + 9) ** 1, 1 / (1 + 4) ** 1
    ones = normalize_within_map(torch.ones(1, 1, 3, 3), 3, 1.0, 1.0, 1.0)[0, 0]
    assert ones[0, 0].item() == pytest.approx(0.2, rel=1e-6) and ones[1, 1].item() == pytest.approx(0.1, rel=1e-6)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("maps", "window"), [(33, 3), (70, 5), (70, 9)])
def test_bf16_is_the_float_result_rounded_once(implementation, form, maps, window):
    x = values(2, maps, 5, 6).bfloat16()
    direction = values(2, maps, 5, 6, seed=3, scale=1.0).bfloat16()
    half, full = x.clone().requires_grad_(), x.float().requires_grad_()
    out, expected = (FORMS[form](leaf, window, 0.05, 0.75, 1.0) for leaf in (half, full))
    assert out.dtype == torch.bfloat16
    torch.testing.assert_close(out.float(), expected, rtol=2**-8, atol=1e-6)
    (gradient,) = torch.autograd.grad(out, half, direction)
    (wanted,) = torch.autograd.grad(expected, full, direction.float())
    torch.testing.assert_close(gradient.float(), wanted, rtol=2**-8, atol=1e-6)


@pytest.mark.parametrize("form", FORMS)
def test_values_of_any_size_keep_float_accuracy(implementation, form):
    x = values(1, 5, 3, 3) * torch.tensor([1e-3, 1.0, 1e3, 1e6, 1e9]).view(1, 5, 1, 1)
    expected = formula(x.double().numpy(), 3, 1e-3, 0.75, 1.0, form)
    np.testing.assert_allclose(FORMS[form](x, 3, 1e-3, 0.75, 1.0), expected, rtol=3e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("maps", [7, 64])  # 64 maps in bf16 have a kernel of their own
@pytest.mark.parametrize("beta", [0.75, 0.5])
def test_squares_beyond_float_give_what_torchs_layer_gives(implementation, dtype, maps, beta):
    x = values(1, maps, 4, 3).to(dtype)
    x[0, 3, 0, 0], x[0, 3, 1, 0], x[0, 5, 2, 0], x[0, 3, 3, 0] = 1e20, -1e30, 3e38, 1e18
    expected = functional.local_response_norm(x.float(), 3, alpha=0.03, beta=beta, k=1.0)
    assert expected[0, 3, :2, 0].eq(0).all()
    out = normalize_across_maps(x, 3, 0.01, beta, 1.0)
    torch.testing.assert_close(out.float(), expected, rtol=2**-7 if dtype == torch.bfloat16 else 3e-6, atol=1e-6)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("beta", [0.75, 0.5])
def test_squares_beyond_float_pass_back_no_gradient_and_no_nan(implementation, form, dtype, beta):
    x, direction = values(1, 64, 4, 3).to(dtype), values(1, 64, 4, 3, seed=2, scale=1.0).to(dtype)
    x[0, 3, 0, 0], x[0, 40, 3, 0] = 1e20, -3e38
    ours, exact = x.clone().requires_grad_(), x.double().requires_grad_()
    (gradient,) = torch.autograd.grad(FORMS[form](ours, 3, 0.01, beta, 1.0), ours, direction)
    (wanted,) = torch.autograd.grad(differentiable(exact, 3, 0.01, beta, 1.0, form), exact, direction.double())
    tolerance = 2**-7 if dtype == torch.bfloat16 else 1e-5
    torch.testing.assert_close(gradient.double(), wanted, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("form", FORMS)
def test_nan_comes_through_and_stays_in_its_window(implementation, form):
    x = torch.ones(1, 9, 7, 7)
    x[0, 4, 3, 3] = float("nan")
    nan = FORMS[form](x, 3, 0.1, 0.75, 1.0).isnan()
    reached = torch.zeros_like(nan)
    if form == "across":
        reached[0, 3:6, 3, 3] = True
    else:
        reached[0, 4, 2:5, 2:5] = True
    assert torch.equal(nan, reached)


def test_more_maps_than_the_kernel_holds_are_done_by_torch():
    x = values(1, kernels.MAX_MAPS + 1, 1, 2)
    expected = functional.local_response_norm(x, 5, alpha=0.1, beta=0.75, k=1.0)
    torch.testing.assert_close(normalize_across_maps(x, 5, 0.02, 0.75, 1.0), expected, rtol=3e-6, atol=1e-6)


def test_the_largest_shape_the_kernel_takes():
    x, window = values(1, kernels.MAX_MAPS, 1, 3), kernels.MAX_WINDOW_ACROSS_MAPS
    expected = functional.local_response_norm(x, window, alpha=0.1 * window, beta=0.75, k=1.0)
    torch.testing.assert_close(normalize_across_maps(x, window, 0.1, 0.75, 1.0), expected, rtol=3e-6, atol=1e-6)
