"""Sentences that answer a notebook's section, made from the numbers and tables that the section shows."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from reproduce.base.text import figures, format_number
from reproduce.judge.numbers import Row
from reproduce.report.effects import points_words

_NORMALIZATION = "lrn_confound.body-by-normalization.main-normalization"
_TEN_VIEWS = "small-ten-views-top1"


def of_normalization_at_40_epochs(numbers: Mapping[str, Row]) -> str:
    """Return the effect of normalization in the mean over both bodies."""
    row = numbers[_NORMALIZATION]
    if row["value"] is None:
        return "Not run yet."
    words = points_words(row["value"], row["low"], row["high"])
    return f"At 40 epochs, in the mean over both bodies, the error with normalization is {words}."


def of_ten_views(numbers: Mapping[str, Row]) -> str:
    """Return the effect of ten views on the reduced net, by the seeds that its claim planned."""
    row = numbers[_TEN_VIEWS]
    if row["value"] is None:
        return "Not run yet."
    words = points_words(row["value"], row["low"], row["high"])
    return (
        f"With ten views the reduced net's test error is {words}, by the {row['n_seeds']} seeds planned. "
        "The appendix has every seed of every variant."
    )


def of_validation_and_test(gaps: pd.DataFrame) -> str:
    """Return how far the reduced net's validation and test error are apart, beside what sampling alone would give.

    Args:
        gaps: from ``averages.load(loaded, "validation_gaps")``; the first row is the reduced net's.
    """
    if gaps.empty:
        return "Not run yet."
    row: Any = next(gaps.itertuples())
    apart, *ends = figures(row.absolute_difference_percentage_points, row.low, row.high)
    return (
        f"The reduced net's validation and test error are {apart} points apart ({' to '.join(ends)}, {row.n_seeds} "
        f"seeds). Sampling alone would put them {format_number(row.sampling_mean_absolute_percentage_points)} points "
        "apart."
    )
