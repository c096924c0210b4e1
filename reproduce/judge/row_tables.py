"""Tables from rows that are dataclasses: one column per field, of the field's type."""

from collections.abc import Iterable
from dataclasses import fields
from typing import Any, get_type_hints

import pandas as pd

from reproduce.runs.statistics import Estimate

BEFORE_ALL_SEEDS: dict[str, None] = dict.fromkeys(("low", "high", "method", "p_value"))
"""Fields that are empty until every planned seed is made, so that no interim look is published.

Claims, comparisons and 2 x 2 designs follow it. The mean of one arm keeps its interval, also where a claim on it waits.
"""

_TYPES = {float | None: "float64", int | None: "Int64"}  # pandas would infer other types from empty cells


def table_of(rows: Iterable[Any], row_type: type) -> pd.DataFrame:
    """Return one row per instance of the dataclass ``row_type``; an empty table has its columns too."""
    names, hints = [field.name for field in fields(row_type)], get_type_hints(row_type)
    table = pd.DataFrame([[getattr(row, name) for name in names] for row in rows], columns=names)
    return table.astype({name: _TYPES[hints[name]] for name in names if hints[name] in _TYPES})


def interval_fields(found: Estimate) -> dict[str, float | str | None]:
    """Return the fields that every row with an interval has: value, its ends, method and p."""
    return {name: getattr(found, name) for name in ("value", "low", "high", "method", "p_value")}
