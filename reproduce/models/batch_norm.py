"""Batch normalization (Ioffe & Szegedy 2015): statistics of the batch in training, running ones at test."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from reproduce.models import kernels, spec
from reproduce.models.activations import ACTIVATIONS
from reproduce.models.layers import StepDraw


class _BatchNormalized(torch.autograd.Function):
    """Normalization by the batch's statistics and the ReLU after it, if there is one, in two passes each way."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        running: tuple[Tensor, Tensor],
        rates: tuple[float, float],
        rectified: bool,
    ) -> Tensor:
        x, maps = _maps_innermost(x), x.shape[1]
        out, mean, inverse = torch.empty_like(x), torch.empty_like(weight), torch.empty_like(weight)
        ctx.sizes = x.numel() // maps, maps, int(rectified)
        tensors = x, weight, bias, _chunk_sums(*ctx.sizes), mean, inverse, *running, out
        kernels.call("batch_norm_forward", x.dtype, *tensors, *ctx.sizes, *rates)
        ctx.save_for_backward(x, weight, bias, mean, inverse)
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, *others = ctx.saved_tensors
        of_x, of_weight, of_bias = (torch.empty_like(tensor) for tensor in (x, *others[:2]))
        tensors = x, _maps_innermost(gradient), *others, _chunk_sums(*ctx.sizes), of_x, of_weight, of_bias
        kernels.call("batch_norm_backward", x.dtype, *tensors, *ctx.sizes)
        return of_x, of_weight, of_bias, None, None, None


def _maps_innermost(x: Tensor) -> Tensor:
    return kernels.channels_last(x) if x.dim() == 4 else x.contiguous()


def _chunk_sums(pixels: int, maps: int, _rectified: int) -> Tensor:
    """Return working space of the kernels: two sums for each chunk of pixels and each map."""
    return torch.empty(-(-pixels // kernels.BATCH_NORM_CHUNK), 2, maps, dtype=torch.float32)


class BatchNormalizationLayer(nn.Module):
    """(N, C, H, W) or (N, C) -> the same shape, each map normalized, scaled and shifted, then the activation.

    ``weight`` and ``bias`` (C,) are learned. ``running_mean`` and ``running_variance`` (C,) are buffers: a checkpoint
    holds them, and a pass in training changes them. The running variance is the unbiased one, as in torch.
    """

    def __init__(self, settings: spec.BatchNormalization, channels: int) -> None:
        super().__init__()
        self.settings = settings
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_variance", torch.ones(channels))
        self.activation = ACTIVATIONS[settings.activation]

    def forward(self, x: Tensor, draw: StepDraw | None) -> Tensor:
        layer = self.settings
        running, momentum = (self.running_mean, self.running_variance), 1 - layer.keep
        if draw is not None and self._fits(x):
            rates, rectified = (momentum, layer.epsilon), layer.activation == "relu"
            return _BatchNormalized.apply(x, self.weight, self.bias, running, rates, rectified)
        learned = *running, self.weight, self.bias
        return self.activation(functional.batch_norm(x, *learned, draw is not None, momentum, layer.epsilon))

    def _fits(self, x: Tensor) -> bool:
        """Return whether the kernel can take ``x`` in training."""
        several = x.numel() > x.shape[1]  # of a single value torch says that it has no variance
        known = self.settings.activation in ("relu", "identity") and x.dim() in (2, 4)
        return several and known and self.weight.dtype == torch.float32 and kernels.usable(x)
