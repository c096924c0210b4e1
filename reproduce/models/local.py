"""Locally connected layers: convolution geometry, but each place has weights of its own (cuda-convnet ``local``)."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from reproduce.models import kernels
from reproduce.models.products import batched_linear, product


class _GatherPatches(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, window: int, stride: int, side: int) -> Tensor:
        x = kernels.channels_last(x)
        n, c, h, w = x.shape
        patches = torch.empty((side * side, n, window * window * c), dtype=x.dtype)
        ctx.shape, ctx.sizes = x.shape, (n, h, w, c, side, side, window, stride)
        kernels.call("gather_patches", x.dtype, x, patches, *ctx.sizes)
        return patches

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        gradient = gradient.contiguous()
        in_gradient = torch.empty(ctx.shape, dtype=gradient.dtype, memory_format=torch.channels_last)
        kernels.call("scatter_patches", gradient.dtype, gradient, in_gradient, *ctx.sizes)
        return in_gradient, None, None, None


def gather_patches(x: Tensor, window: int, stride: int, side: int) -> Tensor:
    """Return the ``side`` x ``side`` patches of an already padded image.

    Args:
        x: (N, C, H, W) with H = W >= (side - 1) * stride + window.
        window: side of a patch in pixels.
        stride: pixels between patches.
        side: number of patches in a row and in a column.

    Returns:
        (side * side, N, window * window * C), a patch ordered (row, column, map).
    """
    if kernels.usable(x) and window <= kernels.MAX_POOLING_WINDOW:
        return _GatherPatches.apply(x, window, stride, side)
    patches = x.unfold(2, window, stride).unfold(3, window, stride)[:, :, :side, :side]
    return patches.permute(2, 3, 0, 4, 5, 1).reshape(side * side, x.shape[0], -1)


def locally_connected(x: Tensor, weight: Tensor, bias: Tensor, window: int, stride: int, padding: int) -> Tensor:
    """Return the outputs of a locally connected layer, before its activation.

    Args:
        x: (N, C, H, H).
        weight: (places, window * window * C, filters), places = side * side in row order.
        bias: (places, filters).
        window, stride, padding: in pixels.

    Returns:
        (N, filters, side, side), channels-last in memory.
    """
    side = round(weight.shape[0] ** 0.5)
    overhang = (side - 1) * stride + window - x.shape[2] - 2 * padding
    far = padding + max(overhang, 0)
    padded = functional.pad(x, (padding, far, padding, far))
    patches = gather_patches(padded, window, stride, side)
    out = product(batched_linear, patches, weight, bias.unsqueeze(1))
    return out.view(side, side, x.shape[0], -1).permute(2, 3, 0, 1)
