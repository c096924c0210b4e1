"""The unit of an estimand is in its name."""

import pytest

from reproduce.judge.reasons import unit_of


@pytest.mark.parametrize(
    ("estimand", "kind", "unit"),
    [
        ("test_top1_error_percent", "single_value", "percent"),
        ("test_top1_error_percent", "difference", "percentage_points"),
        ("test_top1_error_percent", "ratio", "ratio"),
        ("validation_test_top1_difference_percentage_points", "single_value", "percentage_points"),
        ("epochs_to_25_percent", "ratio", "ratio"),
        ("updates_to_leave_chance", "single_value", "updates"),
        ("images_per_second", "single_value", "images_per_second"),
        (None, "single_value", None),
    ],
)
def test_the_unit_of_an_estimand(estimand, kind, unit):
    assert unit_of(estimand, kind) == unit
