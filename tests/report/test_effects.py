"""Effects have one sign, and the front page's table of them is sorted."""

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
        (1.3243, None, None, "1.32 points lower, too few seeds for an interval"),
        (-1.3243, None, None, "1.32 points higher, too few seeds for an interval"),
    ],
)
def test_an_effect_has_one_sign(value, low, high, words):
    assert effects.effect_words({"value": value, "low": low, "high": high, "n_seeds": 5}) == words


def test_effects_are_sorted_and_at_most_twelve(facts):
    lines = effects.test_error_effects_table(facts).splitlines()[2:]
    assert len(lines) <= 12
    assert lines[0].startswith("| random crops and flips")
