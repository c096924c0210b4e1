"""Effects have one sign, and the front page's table of them is sorted."""

import math

import pytest

from reproduce.report import effects


@pytest.mark.parametrize(
    ("value", "low", "high", "words"),
    [
        (1.3243, 0.7853, 1.8632, "1.32 points lower (0.79 to 1.86)"),
        (-0.2617, -0.5111, -0.0124, "0.26 points higher (0.01 to 0.51)"),
        (0.2583, -0.1051, 0.6216, "0.26 points lower (0.11 higher to 0.62 lower)"),
        (-0.1204, -0.3405, 0.0996, "0.12 points higher (0.34 higher to 0.10 lower)"),
        (None, None, None, "not run yet"),
        (1.3243, None, None, "1.32 points lower (no interval yet)"),
        (-1.3243, None, None, "1.32 points higher (no interval yet)"),
    ],
)
def test_an_effect_has_one_sign(value, low, high, words):
    method = None if low is None else "Welch"
    assert effects.effect_words({"value": value, "low": low, "high": high, "n_seeds": 5, "method": method}) == words


def test_a_row_of_a_table_has_nan_for_what_is_missing():
    row = {"value": 6.1, "low": 5.37, "high": 6.83, "n_seeds": 3, "method": "Welch", "confidence_percent": math.nan}
    assert effects.effect_words(row) == "6.10 points lower (5.37 to 6.83)"
    assert effects.effect_words(row | {"value": math.nan}) == "not run yet"
    waiting = row | {"low": math.nan, "high": math.nan, "method": math.nan}
    assert effects.effect_words(waiting) == "6.10 points lower (no interval yet)"
    alone = row | {"low": math.nan, "high": math.nan, "n_seeds": 1}
    assert effects.effect_words(alone) == "6.10 points lower (too few seeds for an interval)"


@pytest.mark.parametrize(
    ("shares", "words"),
    [
        ((56.0, 38.0, 73.0), "56 (38 to 73)"),
        ((-10.0, -30.0, 12.0), "none shown, at most 12"),
        ((-15.0, -25.0, -5.0), "none"),
        ((14.0, math.nan, math.nan), "-"),
        ((-15.0, math.nan, math.nan), "-"),
    ],
)
def test_a_share_without_an_interval_is_not_shown(shares, words):
    assert effects.share_words(*shares) == words


def test_effects_are_sorted_and_at_most_twelve(facts):
    lines = effects.test_error_effects_table(facts).splitlines()[2:]
    assert len(lines) <= 12
    assert lines[0].startswith("| random crops and flips")
