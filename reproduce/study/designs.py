"""Comparisons of variants that a study declares in study.yaml besides its claims: pairs, and 2 x 2 designs.

An arm is a variant of the study itself, or ``study/variant`` of another study, so that no run is made twice.
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from reproduce.base.validation import Strict, Whole

Pair = Annotated[list[str], Field(min_length=2, max_length=2)]
_Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


def study_and_variant(arm: str, study: str) -> tuple[str, str]:
    """Return the study and the variant that an arm named in ``study`` means."""
    other, _, variant = arm.rpartition("/")
    return other or study, variant


class Comparison(Strict):
    """A question of our own that two variants answer: value of the first arm minus, or over, value of the second.

    ``epochs`` fixes the length of each arm's runs; without it both are taken at the longest that both have runs of.
    """

    id: str
    question: str
    arms: Pair
    estimand: str
    kind: Literal["difference", "ratio"] = "difference"
    epochs: Annotated[list[Whole], Field(min_length=2, max_length=2)] | None = None


class PublishedGain(Strict):
    """The published gain of one factor: how far the source says it lowers the estimand, and where it says so."""

    value: Annotated[float, Field(gt=0)]
    of: str
    where: Annotated[str, Field(min_length=1)]


class Factorial(Strict):
    """A 2 x 2 design: every combination of two factors, each at a low or a high level, is a variant of its own.

    Attributes:
        factors: their names, a then b.
        levels: the low and the high level of a, then those of b, in words.
        cells: [[a low b low, a low b high], [a high b low, a high b high]], names of variants.
        published_gain: of one of the factors, for the share of it that is found here.
        epochs: where b is the length of the training, its low level and its high one, the longer. Without it all
            cells are taken at one length.
    """

    id: str
    question: str
    estimand: str
    factors: Annotated[list[_Name], Field(min_length=2, max_length=2)]
    levels: Annotated[list[Pair], Field(min_length=2, max_length=2)] = [["low", "high"], ["low", "high"]]
    cells: Annotated[list[Pair], Field(min_length=2, max_length=2)]
    published_gain: PublishedGain | None = None
    epochs: Annotated[list[Whole], Field(min_length=2, max_length=2)] | None = None

    @property
    def arms(self) -> list[str]:
        """The four variants, in the order of ``cells``."""
        return [variant for row in self.cells for variant in row]

    @property
    def lengths(self) -> dict[str, int]:
        """Each variant's epochs where length is the second factor, else nothing."""
        return dict(zip(self.arms, self.epochs * 2, strict=True)) if self.epochs else {}

    @model_validator(mode="after")
    def _is_a_design(self) -> "Factorial":
        if len(set(self.arms)) < 4:
            raise ValueError(f"the cells of {self.id} must be four different variants, not {self.arms}")
        if len(set(self.factors)) < 2:
            raise ValueError(f"the factors of {self.id} need two names, not {self.factors}")
        if self.epochs and self.epochs[0] >= self.epochs[1]:
            raise ValueError(f"epochs of {self.id} must name the shorter length first, not {self.epochs}")
        if self.published_gain and self.published_gain.of not in self.factors:
            raise ValueError(f"the published gain of {self.id} is of one of {self.factors}")
        return self
