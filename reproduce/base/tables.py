"""Reading CSV tables, with a ReproduceError for every fault in them."""

import re
import warnings
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from reproduce.base.errors import ReproduceError, shortened
from reproduce.base.files import RESTORE, reading
from reproduce.base.paths import relative_to_repo

# Columns of numbers, by their names: most end in a unit or in a part of an interval. A column "by_seed" holds lists.
_NUMBERS = re.compile(
    r"(?!by_seed_)(.*_)?(percent|points|pct|pp|nats|seconds|days|gib|gflops?|gbyte|second|s|images|factor"
    r"|median|min|max|mean|std|low|mid|high|value|error)"
    r"|epochs_to_.*|updates(_to_.*)?|trained_epochs|seed|epoch|phase|year|update|file|files_in_epoch|n_(seeds|first|second)"
    r"|estimate|margin|half_width|p_value(_holm)?|correlation|threads|cores|batch_size|rounds|negligible_within"
    r"|params_millions|gmacs|share_zero|standard_deviation"
)


def read_csv(path: Path, columns: Collection[str] = (), remedy: str = RESTORE, **options: Any) -> pd.DataFrame:
    """Return a CSV file's rows.

    A column whose name says that it holds numbers is checked: each cell is a finite number or empty.

    Args:
        path: the file.
        columns: those the file must have.
        remedy: what to do where the file is missing.
        options: of ``pandas.read_csv``.

    Raises:
        ReproduceError: the file is missing or damaged, lacks a column, or has something else where a number belongs.
    """
    with reading(path, remedy), warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)  # warns of a row with more cells than the header
        table = pd.read_csv(path, index_col=False, **options)
    lacking = [name for name in columns if name not in table.columns]
    if lacking:
        raise ReproduceError(f"{relative_to_repo(path)} lacks the column {lacking[0]!r}; {RESTORE}")
    for name in filter(_NUMBERS.fullmatch, table.columns):
        _check_numbers(table[name], path)
    return table


def _check_numbers(column: pd.Series, path: Path) -> None:
    if pd.api.types.is_integer_dtype(column):
        return
    with np.errstate(invalid="ignore"):
        values = pd.to_numeric(column, errors="coerce").astype("float64")
    is_filled = column.notna() & column.ne("")  # an empty cell is "" if ``options`` keep text as it is
    wrong = column[is_filled & ~np.isfinite(values)]
    if len(wrong):
        raise ReproduceError(
            f"{relative_to_repo(path)}, line {wrong.index[0] + 2}: {column.name} is {shortened(wrong.tolist()[0])}, "
            f"no finite number; {RESTORE}"
        )


def read_table(path: Path, columns: str) -> pd.DataFrame:
    """Return the rows of a table that must have the space-separated ``columns``; empty cells are missing values.

    Raises:
        ReproduceError: the file is missing or damaged, or lacks a column.
    """
    return read_csv(path, columns.split(), keep_default_na=False, na_values=[""])


def percentages(column: pd.Series, path: Path) -> pd.Series:
    """Return the column as float64.

    Raises:
        ReproduceError: a value is no number from 0 to 100; a missing value is allowed.
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
    """Return a nullable boolean column: words that start with "no" are false, others true; missing stays missing."""
    return column.map(lambda words: pd.NA if pd.isna(words) else not str(words).startswith("no")).astype("boolean")
