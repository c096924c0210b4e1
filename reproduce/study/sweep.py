"""Searches for a rate: one variant at many learning rates, declared in one line of study.yaml."""

from typing import Annotated

from pydantic import Field

from reproduce.base.validation import Strict
from reproduce.study.variant import Variant

_WEIGHTS, _BIASES = "*.learning_rate", "*.bias_learning_rate"


class Sweep(Strict):
    """Copies of a variant at other learning rates; the biases' rate keeps its ratio to the weights' rate.

    Attributes:
        base: the variant copied, whose ``changes`` set the rates of all weights and of all biases.
        learning_rates: rates of the weights; a variant's name gives its rate to six decimals.
    """

    base: str
    learning_rates: Annotated[list[Annotated[float, Field(ge=1e-6, lt=1)]], Field(min_length=1)]

    def variants(self, name: str, written: dict[str, Variant]) -> dict[str, Variant]:
        """Return the variants of the sweep ``name``, each named after its rate: name_r0005 has the rate 0.0005.

        Raises:
            ValueError: there is no such base, the base does not set both rates, or a variant's name is taken.
        """
        base = written.get(self.base)
        if not isinstance(base, Variant) or not {_WEIGHTS, _BIASES} <= base.changes.keys():
            raise ValueError(
                f"sweep {name}: base must be a variant that changes {_WEIGHTS} and {_BIASES}, not {self.base!r}"
            )
        ratio = base.changes[_BIASES] / base.changes[_WEIGHTS]
        made = {}
        for rate in self.learning_rates:
            changes = {**base.changes, _WEIGHTS: rate, _BIASES: ratio * rate}
            made[f"{name}_r{f'{rate:.6f}'.rstrip('0')[2:]}"] = base.model_copy(update={"changes": changes})
        if len(made) < len(self.learning_rates) or made.keys() & written.keys():
            raise ValueError(f"sweep {name} makes a variant twice; list each rate once and leave out the base's")
        return made
