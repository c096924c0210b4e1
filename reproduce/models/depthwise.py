"""Convolutions of each map by itself, with windows above 3 x 3 and gradients that are fast on a CPU too.

The convolution library is fast at the weight gradient of 3 x 3 windows and at the input gradient without a stride. For
other windows and strides it takes twenty times as long. The weight gradient of a larger window is therefore computed
in windows of 3 x 3; where two of them overlap, they give the same gradient. For the input gradient, a stride is undone
by zeros between the pixels of the output's gradient.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from reproduce.models import kernels

_FAST = 3


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.settings = stride, padding
        return functional.conv2d(x, weight, None, stride, padding, 1, weight.shape[0])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None]:
        x, weight = ctx.saved_tensors
        stride, padding = ctx.settings
        gradient = kernels.channels_last(gradient)
        of_input = _input_gradient(gradient, x, weight, stride, padding)
        return of_input, _weight_gradient(gradient, x, weight, stride, padding), None, None


def _gradients(gradient: Tensor, x: Tensor, weight: Tensor, stride: int, padding: int, wanted: int) -> Tensor:
    """Return the library's gradient of the input (``wanted`` 0) or of the weight (1)."""
    sizes, mask = [stride, stride], [wanted == 0, wanted == 1, False]
    ends = [padding, padding], [1, 1], False, [0, 0], weight.shape[0], mask
    return torch.ops.aten.convolution_backward(gradient, x, weight, None, sizes, *ends)[wanted]


def _input_gradient(gradient: Tensor, x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
    if stride == 1:
        return _gradients(gradient, x, weight, 1, padding, wanted=0)
    images, maps, side, _ = gradient.shape
    apart = (side - 1) * stride + 1
    spread = kernels.channels_last(gradient.new_zeros(images, maps, apart, apart))
    spread[:, :, ::stride, ::stride] = gradient
    side = apart + weight.shape[2] - 1 - 2 * padding  # side of the part of the input that windows see
    seen = kernels.channels_last(x[:, :, :side, :side])
    of_seen = _gradients(spread, seen, weight, 1, padding, wanted=0)
    return functional.pad(of_seen, (0, x.shape[3] - side, 0, x.shape[2] - side))


def _weight_gradient(gradient: Tensor, x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
    window = weight.shape[2]
    padded = functional.pad(x, (padding,) * 4)
    starts = sorted({min(start, window - _FAST) for start in range(0, window, _FAST)})
    reach = (gradient.shape[2] - 1) * stride + _FAST
    whole, corner = torch.empty_like(weight), weight[:, :, :_FAST, :_FAST].contiguous()
    for top in starts:
        for left in starts:
            seen = kernels.channels_last(padded[:, :, top : top + reach, left : left + reach])
            part = _gradients(gradient, seen, corner, stride, 0, wanted=1)
            whole[:, :, top : top + _FAST, left : left + _FAST] = part
    return whole


def convolve_maps(x: Tensor, weight: Tensor, bias: None, stride: int, padding: int, *_: int) -> Tensor:
    """Return the convolution of every map with its own window.

    Args:
        x: (N, C, H, H) float32 or bfloat16.
        weight: (C, 1, window, window), window above 3.
        bias: None, since such layers have no bias.
        stride: pixels between windows.
        padding: zeros on every side, in pixels.

    Returns:
        (N, C, side, side), side = 1 + (H + 2 padding - window) // stride, in the precision of ``x``.
    """
    return _Depthwise.apply(x, weight, stride, padding)


def suits(x: Tensor, weight: Tensor, bias: Tensor | None) -> bool:
    """Return whether ``convolve_maps`` computes this convolution, and faster than the library."""
    return x.device.type == "cpu" and weight.shape[1] == 1 and weight.shape[2] > _FAST and bias is None
