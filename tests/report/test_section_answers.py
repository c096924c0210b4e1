"""Sentences that answer a notebook's section, from the published numbers and from tables made by hand."""

import pandas as pd

from reproduce.judge.numbers import read_numbers
from reproduce.report import section_answers


def test_normalization_at_40_epochs_and_ten_views_are_said_with_their_side_and_interval():
    numbers = {
        "lrn_confound.body-by-normalization.main-normalization": {"value": -0.1333, "low": -0.5019, "high": 0.2352},
        "small-ten-views-top1": {"value": 2.878, "low": 2.5193, "high": 3.2367, "n_seeds": 5},
    }
    assert section_answers.of_normalization_at_40_epochs(numbers).endswith(
        "the error with normalization is 0.13 points higher (0.50 higher to 0.24 lower)."
    )
    assert "is 2.88 points lower (2.52 to 3.24), by the 5 seeds planned." in section_answers.of_ten_views(numbers)
    waiting = {name: row | {"value": None} for name, row in numbers.items()}
    assert section_answers.of_normalization_at_40_epochs(waiting) == "Not run yet."
    assert section_answers.of_ten_views(waiting) == "Not run yet."


def test_the_numbers_that_sections_answer_by_are_published():
    assert section_answers.of_normalization_at_40_epochs(read_numbers()) != "Not run yet."
    assert section_answers.of_ten_views(read_numbers()) != "Not run yet."


def test_validation_and_test_stand_beside_what_sampling_gives():
    row = {"absolute_difference_percentage_points": 0.5975, "low": 0.3801, "high": 0.8149, "n_seeds": 8}
    gaps = pd.DataFrame([row | {"sampling_mean_absolute_percentage_points": 0.4117}])
    assert section_answers.of_validation_and_test(gaps) == (
        "The reduced net's validation and test error are 0.60 points apart (0.38 to 0.81, 8 seeds). Sampling alone "
        "would put them 0.41 points apart."
    )
    assert section_answers.of_validation_and_test(gaps.iloc[:0]) == "Not run yet."
