"""Tabulating what is committed: every machine's timings in one table, and the days of training that follow."""

from pathlib import Path

import pandas as pd

from reproduce.base.files import write_text
from reproduce.base.paths import RESULTS
from reproduce.speed.timing import cost
from reproduce.speed.timing.timing_rows import TIMING_FOLDER, read_all

_LEFT_IN_THE_FILES = ["features", "memory_gib", "os", "python", "git_commit", "git_dirty"]


def tabulate(folder: Path = TIMING_FOLDER, out: Path = RESULTS / "tables") -> tuple[Path, Path]:
    """Write ``timing.csv`` and ``training_days.csv`` from the machines' files and the sourced tables; return the paths.

    Nothing is timed. Without a machine's file the first table has no rows, and the second only published and estimated
    days.

    Raises:
        ReproduceError: an input is damaged, or ``out`` is not writable.
    """
    timing = read_all(folder)
    days = cost.training_days(timing, cost.load_hardware(), cost.load_published())
    paths = out / "timing.csv", out / "training_days.csv"
    for path, frame in zip(paths, (timing.drop(columns=_LEFT_IN_THE_FILES), days), strict=True):
        _write(frame, path)
    return paths


def _write(frame: pd.DataFrame, path: Path) -> None:
    write_text(path, frame.to_csv(index=False, float_format="%.6g", lineterminator="\n"))
