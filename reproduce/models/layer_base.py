"""The ground of every layer's description: its name, and for layers with weights the rates and initial values."""

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


class BaseWeighted(BaseLayer):
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
    def _one_initialization(self) -> "BaseWeighted":
        if (self.weight_std is not None) != (self.initialization == "gaussian"):
            raise ValueError("weight_std is needed for gaussian initialization, and meaningless for uniform_fan_in")
        if self.bias and self.initialization != "gaussian":
            raise ValueError("uniform_fan_in draws the biases; leave bias out")
        return self


class BaseWindowed(BaseWeighted):
    filters: Whole
    kernel_size: Whole
    stride: Whole = 1
    padding: Annotated[int, Field(ge=0)] = 0
