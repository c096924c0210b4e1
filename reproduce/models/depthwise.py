"""Convolutions of each map by its own window, with the ReLU before them if one comes first.

On a CPU the convolution library takes twenty times as long for some of their gradients as for others, and torch's ReLU
has a pass over memory of its own in each direction. The kernels make one pass for both.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from reproduce.models import kernels
from reproduce.models.products import product

_WINDOWS, _STRIDES = (3, 5, 7), (1, 2)


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, stride: int, padding: int, overhang: int, rectified: bool
    ) -> Tensor:
        x, weight = kernels.channels_last(x), weight.contiguous()
        (n, c, h, w), window = x.shape, weight.shape[2]
        oh, ow = ((side + 2 * padding + overhang - window) // stride + 1 for side in (h, w))
        ctx.settings = n, h, w, c, oh, ow, window, stride, padding, int(rectified)
        out = torch.empty((n, c, oh, ow), dtype=x.dtype, memory_format=torch.channels_last)
        kernels.call("depthwise_forward", x.dtype, x, weight, _whole_vectors(weight), out, *ctx.settings)
        ctx.save_for_backward(x, weight)
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        gradient = kernels.channels_last(gradient)
        of_x, of_weight = torch.empty_like(x), torch.empty_like(weight)
        tensors = x, weight, gradient, _whole_vectors(weight), of_x
        kernels.call("depthwise_input_gradient", x.dtype, *tensors, *ctx.settings)
        tensors = x, gradient, _whole_vectors(weight, len(x)), of_weight
        kernels.call("depthwise_weight_gradient", x.dtype, *tensors, *ctx.settings)
        return of_x, of_weight, None, None, None, None


def _whole_vectors(weight: Tensor, images: int = 1) -> Tensor:
    """Return float32 working space for ``images`` times the weights, the maps rounded up to whole vectors."""
    maps, window = -(-len(weight) // kernels.VECTOR_MAPS) * kernels.VECTOR_MAPS, weight.shape[2]
    return torch.empty(images * maps * window**2, dtype=torch.float32)


def convolve_maps(
    x: Tensor, weight: Tensor, stride: int, padding: int, overhang: int = 0, rectified: bool = False
) -> Tensor:
    """Return the convolution of every map of ``x``, or of max(x, 0), with its own window.

    Args:
        x: (N, C, H, W) float32 or bfloat16.
        weight: (C, 1, window, window) in the precision of ``x``.
        stride: pixels between windows.
        padding: zeros on every side, in pixels.
        overhang: more zeros at the bottom and at the right.
        rectified: whether negative values of ``x`` count as zero.

    Returns:
        (N, C, OH, OW), OH = 1 + (H + 2 padding + overhang - window) // stride, in the precision of ``x``.
    """
    if _fits(x, weight, stride, padding, overhang):
        return _Depthwise.apply(x, weight, stride, padding, overhang, rectified)
    x = functional.relu(x) if rectified else x
    if overhang:
        x = kernels.channels_last(functional.pad(x, (0, overhang, 0, overhang)))
    return product(functional.conv2d, x, weight, None, stride, padding, 1, len(weight))


def _fits(x: Tensor, weight: Tensor, stride: int, padding: int, overhang: int) -> bool:
    """Return whether the kernel can take these; of wrong shapes and precisions torch says what is wrong."""
    window, sides = weight.shape[2], x.shape[2:]
    known = window in _WINDOWS and stride in _STRIDES and padding < window and overhang < stride
    alike = weight.dtype == x.dtype and weight.shape == (x.shape[1], 1, window, window)
    within = max(sides) <= kernels.MAX_DEPTHWISE_SIDE and min(sides) + 2 * padding + overhang >= window
    return known and alike and within and kernels.usable(x)
