"""The layers a network spec is made of: their fields, the values allowed, and the sizes of their outputs.

The fields are those of cuda-convnet's two files per network (layers-*.cfg and layer-params-*.cfg), under today's names.
"""

import math
from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, model_validator

from reproduce.base.validation import Whole, later
from reproduce.models.layer_base import Activation, BaseLayer, BaseWeighted, BaseWindowed

Rounding = Literal["up", "down"]
_BIASES_NEEDED = "has_bias: false is for convolutions and fully connected layers of one column"


def rounded_up_size(size: int, window: int, stride: int, padding: int = 0) -> int:
    """Return the output side of a convolution or pooling as cuda-convnet computes it (layer.py, round up)."""
    return 1 + math.ceil((size + 2 * padding - window) / stride)


def _rounded_size(rounding: Rounding, size: int, window: int, stride: int, padding: int = 0) -> int:
    if rounding == "up":
        return rounded_up_size(size, window, stride, padding)
    return 1 + (size + 2 * padding - window) // stride


class Convolution(BaseWindowed):
    """Convolution whose output size is rounded up: 1 + ceil((size + 2 padding - kernel) / stride).

    Pixels beyond the image read as zero, so an overhanging last window sees zeros at the bottom and right;
    ``rounding: down`` leaves such a window out, as torch and Caffe do. With ``columns`` > 1 the input maps and the
    filters are cut into that many equal runs, and each run of filters sees only its own run of maps (paper 3.5; one
    column is one GPU's half).
    """

    type: Literal["convolution"]
    rounding: Rounding = later("up")
    columns: Whole = later(1)

    def shape_after(self, channels: int, size: int) -> tuple[int, int]:
        """Return (maps, side) after the layer."""
        return self.filters, _rounded_size(self.rounding, size, self.kernel_size, self.stride, self.padding)


class Local(BaseWindowed):
    """Locally connected layer: a convolution whose weights are not shared; one bias per location and filter."""

    type: Literal["local"]

    @model_validator(mode="after")
    def _no_fan_out(self) -> "Local":
        if self.initialization == "gaussian_fan_out":
            raise ValueError("gaussian_fan_out is for convolutions and fully connected layers; use gaussian_fan_in")
        return self

    @model_validator(mode="after")
    def _has_biases(self) -> "Local":
        if not self.has_bias:
            raise ValueError(_BIASES_NEEDED)
        return self

    def shape_after(self, channels: int, size: int) -> tuple[int, int]:
        """Return (maps, side) after the layer."""
        return self.filters, rounded_up_size(size, self.kernel_size, self.stride, self.padding)


class FullyConnected(BaseWeighted):
    """Fully connected layer on the flattened (channel, row, column) input.

    With ``columns`` > 1 each run of outputs reads its own run of input maps only: the weights are block-diagonal.
    """

    type: Literal["fully_connected"]
    outputs: Whole
    columns: Whole = later(1)

    @model_validator(mode="after")
    def _columns_have_biases(self) -> "FullyConnected":
        if self.columns > 1 and not self.has_bias:
            raise ValueError(_BIASES_NEEDED)
        return self

    def shape_after(self, channels: int, size: int) -> tuple[int, int]:
        """Return (outputs, 1)."""
        return self.outputs, 1


class Pooling(BaseLayer):
    """Max or average pooling over windows clipped at the image's edge; size = 1 + ceil((size - window) / stride).

    An average divides by the number of pixels really inside the image, or with ``divisor: window`` by those of a whole
    window, as cuda-convnet did until 2012-07-17 (D71). ``rounding: down`` leaves out a window that would be clipped, as
    torch does by default.
    """

    type: Literal["max_pooling", "average_pooling"]
    window: Whole
    stride: Whole
    rounding: Rounding = later("up")
    divisor: Literal["pixels_inside", "window"] = later("pixels_inside")
    activation: Activation = "identity"

    @model_validator(mode="after")
    def _windows_touch(self) -> "Pooling":
        if self.stride > self.window:  # the last window could begin beyond the image
            raise ValueError(f"stride {self.stride} must not exceed window {self.window}")
        return self

    @model_validator(mode="after")
    def _averages_divide(self) -> "Pooling":
        if self.divisor == "window" and self.type != "average_pooling":
            raise ValueError("divisor: window is for average_pooling")
        return self

    def shape_after(self, channels: int, size: int) -> tuple[int, int]:
        """Return (maps, side) after the layer."""
        return channels, _rounded_size(self.rounding, size, self.window, self.stride)


class AdaptivePooling(BaseLayer):
    """Averages over a ``side`` x ``side`` grid of windows that cover an image of any size (torch, since 2017).

    A smaller image is enlarged: its windows overlap.
    """

    type: Literal["adaptive_average_pooling"]
    side: Whole

    def shape_after(self, channels: int, size: int) -> tuple[int, int]:
        """Return (maps, side) after the layer."""
        return channels, self.side


class ResponseNormalization(BaseLayer):
    """x / (k + alpha / count * sum of squares) ** beta, as cuda-convnet's parser sets it up.

    ``across_maps``: the sum runs over ``window`` neighboring maps at one place, count = window (cmrnorm; paper 3.3).
    ``within_map``: over a window x window square of the same map, count = window squared (rnorm).
    Both sums are clipped at the border while count stays. ``columns`` > 1 cuts the maps into that many equal runs, and
    a window across maps stays within its run, as on two GPUs (deviation D4).
    """

    type: Literal["response_normalization"]
    extent: Literal["across_maps", "within_map"]
    window: Whole
    alpha: PositiveFloat
    beta: PositiveFloat
    k: PositiveFloat
    columns: Whole = later(1)

    @model_validator(mode="after")
    def _odd_window(self) -> "ResponseNormalization":
        if self.window % 2 == 0:
            raise ValueError(f"window must be odd, so that it is centered, got {self.window}")
        return self

    @property
    def alpha_per_square(self) -> float:
        """The factor of each squared activation: alpha over the window's nominal count."""
        return self.alpha / (self.window if self.extent == "across_maps" else self.window**2)


class Dropout(BaseLayer):
    """Bernoulli(keep) mask on single units in training.

    ``unscaled_mask``: in training kept units stay as they are; at test all are multiplied by keep (2012; paper 4.2).
    ``inverted``: in training kept units are divided by keep; at test all stay as they are (torch; deviation D13).
    """

    type: Literal["dropout"]
    keep: Annotated[float, Field(gt=0, le=1)]
    form: Literal["unscaled_mask", "inverted"] = later("unscaled_mask")


Weighted = Convolution | Local | FullyConnected
