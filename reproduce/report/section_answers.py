"""Sentences that answer a notebook's section, made from the numbers and tables that the section shows."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from reproduce.base.text import figures, format_number
from reproduce.judge.numbers import Row
from reproduce.report.effects import effect_words, points_words

_NORMALIZATION = "lrn_confound.body-by-normalization.main-normalization"
_TEN_VIEWS = "small-ten-views-top1"
_PAPERS_NETS = 5  # Table 2


def of_normalization_at_40_epochs(numbers: Mapping[str, Row]) -> str:
    """Return the effect of normalization in the mean over both bodies."""
    row = numbers[_NORMALIZATION]
    if row["value"] is None:
        return "Not run yet."
    return f"At 40 epochs, in the mean over both bodies, the error with normalization is {effect_words(row)}."


def of_several_nets(ensembles: pd.DataFrame) -> str:
    """Return what averaging five nets does to the error, by the variant with the most groups of five.

    Args:
        ensembles: from ``averages.load(loaded, "ensembles")``.
    """
    of_five = ensembles[ensembles["nets"].eq(_PAPERS_NETS)]
    if of_five.empty:
        return "Not run yet."
    row: Any = next(of_five.nlargest(1, "groups").itertuples())
    one, several = (format_number(each) for each in (row.member_error_percent, row.ensemble_error_percent))
    said = (
        f"With {_PAPERS_NETS} nets of `{row.variant}` averaged the test error is "
        f"{points_words(row.gain_percentage_points, row.low, row.high)}: {several} % in place of {one} %."
    )
    few = f"An interval needs three groups of {_PAPERS_NETS} nets that share no seed (here: {row.groups})."
    return said if pd.notna(row.low) else f"{said} {few}"


def of_ten_views(numbers: Mapping[str, Row], views: pd.DataFrame) -> str:
    """Return the effect of ten views on the reduced net, by the seeds that its claim planned and by all seeds.

    Args:
        numbers: all numbers by id.
        views: from ``averages.load(loaded, "views")``.
    """
    row = numbers[_TEN_VIEWS]
    if row["value"] is None:
        return "Not run yet."
    words = points_words(row["value"], row["low"], row["high"])
    judged = f"With ten views the reduced net's test error is {words}, by the {row['n_seeds']} seeds planned."
    of_net = views["study"].eq("alexnet_small") & views["variant"].eq("base")
    every: Any = next(views[of_net].itertuples(), None)
    if every is None or every.n_seeds == row["n_seeds"]:
        return judged
    words = points_words(-every.difference_percentage_points, -every.high, -every.low)
    return f"{judged} The verdict rests on these. By all {every.n_seeds} seeds it is {words}, as in the appendix."


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
        f"The reduced net's {_side(row.by_seed_percentage_points, apart)} ({' to '.join(ends)}, {row.n_seeds} seeds). "
        f"Sampling alone would put them {format_number(row.sampling_mean_absolute_percentage_points)} points apart."
    )


def _side(by_seed: str, apart: str) -> str:
    """Return on which side the test error lies where all seeds agree; their mean distance is of both signs else."""
    differences = [float(value) for value in str(by_seed).split(";")]  # validation minus test
    if all(value < 0 for value in differences):
        return f"test error is {apart} points higher than its validation error"
    if all(value > 0 for value in differences):
        return f"test error is {apart} points lower than its validation error"
    return f"validation and test error are {apart} points apart"
