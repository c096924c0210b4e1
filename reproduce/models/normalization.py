"""Local response normalization, across maps (paper 3.3) and within a map (cuda-convnet's rnorm).

Both forms compute y = x * d ** -beta with d = k + alpha_per_square * (sum of squares over the window). The gradient is
written out by hand, so that neither form keeps more than the input (and, within a map, d) for the backward pass.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from reproduce.models import kernels


def _sum_over_maps(x: Tensor, window: int, columns: int) -> Tensor:
    half, maps = window // 2, x.shape[1] // columns
    padded = functional.pad(x.unflatten(1, (columns, maps)), (0, 0, 0, 0, half, half))
    total = padded[:, :, :maps].clone()
    for offset in range(1, window):
        total += padded[:, :, offset : offset + maps]
    return total.flatten(1, 2)


def _sum_over_square(x: Tensor, window: int, _columns: int) -> Tensor:
    return functional.avg_pool2d(x, window, 1, window // 2, count_include_pad=True, divisor_override=1)


class _PlainNormalization(torch.autograd.Function):
    """Torch operations in float32; runs on any device and in any precision. ``columns`` 0 means within a map."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, window: int, alpha: float, beta: float, k: float, columns: int) -> Tensor:
        ctx.save_for_backward(x)
        ctx.settings = window, alpha, beta, k, columns
        values = x.float()
        window_sum = _sum_over_maps if columns else _sum_over_square
        return (values * window_sum(values.square(), window, columns).mul_(alpha).add_(k).pow_(-beta)).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        (x,) = ctx.saved_tensors
        window, alpha, beta, k, columns = ctx.settings
        values, gradient = x.float(), gradient.float()
        window_sum = _sum_over_maps if columns else _sum_over_square
        denominator = window_sum(values.square(), window, columns).mul_(alpha).add_(k)
        scale = denominator.pow(-beta)
        neighbors = window_sum(gradient * values * scale / denominator, window, columns)
        result = gradient * scale - values * neighbors * (2 * alpha * beta)
        return result.to(x.dtype), None, None, None, None, None


class _AcrossMaps(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, window: int, alpha: float, beta: float, k: float, columns: int) -> Tensor:
        x = kernels.channels_last(x)
        out = torch.empty_like(x)
        n, c, h, w = x.shape
        # Maps are innermost in memory, so the kernel can take each column of a pixel for a pixel with fewer maps.
        ctx.settings = n * h * w * columns, c // columns, window, float(alpha), float(beta), float(k)
        kernels.call("across_maps_forward", x.dtype, x, out, *ctx.settings)
        ctx.save_for_backward(x)
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        (x,) = ctx.saved_tensors
        gradient, in_gradient = kernels.channels_last(gradient), torch.empty_like(x)
        kernels.call("across_maps_backward", x.dtype, x, gradient, in_gradient, *ctx.settings)
        return in_gradient, None, None, None, None, None


class _WithinMap(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, window: int, alpha: float, beta: float, k: float) -> Tensor:
        x = kernels.channels_last(x)
        n, c, h, w = x.shape
        out, denominator = torch.empty_like(x), torch.empty_like(x, dtype=torch.float32)
        ctx.sizes, ctx.factors = (n, h, w, c, window), (float(alpha), float(beta))
        kernels.call("within_map_forward", x.dtype, x, out, denominator, *ctx.sizes, *ctx.factors, float(k))
        ctx.save_for_backward(x, denominator)
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, denominator = ctx.saved_tensors
        gradient, in_gradient = kernels.channels_last(gradient), torch.empty_like(x)
        terms = torch.empty_like(denominator)
        tensors = x, gradient, denominator, terms, in_gradient
        kernels.call("within_map_backward", x.dtype, *tensors, *ctx.sizes, *ctx.factors)
        return in_gradient, None, None, None, None


def normalize_across_maps(
    x: Tensor, window: int, alpha_per_square: float, beta: float, k: float, columns: int = 1
) -> Tensor:
    """Return x / (k + alpha_per_square * sum of squares over ``window`` neighboring maps) ** beta (paper 3.3).

    Args:
        x: (N, C, H, W) float32 or bfloat16.
        window: odd number of maps, clipped at the first and last map.
        alpha_per_square: factor of each square; torch's LocalResponseNorm has alpha / size here, and so has
            cuda-convnet (deviation D3).
        beta: exponent.
        k: additive constant.
        columns: equal runs of maps whose borders the window does not cross (deviation D4).
    """
    fits = x.shape[1] // columns <= kernels.MAX_MAPS and window <= kernels.MAX_WINDOW_ACROSS_MAPS
    if kernels.usable(x) and fits:
        return _AcrossMaps.apply(x, window, alpha_per_square, beta, k, columns)
    return _PlainNormalization.apply(x, window, alpha_per_square, beta, k, columns)


def normalize_within_map(x: Tensor, window: int, alpha_per_square: float, beta: float, k: float) -> Tensor:
    """Return ``normalize_across_maps`` with sums over a clipped ``window`` x ``window`` square of the same map instead.

    Source: cuda-convnet's rnorm.
    """
    if kernels.usable(x):
        return _WithinMap.apply(x, window, alpha_per_square, beta, k)
    return _PlainNormalization.apply(x, window, alpha_per_square, beta, k, 0)
