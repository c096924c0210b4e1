"""Products of layers in bf16 on processors that have none: the same rounding, by float32 arithmetic.

A bf16 product multiplies exactly, adds up in float32 and rounds its result. Processors without such instructions get
there by widening what goes in and rounding what comes out; torch's own way on them is ten times as slow.
"""

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from reproduce.base.hardware import has_native_bf16


@functools.cache
def _cpu_lacks_bf16() -> bool:
    return not has_native_bf16(torch.device("cpu"))


def _widened(x: Tensor) -> bool:
    return x.device.type == "cpu" and x.dtype == torch.bfloat16 and _cpu_lacks_bf16()


def product(function: Callable[..., Tensor], x: Tensor, weight: Tensor, bias: Tensor | None, *settings: Any) -> Tensor:
    """Return ``function(x, weight, bias, *settings)`` in the precision of the operands, which is the same for all.

    Where bf16 is widened, gradients are rounded to bf16 as they leave, as those of a bf16 product are.
    """
    if not _widened(x):
        return function(x, weight, bias, *settings)
    bias = None if bias is None else bias.float()
    return function(x.float(), weight.float(), bias, *settings).to(x.dtype)


def batched_linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return x @ weight + bias of (P, N, inputs), (P, inputs, outputs) and (P, 1, outputs): one product per place."""
    return torch.baddbmm(bias, x, weight)
