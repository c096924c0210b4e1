"""Base classes of every layer's spec: its name, and for layers with weights the rates and initial values."""

from typing import Annotated, Any, Literal

from pydantic import Field, PositiveFloat, SerializerFunctionWrapHandler, model_serializer, model_validator

from reproduce.base.validation import Strict, Whole, later, without_later_defaults

Activation = Literal["relu", "tanh", "identity"]
NonNegative = Annotated[float, Field(ge=0)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class BaseLayer(Strict):
    name: Name

    @model_serializer(mode="wrap")
    def _without_later_defaults(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return without_later_defaults(self, dump(self))

    def shape_after(self, channels: int, size: int) -> tuple[int, int]:
        """Return (maps, side) after the layer; a layer without a method of its own leaves both unchanged."""
        return channels, size


class BaseWeighted(BaseLayer):
    """A layer with weights. The rates are those of the first phase of training; a schedule multiplies them.

    ``weight_std`` is the standard deviation of the Gaussian initial weights (cuda-convnet's initW), ``bias`` the
    constant initial bias (initB). Biases have a rate of their own and no decay in 2012 (cuda-convnet src/layer.cu);
    ``bias_weight_decay`` is for later nets that decay them too.
    ``initialization: uniform_fan_in`` instead draws weights and biases uniformly within 1 / sqrt(inputs of a unit),
    as torch's layers do by default. ``gaussian_fan_in`` draws Gaussian weights of deviation sqrt(2 / inputs of a unit)
    (He et al. 2015, Delving Deep into Rectifiers, section 2.2), ``gaussian_fan_out`` of sqrt(2 / outputs that an input
    reaches); an input of a convolution reaches window x window x filters outputs.
    ``has_bias: false`` leaves the biases out, as before batch normalization, which has biases of its own. Locally
    connected layers and fully connected ones with several columns must have biases.
    """

    initialization: Literal["gaussian", "uniform_fan_in", "gaussian_fan_in", "gaussian_fan_out"] = later("gaussian")
    weight_std: PositiveFloat | None = None
    bias: float = 0.0
    has_bias: bool = later(True)
    learning_rate: NonNegative
    bias_learning_rate: NonNegative
    weight_decay: NonNegative
    bias_weight_decay: NonNegative = later(0.0)
    activation: Activation

    @model_validator(mode="after")
    def _one_initialization(self) -> "BaseWeighted":
        if (self.weight_std is not None) != (self.initialization == "gaussian"):
            raise ValueError("set weight_std for gaussian initialization, and leave it out for the others")
        if self.bias and self.initialization == "uniform_fan_in":
            raise ValueError("uniform_fan_in draws the biases; leave bias out")
        return self

    @model_validator(mode="after")
    def _no_bias_no_rate(self) -> "BaseWeighted":
        if not self.has_bias and (self.bias or self.bias_learning_rate or self.bias_weight_decay):
            raise ValueError("a layer without biases has bias 0, bias_learning_rate 0 and no bias_weight_decay")
        return self


class BaseWindowed(BaseWeighted):
    filters: Whole
    kernel_size: Whole
    stride: Whole = 1
    padding: Annotated[int, Field(ge=0)] = 0
