"""Sums of a layer and an earlier one: residual learning (He et al. 2016, section 3)."""

from torch import Tensor, nn
from torch.nn import functional

from reproduce.models import spec
from reproduce.models.activations import ACTIVATIONS
from reproduce.models.layers import StepDraw
from reproduce.models.strided import strided


class ResidualSumLayer(nn.Module):
    """(N, C, H, H) plus the shortcut (N, C', H', H'), C' <= C and H' a multiple of H -> (N, C, H, H)."""

    def __init__(self, settings: spec.ResidualSum) -> None:
        super().__init__()
        self.settings = settings
        self.activation = ACTIVATIONS[settings.activation]

    def forward(self, x: Tensor, draw: StepDraw | None, beside: Tensor) -> Tensor:
        stride = beside.shape[2] // x.shape[2]
        shortcut = strided(beside, stride)
        more = x.shape[1] - shortcut.shape[1]
        if more:
            shortcut = functional.pad(shortcut, (0, 0, 0, 0, 0, more))
        return self.activation(x + shortcut)
