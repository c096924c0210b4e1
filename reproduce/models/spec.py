"""What a network is, as data: a list of layers with their arithmetic, initial weights and own rates.

The fields follow cuda-convnet's two files per network (layers-*.cfg and layer-params-*.cfg); names are the field's.
"""

import math
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from reproduce.errors import ReproduceError
from reproduce.validation import Strict, read_yaml, validated

SPECS_FOLDER = Path(__file__).resolve().parent / "specs"

Activation = Literal["relu", "tanh", "identity"]
NonNegative = Annotated[float, Field(ge=0)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class _Layer(Strict):
    name: Name


class _Weighted(_Layer):
    """A layer with weights. The rates are those of the first phase; a schedule multiplies them.

    ``weight_std`` is the standard deviation of the Gaussian initial weights (cuda-convnet's initW), ``bias`` the
    constant initial bias (initB). Biases have a rate of their own and never decay (cuda-convnet src/layer.cu).
    """

    weight_std: PositiveFloat
    bias: float = 0.0
    learning_rate: NonNegative
    bias_learning_rate: NonNegative
    weight_decay: NonNegative
    activation: Activation


class _Windowed(_Weighted):
    filters: PositiveInt
    kernel_size: PositiveInt
    stride: PositiveInt = 1
    padding: Annotated[int, Field(ge=0)] = 0


class Convolution(_Windowed):
    """Convolution whose output size is rounded up: 1 + ceil((size + 2 padding - kernel) / stride).

    Pixels beyond the image read as zero, so an overhanging last window sees zeros at the bottom and right.
    """

    type: Literal["convolution"]


class Local(_Windowed):
    """Locally connected layer: a convolution whose weights are not shared; one bias per location and filter."""

    type: Literal["local"]


class FullyConnected(_Weighted):
    """Fully connected layer on the flattened (channel, row, column) input."""

    type: Literal["fully_connected"]
    outputs: PositiveInt


class Pooling(_Layer):
    """Max or average pooling over windows clipped at the image's edge; size = 1 + ceil((size - window) / stride).

    The average divides by the number of pixels really inside the image (cuda-convnet conv_util.cuh).
    """

    type: Literal["max_pooling", "average_pooling"]
    window: PositiveInt
    stride: PositiveInt
    activation: Activation = "identity"

    @model_validator(mode="after")
    def _windows_touch(self) -> "Pooling":
        if self.stride > self.window:  # the last window could begin beyond the image
            raise ValueError(f"stride {self.stride} must not exceed window {self.window}")
        return self


class ResponseNormalization(_Layer):
    """x / (k + alpha / count * sum of squares) ** beta, as cuda-convnet's parser sets it up.

    ``across_maps``: the sum runs over ``window`` neighboring maps at one place, count = window (cmrnorm; paper 3.3).
    ``within_map``: over a window x window square of the same map, count = window squared (rnorm).
    Both sums are clipped at the border while count stays.
    """

    type: Literal["response_normalization"]
    extent: Literal["across_maps", "within_map"]
    window: Annotated[int, Field(ge=1, multiple_of=1)]
    alpha: PositiveFloat
    beta: PositiveFloat
    k: PositiveFloat

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
    """2012 dropout: an unscaled Bernoulli(keep) mask in training, multiplication by keep at test (paper 4.2)."""

    type: Literal["dropout"]
    keep: Annotated[float, Field(gt=0, le=1)]


Weighted = Convolution | Local | FullyConnected
Layer = Annotated[
    Convolution | Local | FullyConnected | Pooling | ResponseNormalization | Dropout, Field(discriminator="type")
]


class InputSize(Strict):
    """Channels and side of the square images the network reads."""

    channels: PositiveInt
    size: PositiveInt


class NetworkSpec(Strict):
    """A whole network. ``source`` says where its figures were read."""

    source: str
    input: InputSize
    layers: Annotated[list[Layer], Field(min_length=1)]

    @model_validator(mode="after")
    def _unique_names(self) -> "NetworkSpec":
        names = [layer.name for layer in self.layers]
        if len(set(names)) < len(names):
            raise ValueError(f"layer names must be unique, got {names}")
        return self

    @model_validator(mode="after")
    def _layers_fit(self) -> "NetworkSpec":
        channels, side, flat = self.input.channels, self.input.size, False
        for layer in self.layers:
            if flat and not isinstance(layer, FullyConnected | Dropout):
                raise ValueError(f"{layer.name}: a {layer.type} layer cannot follow a fully connected one")
            before, flat = side, flat or isinstance(layer, FullyConnected)
            channels, side = output_shape(layer, channels, side)
            if side < 1:
                raise ValueError(f"{layer.name}: its window does not fit maps of {before} x {before} pixels")
        return self

    def weighted_layers(self) -> list[Weighted]:
        """Return the layers that have weights, in order."""
        return [layer for layer in self.layers if isinstance(layer, _Weighted)]


def rounded_up_size(size: int, window: int, stride: int, padding: int = 0) -> int:
    """Return the output side of a convolution or pooling as cuda-convnet computes it (layer.py, round up)."""
    return 1 + math.ceil((size + 2 * padding - window) / stride)


def output_shape(layer: Layer, channels: int, size: int) -> tuple[int, int]:
    """Return (maps, side) after a layer; a fully connected layer leaves side 1."""
    match layer:
        case Convolution() | Local():
            return layer.filters, rounded_up_size(size, layer.kernel_size, layer.stride, layer.padding)
        case FullyConnected():
            return layer.outputs, 1
        case Pooling():
            return channels, rounded_up_size(size, layer.window, layer.stride)
        case _:
            return channels, size


def load_spec(name: str, changes: dict[str, object] | None = None, folder: Path = SPECS_FOLDER) -> NetworkSpec:
    """Return the spec ``name`` with ``changes`` ("layer.field": value) applied and validated.

    Raises:
        ReproduceError: no such spec, layer or field, or a value out of range.
    """
    path = folder / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(spec.stem for spec in folder.glob("*.yaml")))
        raise ReproduceError(f"there is no network spec {name!r}; known: {known}")
    content = read_yaml(path)
    validated(NetworkSpec, content, path.name)
    layers = {layer["name"]: layer for layer in content["layers"]}
    for place, value in (changes or {}).items():
        layer, _, field = place.partition(".")
        if layer not in layers or not field:
            raise ReproduceError(
                f"{path.name}: cannot change {place!r}; write layer.field with a layer of {list(layers)}"
            )
        layers[layer][field] = value
    return validated(NetworkSpec, content, path.name)
