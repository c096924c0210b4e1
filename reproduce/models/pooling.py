"""Max and average pooling over clipped windows, with output sizes rounded up (cuda-convnet PoolLayerParser)."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from reproduce.models import kernels
from reproduce.models.spec import rounded_up_size


def _pooled_shape(x: Tensor, window: int, stride: int, padding: int = 0) -> tuple[int, int, int, int]:
    n, c, *sides = x.shape
    # A window that would begin beyond the image has no pixels; torch leaves it out too.
    oh, ow = (min(rounded_up_size(s, window, stride, padding), 1 + (s + padding - 1) // stride) for s in sides)
    return n, c, oh, ow


def _empty_like_map(x: Tensor, shape: tuple[int, ...], dtype: torch.dtype | None = None) -> Tensor:
    return torch.empty(shape, dtype=dtype or x.dtype, memory_format=torch.channels_last)


def _sizes(shape: tuple[int, ...], pooled: tuple[int, ...], window: int, stride: int) -> tuple[int, ...]:
    n, c, h, w = shape
    return n, h, w, c, pooled[2], pooled[3], window, stride


class _MaxPool(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, window: int, stride: int) -> Tensor:
        x = kernels.channels_last(x)
        shape = _pooled_shape(x, window, stride)
        out, place = _empty_like_map(x, shape), _empty_like_map(x, shape, torch.uint8)
        ctx.sizes, ctx.shape = _sizes(x.shape, shape, window, stride), x.shape
        kernels.call("max_pool_forward", x.dtype, x, out, place, *ctx.sizes)
        ctx.save_for_backward(place)
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (place,) = ctx.saved_tensors
        gradient = kernels.channels_last(gradient)
        in_gradient = _empty_like_map(gradient, ctx.shape)
        kernels.call("max_pool_backward", gradient.dtype, gradient, place, in_gradient, *ctx.sizes)
        return in_gradient, None, None


class _AveragePool(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, window: int, stride: int, padding: int) -> Tensor:
        x = kernels.channels_last(x)
        out = _empty_like_map(x, _pooled_shape(x, window, stride, padding))
        ctx.sizes, ctx.shape = (*_sizes(x.shape, out.shape, window, stride), padding), x.shape
        kernels.call("average_pool_forward", x.dtype, x, out, *ctx.sizes)
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        gradient = kernels.channels_last(gradient)
        in_gradient = _empty_like_map(gradient, ctx.shape)
        kernels.call("average_pool_backward", gradient.dtype, gradient, in_gradient, *ctx.sizes)
        return in_gradient, None, None, None


def max_pool(x: Tensor, window: int, stride: int) -> Tensor:
    """Return the largest value of each clipped window.

    Args:
        x: (N, C, H, W) float.
        window: side of the square window in pixels, any size (above 15 torch does the work).
        stride: pixels between windows.

    Returns:
        (N, C, OH, OW), OH = 1 + ceil((H - window) / stride), less a window that would begin beyond the image.
    """
    if kernels.usable(x) and window <= kernels.MAX_POOLING_WINDOW:
        return _MaxPool.apply(x, window, stride)
    return functional.max_pool2d(x, window, stride, ceil_mode=True)


def average_pool(x: Tensor, window: int, stride: int, padding: int = 0) -> Tensor:
    """Return the mean of each clipped window over the pixels inside the image; shapes as in ``max_pool``.

    With ``padding``, at most half the window, windows start so many pixels before the image, and OH grows accordingly.
    """
    if kernels.usable(x) and window <= kernels.MAX_POOLING_WINDOW:
        return _AveragePool.apply(x, window, stride, padding)
    return functional.avg_pool2d(x, window, stride, padding, ceil_mode=True, count_include_pad=False)
