"""Batch normalization (Ioffe & Szegedy 2015): statistics of the batch in training, running ones at test."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from reproduce.models import spec
from reproduce.models.activations import ACTIVATIONS
from reproduce.models.layers import StepDraw


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
        learned = self.running_mean, self.running_variance, self.weight, self.bias
        return self.activation(functional.batch_norm(x, *learned, draw is not None, 1 - layer.keep, layer.epsilon))
