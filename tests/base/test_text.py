"""Numbers, units, verdicts and tables as readers see them."""

import pandas as pd
import pytest

from reproduce.base.text import (
    figures,
    format_number,
    frame_as_markdown,
    markdown_table,
    p_value_words,
    unit_words,
    verdict_words,
    with_interval,
)
from reproduce.judge import rules


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (15.315, 2, "15.32"),
        (7.325, 2, "7.33"),
        (9.75, 1, "9.8"),
        (-0.5, 1, "\N{MINUS SIGN}0.5"),
        (float("nan"), 1, "-"),
        (3, 0, "3"),
        (-0.4, 0, "0"),
    ],
)
def test_numbers_are_rounded_as_they_are_written(value, decimals, text):
    assert format_number(value, decimals) == text


def test_numbers_that_stand_together_have_as_many_decimals():
    assert figures(18.685, -2) == ["18.69", "-2.00"]
    assert figures(0.0123, 0.0004) == ["0.012", "0.000"]


def test_an_interval_stands_behind_its_number_and_unit_where_there_is_one():
    assert with_interval(-0.214, -0.68, 0.26) == "\N{MINUS SIGN}0.21 (\N{MINUS SIGN}0.68 to 0.26)"
    assert with_interval(17.46, None, None, decimals=1, unit=" %") == "17.5 %"


@pytest.mark.parametrize(
    ("p_value", "words"), [(0.000344, "0.00034"), (0.0493, "0.049"), (0.0501, "0.0501"), (0.04952, "0.0495"), (1, "1")]
)
def test_a_p_value_near_the_limit_shows_on_which_side_it_lies(p_value, words):
    assert p_value_words(p_value) == words


def test_units_follow_their_number_with_a_space():
    assert [unit_words(unit) for unit in ("percent", "percentage_points", "images_per_second", "ratio", None)] == [
        *(" %", " points", " images per second"),
        *("", ""),
    ]


def test_only_no_effect_names_its_bound():
    said = {verdict: verdict_words(verdict, 0.5, "percentage_points") for verdict in rules.VERDICTS}
    assert said.pop(rules.NO_EFFECT) == "no effect within 0.5 points"
    assert all(words == verdict for verdict, words in said.items())


def test_cells_cannot_break_a_table_and_the_rule_says_how_columns_are_aligned():
    assert markdown_table(["a", "b"], [["x | y\nz", "1"]], [1]) == "| a | b |\n| --- | ---: |\n| x \\| y z | 1 |\n"


def test_a_frame_is_headed_in_words_with_numbers_booleans_and_gaps_as_readers_expect_them():
    frame = pd.DataFrame({"a_percent": [1.005, None], "who": ["x|y", "two\nlines"], "same": [True, False]})
    assert frame_as_markdown(frame, {"a_percent": 1}).splitlines() == [
        "| a, % | who | same |",
        "| ---: | --- | --- |",
        r"| 1.0 | x\|y | yes |",
        "| - | two lines | no |",
    ]


def test_an_empty_frame_keeps_its_header():
    assert frame_as_markdown(pd.DataFrame(columns=["top5_error_percent"])) == "| top-5 error, % |\n| --- |"
