"""The results of a run's steps, kept in its scratch folder until the run ends: a killed run goes on after the last.

Every step is a function of the steps before, so an interrupted run ends with the same bytes as an unbroken one.
"""

import contextlib
import errno
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil

from reproduce.base.errors import ReproduceError
from reproduce.base.files import atomic_path, read_arrays, read_json, write_json
from reproduce.base.progress import Progress

_SECONDS = "step_seconds"
_ROWS_DONE = ".rows.json"
_ROWS_AT_ONCE = 500
_ELSEWHERE = "free space, or set REPRODUCE_SCRATCH to a folder with more"
_DISK_SPARE_BYTES = 200_000_000  # for all other files of a run
_CANNOT_RESERVE = {errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS}  # errors of file systems that cannot reserve space


class KeptSteps:
    """The folder of one run's kept steps. The caller must hold a lock, since only one process may use the folder."""

    def __init__(self, folder: Path, name: str, check: Callable[[], None] = lambda: None) -> None:
        """``name`` is the run's, for progress; ``check`` is called between parts of long work and may raise to stop."""
        self.folder, self.name, self.check = folder, name, check

    def arrays(self, step: str, compute: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
        """Return the arrays of a step, computed now or by an earlier session.

        Raises:
            ReproduceError: they cannot be read or written.
        """
        path = self.folder / f"{step}.npz"
        if not path.is_file():
            started = time.perf_counter()
            found = {name: np.asarray(array) for name, array in compute().items()}
            seconds = time.perf_counter() - started
            with atomic_path(path) as temporary, temporary.open("wb") as stream:
                np.savez(stream, **found, **{_SECONDS: np.array(seconds)})
        kept = read_arrays(path)
        kept.pop(_SECONDS)
        return kept

    def features(
        self, step: str, shape: tuple[int, int], dtype: str, encode: Callable[[range], np.ndarray]
    ) -> np.ndarray:
        """Return an array on disk, (rows, dimensions), filled part by part by ``encode``; kept parts are used again.

        Raises:
            ReproduceError: the disk has no room for the array, or the file cannot be written.
        """
        path, progress_file = self._features_file(step), self.folder / f"{step}{_ROWS_DONE}"
        self.check_disk(step, shape, dtype)
        done = read_json(progress_file) if progress_file.is_file() and path.is_file() else {"rows": 0, "seconds": 0.0}
        _reserve(path, _bytes_of(shape, dtype))
        array = np.memmap(path, dtype, "r+", shape=shape)
        with Progress(f"{self.name}: {step}", shape[0], "img", initial=done["rows"]) as progress:
            for start in range(done["rows"], shape[0], _ROWS_AT_ONCE):
                self.check()
                started = time.perf_counter()
                rows = range(start, min(start + _ROWS_AT_ONCE, shape[0]))
                array[rows.start : rows.stop] = encode(rows)
                array.flush()
                done = {"rows": rows.stop, "seconds": done["seconds"] + time.perf_counter() - started}
                write_json(progress_file, done)
                progress.update(len(rows))
        return array

    @contextlib.contextmanager
    def progress(self, what: str, total: int, unit: str) -> Iterator[Callable[[], None]]:
        """Yield a function that counts one of at most ``total`` units, and raises where the run is to stop."""
        with Progress(f"{self.name}: {what}", total, unit) as progress:

            def advance() -> None:
                progress.update(1)
                self.check()

            yield advance

    def drop_features(self, step: str) -> None:
        """Delete the features of ``step``, which no later step reads; ``all_seconds`` still counts their time."""
        self._features_file(step).unlink(missing_ok=True)

    def is_kept(self, step: str) -> bool:
        """Return whether the arrays of a step are there."""
        return (self.folder / f"{step}.npz").is_file()

    def seconds(self, step: str) -> float:
        """Return the time in seconds that ``step``, computed by ``arrays``, took."""
        return float(read_arrays(self.folder / f"{step}.npz")[_SECONDS])

    def all_seconds(self) -> float:
        """Return the time in seconds that all steps took, over all sessions."""
        arrays = sum(self.seconds(path.stem) for path in sorted(self.folder.glob("*.npz")))
        return arrays + sum(read_json(path)["seconds"] for path in sorted(self.folder.glob(f"*{_ROWS_DONE}")))

    def clear(self) -> None:
        """Remove everything that is kept."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def check_disk(self, step: str, shape: tuple[int, int], dtype: str) -> None:
        """Check that the disk has room for the array of ``step``, before anything is written.

        Raises:
            ReproduceError: there is too little room.
        """
        needed = _bytes_of(shape, dtype) + _DISK_SPARE_BYTES
        path = self._features_file(step)
        there = path.stat().st_blocks * 512 if path.is_file() else 0
        existing = next(folder for folder in (self.folder, *self.folder.parents) if folder.exists())
        free = shutil.disk_usage(existing).free
        if needed > free + there:
            raise ReproduceError(
                f"{self.name} needs {needed / 1e9:.1f} GB in {self.folder} for its features, and "
                f"{free / 1e9:.1f} GB are free there; {_ELSEWHERE}"
            )

    def _features_file(self, step: str) -> Path:
        return self.folder / f"{step}.features"


def _bytes_of(shape: tuple[int, int], dtype: str) -> int:
    return shape[0] * shape[1] * np.dtype(dtype).itemsize


def _reserve(path: Path, size: int) -> None:
    """Reserve ``size`` bytes on the disk for the file at ``path``, and keep those already in it.

    If the disk became full while a memory-mapped array was written, the process would be killed without a message
    (SIGBUS). Where the file system cannot reserve space, the file only gets its length.

    Raises:
        ReproduceError: the disk has no room, or the file cannot be written.
    """
    is_new = not path.exists()
    try:
        # Where a file system cannot reserve, glibc writes zeros; it needs a file open for reading, not for appending.
        with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o644), "r+b") as stream:
            try:
                os.posix_fallocate(stream.fileno(), 0, size)
            except AttributeError:  # macOS
                stream.truncate(size)
            except OSError as error:
                if error.errno not in _CANNOT_RESERVE:
                    raise
                stream.truncate(size)
    except OSError as error:
        if is_new:
            path.unlink(missing_ok=True)
        raise ReproduceError(
            f"cannot reserve {size / 1e9:.1f} GB for {path}: {error.strerror}; {_ELSEWHERE}"
        ) from error


def check_memory(needed_bytes: int, name: str) -> None:
    """Check that ``needed_bytes`` of memory are available, before any of them is used.

    Raises:
        ReproduceError: fewer are available.
    """
    available = psutil.virtual_memory().available
    if needed_bytes > available:
        raise ReproduceError(
            f"{name} needs about {needed_bytes / 1e9:.1f} GB of memory, and {available / 1e9:.1f} GB are available; "
            "end other programs, or use a machine with more"
        )
