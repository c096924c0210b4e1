"""Products of layers in bf16 on processors without bf16 instructions: float32 arithmetic, with the same rounding.

A bf16 product multiplies exactly, adds up in float32 and rounds its result. On a processor without such instructions
the operands are widened to float32 and the result is rounded to bf16; torch's own way is ten times as slow there.
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
    """Return ``function(x, weight, bias, *settings)`` in the precision of ``x``, which the other operands share.

    Where operands are widened, their gradients are rounded to bf16, as those of a bf16 product are.
    """
    if not _widened(x):
        return function(x, weight, bias, *settings)
    bias = None if bias is None else bias.float()
    return function(x.float(), weight.float(), bias, *settings).to(x.dtype)


def batched_linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return (P, N, inputs) @ (P, inputs, outputs) + (P, 1, outputs), one product for each of P places."""
    return torch.baddbmm(bias, x, weight)
