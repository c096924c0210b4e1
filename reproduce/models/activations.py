"""Activation functions: ReLU (paper, section 3.1), tanh, with which the paper compares it, and the identity."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


class _TanhOfBfloat16(torch.autograd.Function):
    """The same bits as torch.tanh of bf16 on a CPU, forward and backward, computed in 32 bits.

    torch's own kernel for bf16 is slower, most of all where units are saturated and its intermediate values denormal.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = torch.tanh(x.float()).to(torch.bfloat16)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        return torch.ops.aten.tanh_backward(gradient, y)


def tanh(x: Tensor) -> Tensor:
    """Return the hyperbolic tangent of ``x``, same shape and dtype."""
    in_bfloat16_on_cpu = x.dtype == torch.bfloat16 and x.device.type == "cpu"
    return _TanhOfBfloat16.apply(x) if in_bfloat16_on_cpu else torch.tanh(x)


ACTIVATIONS = {"relu": functional.relu_, "tanh": tanh, "identity": lambda x: x}
