"""Fields that came after the first published runs: left out of digests at their defaults, and nowhere else."""

from typing import Annotated

import pytest
from pydantic import Field, ValidationError

from reproduce.base.validation import Strict, later, without_later_defaults


class Model(Strict):
    """One old field and two younger ones."""

    old: int = 1
    listed: list[int] = later([])
    bounded: Annotated[float, Field(gt=0)] = later(2.0)


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ({}, {"old": 1}),
        ({"listed": [], "bounded": 2.0}, {"old": 1}),
        ({"listed": [3], "bounded": 0.5}, {"old": 1, "listed": [3], "bounded": 0.5}),
    ],
)
def test_younger_fields_are_left_out_at_their_defaults(given, left):
    model = Model(**given)
    assert without_later_defaults(model, model.model_dump()) == left


def test_a_younger_field_is_still_checked_and_dumped():
    with pytest.raises(ValidationError, match="greater than 0"):
        Model(bounded=0.0)
    assert Model().model_dump() == {"old": 1, "listed": [], "bounded": 2.0}


def test_defaults_are_not_shared():
    first = Model()
    first.listed.append(1)
    assert Model().listed == []
