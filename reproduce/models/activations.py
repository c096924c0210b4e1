"""Activation functions: ReLU (paper, section 3.1), tanh, with which the paper compares it, and the identity."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from reproduce.models import kernels


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


class _ReluOfBfloat16(torch.autograd.Function):
    """The same bits as torch's, whose gradient is several times slower in bf16."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = functional.relu(x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        if gradient.stride() != y.stride():
            gradient = torch.empty_like(y).copy_(gradient)
        in_gradient = torch.empty_like(y)
        kernels.call("relu_backward", y.dtype, y, gradient, in_gradient, y.numel())
        return in_gradient


def relu(x: Tensor) -> Tensor:
    """Return max(``x``, 0), same shape and dtype, in memory of its own."""
    return _ReluOfBfloat16.apply(x) if _has_own_gradient(x) else functional.relu(x)


def relu_(x: Tensor) -> Tensor:
    """Return max(``x``, 0), same shape and dtype; ``x`` may be overwritten."""
    return _ReluOfBfloat16.apply(x) if _has_own_gradient(x) else functional.relu_(x)


def _has_own_gradient(x: Tensor) -> bool:
    return x.dtype == torch.bfloat16 and x.requires_grad and torch.is_grad_enabled() and kernels.usable(x)


ACTIVATIONS = {"relu": relu_, "tanh": tanh, "identity": lambda x: x}
