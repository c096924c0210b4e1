"""Layers that came after 2012: their fields, and what they read besides the layer before them."""

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat

from reproduce.models.layer_base import Activation, BaseLayer, Name, NonNegative


class BatchNormalization(BaseLayer):
    """(x - mean) / sqrt(variance + epsilon) * weight + bias for each map (Ioffe & Szegedy 2015).

    In training mean and variance are those of the batch; at test they are running ones, of which ``keep`` stays at each
    update. Weights start at 1 and biases at 0; their rates and decays are those of the first phase.
    """

    type: Literal["batch_normalization"]
    keep: Annotated[float, Field(ge=0, lt=1)] = 0.9
    epsilon: PositiveFloat = 1e-5
    learning_rate: NonNegative
    bias_learning_rate: NonNegative
    weight_decay: NonNegative
    bias_weight_decay: NonNegative = 0.0
    activation: Activation


class ResidualSum(BaseLayer):
    """The layer before it plus the earlier layer ``beside``, then the activation (He et al. 2016, section 3).

    Where the maps became smaller, the shortcut takes every second pixel (or third, ...); where they became more, it
    adds maps of zeros. This is option A of section 4.1, which has no parameters.
    """

    type: Literal["residual_sum"]
    beside: Name
    activation: Activation

    def check_beside(self, maps: int, side: int, channels: int, size: int) -> None:
        """Raise ValueError where maps of ``beside`` cannot be added to ``channels`` maps of ``size`` pixels a side."""
        if maps > channels or side % size:
            raise ValueError(
                f"{self.name}: {maps} maps of {side} pixels a side cannot be added to {channels} of {size}"
            )


class Activating(BaseLayer):
    """An activation function by itself, where the layer before it has none and is read by others without it."""

    type: Literal["activation"]
    activation: Activation
