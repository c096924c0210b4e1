"""Layers that came after 2012: their fields, and ``beside``, the earlier layer that some of them read as well."""

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat

from reproduce.models.layer_base import Activation, BaseLayer, Name, NonNegative


class BatchNormalization(BaseLayer):
    """(x - mean) / sqrt(variance + epsilon) * weight + bias for each map (Ioffe & Szegedy 2015).

    In training, mean and variance are those of the batch. At test they are running averages, which at each update keep
    the part ``keep`` of their old value. Weights start at 1 and biases at 0. Rates and decays are those of the first
    phase of training.
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
    """An activation function as a layer of its own, where another layer reads the values before the activation."""

    type: Literal["activation"]
    activation: Activation
