"""NASNet-A's cells and auxiliary head (Zoph et al. 2018, Figure 4 and appendix A; its source in TensorFlow's SLIM).

Both are layers made of layers: ``parts`` names the convolutions and normalizations they hold, with what each reads.
"""

from collections.abc import Iterator
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, PositiveFloat

from reproduce.base.validation import Whole
from reproduce.models.later_layer_specs import BatchNormalization
from reproduce.models.layer_base import BaseLayer, Name, NonNegative
from reproduce.models.layer_specs import Convolution, FullyConnected


class Part(NamedTuple):
    """A layer within a layer, and the maps and side of what it reads."""

    settings: Convolution | BatchNormalization | FullyConnected
    channels: int
    size: int


class _Composed(BaseLayer):
    """A layer made of convolutions and batch normalizations that share their settings.

    Only the weights of convolutions and of fully connected layers decay; initial weights have the deviation
    sqrt(2 / outputs that an input reaches). Convolutions have no biases; those of fully connected layers start at 0.
    """

    learning_rate: NonNegative
    weight_decay: NonNegative
    keep: Annotated[float, Field(ge=0, lt=1)] = 0.9
    epsilon: PositiveFloat = 1e-5

    def _convolution(self, name: str, filters: int, kernel: int = 1, stride: int = 1, columns: int = 1) -> Convolution:
        """Return a convolution padded so that its output's side is the input's side / stride, rounded up.

        Where the padding is an odd number of zeros, the extra ones are at the bottom and right, as in TensorFlow.
        """
        return Convolution(
            name=f"{self.name}_{name}",
            type="convolution",
            filters=filters,
            kernel_size=kernel,
            stride=stride,
            padding=(kernel - stride) // 2 if kernel > stride else 0,
            columns=columns,
            initialization="gaussian_fan_out",
            has_bias=False,
            learning_rate=self.learning_rate,
            bias_learning_rate=0.0,
            weight_decay=self.weight_decay,
            activation="identity",
        )

    def _normalization(self, name: str, activation: str = "identity") -> BatchNormalization:
        return BatchNormalization(
            name=f"{self.name}_{name}_norm",
            type="batch_normalization",
            keep=self.keep,
            epsilon=self.epsilon,
            learning_rate=self.learning_rate,
            bias_learning_rate=self.learning_rate,
            weight_decay=0.0,
            activation=activation,
        )


# (operation, state read) twice for each of the five sums; states 0 and 1 are the cell's inputs, 2 the first sum.
Operation = Literal["separable3", "separable5", "separable7", "average3", "max3", "identity"]
Sum = tuple[tuple[Operation, int], tuple[Operation, int]]
CELLS: dict[str, tuple[Sum, ...]] = {
    "normal": (
        (("separable5", 0), ("separable3", 1)),
        (("separable5", 1), ("separable3", 1)),
        (("average3", 0), ("identity", 1)),
        (("average3", 1), ("average3", 1)),
        (("separable3", 0), ("identity", 0)),
    ),
    "reduction": (
        (("separable5", 0), ("separable7", 1)),
        (("max3", 0), ("separable7", 1)),
        (("average3", 0), ("separable5", 1)),
        (("identity", 3), ("average3", 2)),
        (("separable3", 2), ("max3", 0)),
    ),
}
JOINED = {"normal": (1, 2, 3, 4, 5, 6), "reduction": (3, 4, 5, 6)}  # states that the cell's output joins


class NasnetCell(_Composed):
    """Five sums of two operations each, on the layer before and on ``beside``, both brought to ``filters`` maps.

    ``beside`` may have twice the side; two paths, offset by a pixel, then halve it. A reduction cell halves the side of
    both inputs. The cell's output joins 6 (normal) or 4 (reduction) times ``filters`` maps.

    In training the output of an operation is set to zero for some images. The probability to keep an image falls
    linearly over training from 1 to ``path_keep``, and kept outputs are divided by it.
    """

    type: Literal["nasnet_cell"]
    kind: Literal["normal", "reduction"]
    beside: Name
    filters: Annotated[int, Field(ge=2, multiple_of=2)]
    path_keep: Annotated[float, Field(gt=0, le=1)] = 1.0

    @property
    def stride(self) -> int:
        """2 for a cell that halves the side."""
        return 2 if self.kind == "reduction" else 1

    def shape_after(self, channels: int, size: int) -> tuple[int, int]:
        """Return (maps, side) after the cell."""
        return len(JOINED[self.kind]) * self.filters, -(-size // self.stride)

    def check_beside(self, maps: int, side: int, channels: int, size: int) -> None:
        """Raise ValueError where ``beside`` is neither as large as the layer before nor twice as large."""
        if side not in (size, 2 * size):
            raise ValueError(f"{self.name}: {self.beside!r} has {side} pixels a side, neither {size} nor twice as many")

    def parts(self, channels: int, size: int, beside: tuple[int, int]) -> Iterator[tuple[str, Part]]:
        """Yield every part with its name within the cell; ``beside`` is (maps, side) of the other input."""
        filters, halved = self.filters, beside[1] != size
        yield "before", Part(self._convolution("before", filters), channels, size)
        yield "before_norm", Part(self._normalization("before"), filters, size)
        for path in ("even", "odd") if halved else ("beside",):
            convolution = self._convolution(path, filters // 2 if halved else filters)
            yield path, Part(convolution, beside[0], size)
        yield "beside_norm", Part(self._normalization("beside"), filters, size)
        for number, pair in enumerate(CELLS[self.kind]):
            for side, (operation, state) in zip(("left", "right"), pair, strict=True):
                if operation.startswith("separable"):
                    stride = self.stride if state < 2 else 1
                    inner = size if state < 2 else -(-size // self.stride)
                    yield from self._separable(f"{number}_{side}", int(operation[-1]), stride, inner)

    def _separable(self, name: str, kernel: int, stride: int, size: int) -> Iterator[tuple[str, Part]]:
        """Yield two rounds, each a convolution of every map by itself, a 1 x 1 convolution, and a normalization."""
        for turn, step in enumerate((stride, 1)):
            place = f"{name}_{turn}"
            depthwise = self._convolution(f"{place}_depth", self.filters, kernel, step, self.filters)
            yield f"{place}_depth", Part(depthwise, self.filters, size)
            _, size = depthwise.shape_after(self.filters, size)
            yield f"{place}_point", Part(self._convolution(f"{place}_point", self.filters), self.filters, size)
            yield f"{place}_norm", Part(self._normalization(place), self.filters, size)


class AuxiliaryHead(_Composed):
    """A second classifier on the layer before it, whose output it passes on unchanged (appendix A).

    In training its cross-entropy, times ``loss_weight``, is added to the loss. At test it does nothing. Its layers are
    ReLU, averages over windows of 5 x 5 at stride 3, 128 maps by a 1 x 1 convolution, 768 maps by a convolution over
    all places, and ``outputs`` classes.
    """

    type: Literal["auxiliary_head"]
    outputs: Whole
    loss_weight: NonNegative

    def parts(self, channels: int, size: int) -> Iterator[tuple[str, Part]]:
        """Yield every part with its name within the head."""
        side = 1 + (size - 5) // 3
        yield "reduce", Part(self._convolution("reduce", 128), channels, side)
        yield "reduce_norm", Part(self._normalization("reduce", "relu"), 128, side)
        whole = self._convolution("whole", 768, side).model_copy(update={"padding": 0})
        yield "whole", Part(whole, 128, side)
        yield "whole_norm", Part(self._normalization("whole", "relu"), 768, 1)
        dense = FullyConnected(
            name=f"{self.name}_classes",
            type="fully_connected",
            outputs=self.outputs,
            initialization="gaussian_fan_out",
            learning_rate=self.learning_rate,
            bias_learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            activation="identity",
        )
        yield "classes", Part(dense, 768, 1)
