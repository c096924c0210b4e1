"""Effects of ingredients on the reduced net's test error: an effect in words, and the front page's table of them.

One sign everywhere: an effect is said as "with X the error is N points lower" or "higher". Collected effects are
without minus with, so a positive one lowers the error.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from reproduce.base.text import figures, format_number, frame_as_markdown, with_interval
from reproduce.judge.few_seeds import few_seeds
from reproduce.judge.numbers import Row, cited_number, number_details, seeds_words, shown_values
from reproduce.report.facts import Facts

# Each ingredient: its name, the number, and the claim whose verdict is shown.
EFFECTS = (
    (
        "random crops and flips",
        "alexnet_small.gain-of-crops-and-flips.difference",
        "small-crops-and-flips-prevent-overfitting",
    ),
    ("ten test views", "small-ten-views-top1", "small-ten-views-top1"),
    ("two columns for one of half the maps", "small-two-columns-top1", "small-two-columns-top1"),
    ("response normalization", "small-lrn-top1", "small-lrn-top1"),
    ("dropout", "alexnet_small.gain-of-dropout.difference", "small-dropout-prevents-overfitting"),
    ("connections between the columns", "small-columns-never-meeting-top1", "small-columns-never-meeting-top1"),
    ("weight decay", "alexnet_small.gain-of-weight-decay.difference", "small-weight-decay-lowers-training-error"),
    ("color noise", "small-color-noise-top1", "small-color-noise-top1"),
    ("the third convolution", "small-removing-conv3-top1", "small-removing-conv3-top1"),
    ("the fourth convolution", "small-removing-conv4-top1", "small-removing-conv4-top1"),
    ("the fifth convolution", "small-removing-conv5-top1", "small-removing-conv5-top1"),
    ("overlapping pooling", "small-overlapping-pooling-top1", "small-overlapping-pooling-top1"),
)

_OTHER = {"lower": "higher", "higher": "lower", "larger": "smaller"}


def effect_words(row: Mapping[str, Any], above_zero: str = "lower") -> str:
    """Return an effect as "1.32 points lower (0.79 to 1.86)"; an interval around zero names both of its ends.

    Args:
        row: a row of ``numbers.json``, or the same from a table, where what is missing is NaN. ``method`` is None where
            the interval waits for planned seeds.
        above_zero: as in ``points_words``.
    """
    row = {name: None if pd.isna(value) else value for name, value in row.items() if not isinstance(value, list)}
    if row["value"] is None:
        return "not run yet"
    if row["low"] is None or few_seeds(row):
        return f"{points_words(row['value'], above_zero=above_zero)} ({_why_no_interval(row)})"
    return points_words(row["value"], row["low"], row["high"], row.get("confidence_percent"), above_zero)


def points_words(
    value: float,
    low: float | None = None,
    high: float | None = None,
    confidence_percent: float | None = None,
    above_zero: str = "lower",
) -> str:
    """Return points by which an error is lower as "1.32 points lower (0.79 to 1.86)"; without ends, the value alone.

    ``above_zero`` is the word for a number above zero: ``lower``, ``higher`` or, of a gain, ``larger``.
    """
    row = {"value": value, "low": low, "high": high}
    if pd.isna(low):
        return _sided(row, *figures(value), above_zero)
    is_usual = pd.isna(confidence_percent) or confidence_percent == 95
    level = "" if is_usual else f", at {confidence_percent:g} %"  # where seeds were added after a look
    shown, *ends = figures(value, low, high)
    return f"{_sided(row, shown, above_zero)} ({' to '.join(_ends(row, ends, above_zero))}{level})"


def share_words(value: float, low: float, high: float) -> str:
    """Return a share of a published gain in percent; of an error that is not lower, at most how much is left open.

    Without an interval there is no share, since it would be cited without one.
    """
    if pd.notna(value) and pd.isna(low):
        return "-"
    if pd.isna(value) or value >= 0:
        return with_interval(value, low, high, decimals=0)
    return f"none shown, at most {format_number(high, 0)}" if high > 0 else "none"


def _why_no_interval(row: Row) -> str:
    if row.get("method") is None:
        return "no interval yet"  # no interim look is published
    return "too few seeds for an interval"


def cited_effect(row: Row, above_zero: str = "lower") -> str:
    """Return a difference in points as it is cited, with a word for its sign.

    An example is "0.29 points higher (95 % interval 0.05 to 0.53, 5 seeds)".

    Args:
        row: a row of ``numbers.json``, in percentage points.
        above_zero: the word for a number above zero, ``lower`` or ``higher``.
    """
    if row["value"] is None:
        return cited_number(row)
    value, *ends = shown_values(row)
    return _sided(row, value, above_zero) + number_details(row, _ends(row, ends, above_zero) if ends else [])


def _sided(row: Row, value: str, above_zero: str = "lower") -> str:
    """Return the value as ``value`` shows it, without its sign and with the side of zero on which it lies."""
    side = above_zero if row["value"] >= 0 else _OTHER[above_zero]
    return f"{_plain(value)} points {side if float(value) else 'different'}"


def _ends(row: Row, ends: list[str], above_zero: str = "lower") -> list[str]:
    """Return an interval's ends without signs; one around zero says of each end on which side it lies."""
    low, high = map(_plain, ends)
    if row["low"] > 0:
        return [low, high]
    if row["high"] < 0:
        return [high, low]
    return [f"{low} {_OTHER[above_zero]}", f"{high} {above_zero}"]


def _plain(number: str) -> str:
    return number.removeprefix("-")


def test_error_effects_table(facts: Facts) -> str:
    """Return what each ingredient does to the reduced net's test error, the largest gain first."""
    ordered = sorted(EFFECTS, key=lambda effect: -(facts.row(effect[1])["value"] or 0.0))
    rows = [
        {
            "with": name,
            "the test error is": effect_words(facts.row(number_id)),
            "seeds": seeds_words(facts.row(number_id)).partition(" seed")[0],
            "verdict": facts.row(claim_id)["verdict"],
        }
        for name, number_id, claim_id in ordered
    ]
    return frame_as_markdown(pd.DataFrame(rows))
