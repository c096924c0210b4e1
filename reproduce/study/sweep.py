"""Searches for a rate: one variant at many learning rates, declared in one line of study.yaml."""

from typing import Annotated

from pydantic import Field

from reproduce.base.validation import Strict
from reproduce.study.variant import Variant

_WEIGHTS, _BIASES = "*.learning_rate", "*.bias_learning_rate"


class Sweep(Strict):
    """A variant at other learning rates of the weights; the rate of the biases keeps its ratio to them.

    Attributes:
        base: the variant, which sets both rates of all layers in its ``changes``.
        learning_rates: of the weights; their names have six decimals at most.
    """

    base: str
    learning_rates: Annotated[list[Annotated[float, Field(ge=1e-6, lt=1)]], Field(min_length=1)]

    def variants(self, name: str, written: dict[str, Variant]) -> dict[str, Variant]:
        """Return the variants of the sweep ``name``, each named after its rate: name_r0005 has the rate 0.0005.

        Raises:
            ValueError: there is no such base, it sets no rates, or a name is taken.
        """
        base = written.get(self.base)
        if not isinstance(base, Variant) or not {_WEIGHTS, _BIASES} <= base.changes.keys():
            raise ValueError(f"sweep {name}: no variant {self.base!r} is written that changes {_WEIGHTS} and {_BIASES}")
        ratio = base.changes[_BIASES] / base.changes[_WEIGHTS]
        made = {}
        for rate in self.learning_rates:
            changes = {**base.changes, _WEIGHTS: rate, _BIASES: ratio * rate}
            made[f"{name}_r{f'{rate:.6f}'.rstrip('0')[2:]}"] = base.model_copy(update={"changes": changes})
        if len(made) < len(self.learning_rates) or made.keys() & written.keys():
            raise ValueError(f"sweep {name} makes a variant twice; list each rate once and leave out the base's")
        return made
