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
