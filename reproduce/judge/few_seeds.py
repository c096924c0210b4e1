"""The two values themselves, in words, where an interval would be over two seeds only.

A t-interval over two seeds has one degree of freedom. It is 12.7 standard errors wide on either side, so it may reach
below 0 % or above 100 %, and says less than the two values do.
"""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from reproduce.base.text import figures

FEWEST = 3
"""The least number of seeds for which an interval is shown."""


def few_seeds(row: Mapping[str, Any]) -> str | None:
    """Return the words shown in place of a number's interval; None where the interval is shown or there is none.

    Args:
        row: a row of ``numbers.json``; ``value``, ``low``, ``high``, ``method`` and ``n_seeds`` are read, and
            ``confidence_percent`` where the row has it.
    """
    if row["low"] is None or not 1 < row["n_seeds"] < FEWEST:
        return None  # one seed has no t-interval: its interval, if any, is over test images
    if not str(row["method"]).startswith("t-interval"):
        return "two seeds in an arm, too few for an interval"
    _, lower, upper = figures(row["value"], *_two_values(row))
    return f"two seeds: {lower} and {upper}"


def few_seeds_of_verdict(row: Any) -> str | None:
    """Return the words of ``few_seeds`` for a ``Verdict`` or a row of ``verdicts.csv``; missing numbers may be NaN."""
    if pd.isna(row.low):
        return None
    confidence = None if pd.isna(row.confidence_percent) else row.confidence_percent
    number = {"value": row.estimate, "low": row.low, "high": row.high, "confidence_percent": confidence}
    return few_seeds(number | {"n_seeds": row.n_seeds, "method": row.method})


def _two_values(row: Mapping[str, Any]) -> tuple[float, float]:
    """Return the two values behind a t-interval, the lower first.

    The half-width of the interval is t times half the distance between the values.
    """
    confidence = (row.get("confidence_percent") or 95) / 100
    t = math.tan(math.pi * confidence / 2)  # the quantile of Student's t with one degree of freedom
    half = (row["high"] - row["low"]) / 2 / t
    return row["value"] - half, row["value"] + half
