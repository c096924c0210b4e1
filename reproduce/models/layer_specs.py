"""The layers a network spec is made of: their fields, what they may hold, and the sizes they leave.

The fields follow cuda-convnet's two files per network (layers-*.cfg and layer-params-*.cfg); names are the field's.
"""

import math
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveFloat, SerializerFunctionWrapHandler, model_serializer, model_validator

from reproduce.base.validation import Strict, Whole, later, without_later_defaults

Activation = Literal["relu", "tanh", "identity"]
NonNegative = Annotated[float, Field(ge=0)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


Rounding = Literal["up", "down"]


class _Layer(Strict):
    name: Name

    @model_serializer(mode="wrap")
    def _without_later_defaults(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return without_later_defaults(self, dump(self))


class _Weighted(_Layer):
    """A layer with weights. The rates are those of the first phase; a schedule multiplies them.

    ``weight_std`` is the standard deviation of the Gaussian initial weights (cuda-convnet's initW), ``bias`` the
    constant initial bias (initB). Biases have a rate of their own and no decay in 2012 (cuda-convnet src/layer.cu);
    ``bias_weight_decay`` is for later nets that decay them too.
    ``initialization: uniform_fan_in`` instead draws weights and biases uniformly within 1 / sqrt(inputs of a unit),
    as torch's layers do by default.
    """

    initialization: Literal["gaussian", "uniform_fan_in"] = later("gaussian")
    weight_std: PositiveFloat | None = None
    bias: float = 0.0
    learning_rate: NonNegative
    bias_learning_rate: NonNegative
    weight_decay: NonNegative
    bias_weight_decay: NonNegative = later(0.0)
    activation: Activation

    @model_validator(mode="after")
    def _one_initialization(self) -> "_Weighted":
        if (self.weight_std is not None) != (self.initialization == "gaussian"):
            raise ValueError("weight_std is needed for gaussian initialization, and meaningless for uniform_fan_in")
        if self.bias and self.initialization != "gaussian":
            raise ValueError("uniform_fan_in draws the biases; leave bias out")
        return self


class _Windowed(_Weighted):
    filters: Whole
    kernel_size: Whole
    stride: Whole = 1
    padding: Annotated[int, Field(ge=0)] = 0


class Convolution(_Windowed):
    """Convolution whose output size is rounded up: 1 + ceil((size + 2 padding - kernel) / stride).

    Pixels beyond the image read as zero, so an overhanging last window sees zeros at the bottom and right;
    ``rounding: down`` leaves such a window out, as torch and Caffe do. With ``columns`` > 1 the input maps and the
    filters are cut into so many equal runs, and each run of filters sees its own run of maps only (paper 3.5; one
    column is one GPU's half).
    """

    type: Literal["convolution"]
    rounding: Rounding = later("up")
    columns: Whole = later(1)


class Local(_Windowed):
    """Locally connected layer: a convolution whose weights are not shared; one bias per location and filter."""

    type: Literal["local"]


class FullyConnected(_Weighted):
    """Fully connected layer on the flattened (channel, row, column) input.

    With ``columns`` > 1 each run of outputs reads its own run of input maps only: the weights are block-diagonal.
    """

    type: Literal["fully_connected"]
    outputs: Whole
    columns: Whole = later(1)


class Pooling(_Layer):
    """Max or average pooling over windows clipped at the image's edge; size = 1 + ceil((size - window) / stride).

    The average divides by the number of pixels really inside the image (cuda-convnet conv_util.cuh).
    ``rounding: down`` leaves out a window that would be clipped, as torch does by default.
    """

    type: Literal["max_pooling", "average_pooling"]
    window: Whole
    stride: Whole
    rounding: Rounding = later("up")
    activation: Activation = "identity"

    @model_validator(mode="after")
    def _windows_touch(self) -> "Pooling":
        if self.stride > self.window:  # the last window could begin beyond the image
            raise ValueError(f"stride {self.stride} must not exceed window {self.window}")
        return self


class AdaptivePooling(_Layer):
    """Averages over a ``side`` x ``side`` grid of windows that cover an image of any size (torch, since 2017).

    A smaller image is enlarged: its windows overlap.
    """

    type: Literal["adaptive_average_pooling"]
    side: Whole


class ResponseNormalization(_Layer):
    """x / (k + alpha / count * sum of squares) ** beta, as cuda-convnet's parser sets it up.

    ``across_maps``: the sum runs over ``window`` neighboring maps at one place, count = window (cmrnorm; paper 3.3).
    ``within_map``: over a window x window square of the same map, count = window squared (rnorm).
    Both sums are clipped at the border while count stays. ``columns`` > 1 cuts the maps into so many equal runs whose
    borders the window across maps does not cross, as on two GPUs (deviation D4).
    """

    type: Literal["response_normalization"]
    extent: Literal["across_maps", "within_map"]
    window: Annotated[int, Field(ge=1, multiple_of=1)]
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


class Dropout(_Layer):
    """Bernoulli(keep) mask on single units in training.

    ``unscaled_mask``: kept units stay as they are, all are multiplied by keep at test (2012; paper 4.2). ``inverted``:
    kept units are divided by keep in training and nothing happens at test (torch, Caffe; deviation D13).
    """

    type: Literal["dropout"]
    keep: Annotated[float, Field(gt=0, le=1)]
    form: Literal["unscaled_mask", "inverted"] = later("unscaled_mask")


Weighted = Convolution | Local | FullyConnected
Layer = Annotated[
    Convolution | Local | FullyConnected | Pooling | AdaptivePooling | ResponseNormalization | Dropout,
    Field(discriminator="type"),
]


def rounded_up_size(size: int, window: int, stride: int, padding: int = 0) -> int:
    """Return the output side of a convolution or pooling as cuda-convnet computes it (layer.py, round up)."""
    return 1 + math.ceil((size + 2 * padding - window) / stride)


def _side(layer: Convolution | Local | Pooling, size: int, window: int, padding: int = 0) -> int:
    if getattr(layer, "rounding", "up") == "up":
        return rounded_up_size(size, window, layer.stride, padding)
    return 1 + (size + 2 * padding - window) // layer.stride


def output_shape(layer: Layer, channels: int, size: int) -> tuple[int, int]:
    """Return (maps, side) after a layer; a fully connected layer leaves side 1."""
    match layer:
        case Convolution() | Local():
            return layer.filters, _side(layer, size, layer.kernel_size, layer.padding)
        case FullyConnected():
            return layer.outputs, 1
        case Pooling():
            return channels, _side(layer, size, layer.window)
        case AdaptivePooling():
            return channels, layer.side
        case _:
            return channels, size
