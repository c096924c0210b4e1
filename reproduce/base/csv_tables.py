"""Reading committed CSV tables: their columns are checked, and a bad value is named with its line."""

from pathlib import Path

import pandas as pd

from reproduce.base.errors import ReproduceError
from reproduce.base.paths import relative_to_repo


def read_table(path: Path, columns: str) -> pd.DataFrame:
    """Read a CSV table and check that it has the space-separated ``columns``; empty cells are missing values.

    Raises:
        ReproduceError: the file is missing, is no table, or lacks a column.
    """
    try:
        table = pd.read_csv(path, keep_default_na=False, na_values=[""])
    except FileNotFoundError as error:
        raise ReproduceError(f"{relative_to_repo(path)} is missing; restore it with git") from error
    except (ValueError, UnicodeDecodeError) as error:
        raise ReproduceError(f"{relative_to_repo(path)} is not a CSV table ({error}); restore it with git") from error
    missing = [name for name in columns.split() if name not in table.columns]
    if missing:
        raise ReproduceError(f"{relative_to_repo(path)} lacks the column {missing[0]!r}; restore it with git")
    return table


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
