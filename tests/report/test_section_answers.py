"""Sentences that answer a notebook's section, from the published numbers and from tables made by hand."""

import math

import pandas as pd
import pytest

from reproduce.judge.numbers import read_numbers
from reproduce.report import section_answers

VIEWS = pd.DataFrame(
    {
        "study": ["other", "alexnet_small"],
        "variant": "base",
        "n_seeds": [3, 8],
        "difference_percentage_points": [-9.0, -2.9238],
        "low": [-9.5, -3.1195],
        "high": [-8.5, -2.728],
    }
)


def test_normalization_at_40_epochs_and_ten_views_are_said_with_their_side_and_interval():
    effect = {"value": -0.1333, "low": -0.5019, "high": 0.2352, "n_seeds": 3, "method": "Welch"}
    numbers = {
        "lrn_confound.body-by-normalization.main-normalization": effect,
        "small-ten-views-top1": {"value": 2.878, "low": 2.5193, "high": 3.2367, "n_seeds": 5},
    }
    assert section_answers.of_normalization_at_40_epochs(numbers).endswith(
        "the error with normalization is 0.13 points higher (0.50 higher to 0.24 lower)."
    )
    judged = "With ten views the reduced net's test error is 2.88 points lower (2.52 to 3.24), by the 5 seeds planned."
    assert section_answers.of_ten_views(numbers, VIEWS.assign(n_seeds=5)) == judged
    assert section_answers.of_ten_views(numbers, VIEWS) == (
        f"{judged} The verdict rests on these. "
        "By all 8 seeds it is 2.92 points lower (2.73 to 3.12), as in the appendix."
    )
    waiting = {name: row | {"value": None} for name, row in numbers.items()}
    assert section_answers.of_normalization_at_40_epochs(waiting) == "Not run yet."
    assert section_answers.of_ten_views(waiting, VIEWS) == "Not run yet."


def test_the_numbers_that_sections_answer_by_are_published():
    assert section_answers.of_normalization_at_40_epochs(read_numbers()) != "Not run yet."
    assert section_answers.of_ten_views(read_numbers(), VIEWS) != "Not run yet."


def test_five_nets_are_said_of_the_variant_with_the_most_groups_and_without_an_interval_if_it_has_none():
    rows = {"variant": ["a", "b", "b"], "nets": [5, 5, 4], "groups": [1, 2, 3], "low": math.nan, "high": math.nan}
    errors = {"member_error_percent": 25.746, "ensemble_error_percent": 23.2975, "gain_percentage_points": 2.4485}
    ensembles = pd.DataFrame(rows | errors)
    said = "With 5 nets of `b` averaged the test error is 2.45 points lower"
    assert section_answers.of_several_nets(ensembles) == (
        f"{said}: 23.30 % in place of 25.75 %. An interval needs three groups of 5 nets that share no seed (here: 2)."
    )
    several = ensembles.assign(low=2.1, high=2.8)
    assert section_answers.of_several_nets(several) == f"{said} (2.10 to 2.80): 23.30 % in place of 25.75 %."
    assert section_answers.of_several_nets(ensembles.iloc[2:]) == "Not run yet."


@pytest.mark.parametrize(
    ("by_seed", "said"),
    [
        ("-0.44;-0.75", "test error is 0.60 points higher than its validation error"),
        ("0.44;0.75", "test error is 0.60 points lower than its validation error"),
        ("-0.44;0.75", "validation and test error are 0.60 points apart"),
    ],
)
def test_validation_and_test_stand_beside_what_sampling_gives(by_seed, said):
    """The collected distance has no sign, so a side is named only where all seeds lie on it."""
    row = {"absolute_difference_percentage_points": 0.5975, "low": 0.3801, "high": 0.8149, "n_seeds": 8}
    row |= {"sampling_mean_absolute_percentage_points": 0.4117, "by_seed_percentage_points": by_seed}
    gaps = pd.DataFrame([row])
    assert section_answers.of_validation_and_test(gaps) == (
        f"The reduced net's {said} (0.38 to 0.81, 8 seeds). Sampling alone would put them 0.41 points apart."
    )
    assert section_answers.of_validation_and_test(gaps.iloc[:0]) == "Not run yet."
