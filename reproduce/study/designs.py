"""Comparisons of variants that study.yaml declares in addition to the study's claims: pairs, and 2 x 2 designs.

An arm is a variant of the study itself, or a variant of another study, written ``study/variant``. So no run needs to be
made twice.
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from reproduce.base.validation import Strict, Whole

Pair = Annotated[list[str], Field(min_length=2, max_length=2)]
_Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


def study_and_variant(arm: str, study: str) -> tuple[str, str]:
    """Return the names of the arm's study and variant; an arm without a study belongs to ``study``."""
    other, _, variant = arm.rpartition("/")
    return other or study, variant


class Comparison(Strict):
    """A question of our own, answered by the difference (first minus second) or the ratio (first over second) of arms.

    ``epochs`` fixes the length of each arm's runs. Without it both arms are taken at the greatest length that both have
    run.
    """

    id: str
    question: str
    arms: Pair
    estimand: str
    kind: Literal["difference", "ratio"] = "difference"
    epochs: Annotated[list[Whole], Field(min_length=2, max_length=2)] | None = None


class PublishedGain(Strict):
    """The published gain of one factor.

    Attributes:
        value: points by which the factor lowers the estimand, according to the source.
        of: the factor.
        where: the place in the source.
    """

    value: Annotated[float, Field(gt=0)]
    of: str
    where: Annotated[str, Field(min_length=1)]


class Factorial(Strict):
    """A 2 x 2 design: every combination of two factors, each at a low or a high level, is a variant of its own.

    Attributes:
        factors: names of the two factors, a then b.
        levels: the low and the high level of a, then those of b, in words.
        cells: [[a low b low, a low b high], [a high b low, a high b high]], names of variants.
        published_gain: gain of one factor in print; effects of that factor are also given as a share of this gain.
        epochs: the shorter and the longer training, where b is the length of training. Without ``epochs`` all cells are
            taken at one length.
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
        """Epochs by variant where the second factor is the length of training; empty elsewhere."""
        return dict(zip(self.arms, self.epochs * 2, strict=True)) if self.epochs else {}

    @model_validator(mode="after")
    def _is_a_design(self) -> "Factorial":
        if len(set(self.arms)) < 4:
            raise ValueError(f"the cells of {self.id} must be four different variants, not {self.arms}")
        if len(set(self.factors)) < 2:
            raise ValueError(f"the factors of {self.id} need two different names, not {self.factors}")
        if self.epochs and self.epochs[0] >= self.epochs[1]:
            raise ValueError(f"epochs of {self.id} must name the shorter length first, not {self.epochs}")
        if self.published_gain and self.published_gain.of not in self.factors:
            raise ValueError(f"published_gain.of in {self.id} must be one of the factors {self.factors}")
        return self
