"""Reading CSV tables, with one error for all that can be wrong with them."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import pandas as pd

from reproduce.base.errors import ReproduceError
from reproduce.base.files import RESTORE, reading
from reproduce.base.paths import relative_to_repo


def read_csv(path: Path, columns: Collection[str] = (), remedy: str = RESTORE, **options: Any) -> pd.DataFrame:
    """Return a CSV file's rows.

    Args:
        path: the file.
        columns: those it must have.
        remedy: what to do where the file is missing.
        options: of ``pandas.read_csv``.

    Raises:
        ReproduceError: the file is missing or damaged, or lacks a column.
    """
    with reading(path, remedy):
        table = pd.read_csv(path, **options)
    lacking = [name for name in columns if name not in table.columns]
    if lacking:
        raise ReproduceError(f"{relative_to_repo(path)} lacks the column {lacking[0]!r}; {RESTORE}")
    return table


def read_table(path: Path, columns: str) -> pd.DataFrame:
    """Return the rows of a table that must have the space-separated ``columns``; empty cells are missing values.

    Raises:
        ReproduceError: the file is missing or damaged, or lacks a column.
    """
    return read_csv(path, columns.split(), keep_default_na=False, na_values=[""])


def percentages(column: pd.Series, path: Path) -> pd.Series:
    """Return the column as float64.

    Raises:
        ReproduceError: a value that is no number from 0 to 100 (missing values pass).
    """
    values = pd.to_numeric(column, errors="coerce")
    wrong = column[(values.isna() & column.notna()) | ~values.fillna(0).between(0, 100)]
    if len(wrong):
        raise ReproduceError(
            f"{str(wrong.iloc[0])!r} in column {column.name} of {relative_to_repo(path)}, line {wrong.index[0] + 2}, "
            "is not a percentage; correct it from the source named there"
        )
    return values.astype(float)


def yes_or_no(column: pd.Series) -> pd.Series:
    """Return a nullable boolean column: words that start with "no" are false, other words true, nothing is missing."""
    return column.map(lambda words: pd.NA if pd.isna(words) else not str(words).startswith("no")).astype("boolean")
