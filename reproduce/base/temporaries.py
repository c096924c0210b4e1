"""Temporary files and folders that their owner removes; those of a killed owner are removed by the next owner.

The owner holds a lock on each, which the kernel releases however the owner ends. A file or folder without a lock is
abandoned. On file systems without locks nothing is known to be abandoned, so the files of a killed owner stay.
"""

import contextlib
import fcntl
import os
import re
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def temporary_file(folder: Path, prefix: str, suffix: str) -> Iterator[Path]:
    """Yield a new empty file in ``folder``, gone after the block unless it was renamed.

    Abandoned ones of the same prefix and suffix are removed first.

    Raises:
        OSError: the file cannot be made.
    """
    clear_abandoned(folder, prefix, suffix)
    lock = None
    while lock is None:
        handle, name = tempfile.mkstemp(suffix, prefix, folder)
        lock = _locked_or_closed(handle)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)
        os.close(lock)


class TemporaryFolder(tempfile.TemporaryDirectory):
    """A ``tempfile.TemporaryDirectory``; one that a killed process left is removed when the next one is made."""

    def __init__(self, prefix: str, place: Path | None = None) -> None:
        """Make a folder with ``prefix`` in ``place``, by default the system's; remove abandoned ones of that prefix.

        Raises:
            OSError: the folder cannot be made.
        """
        clear_abandoned(Path(place or tempfile.gettempdir()), prefix)
        lock = None
        while lock is None:
            super().__init__(prefix=prefix, dir=place, ignore_cleanup_errors=True)
            with contextlib.suppress(FileNotFoundError):
                lock = _locked_or_closed(os.open(self.name, os.O_RDONLY))
        weakref.finalize(self, os.close, lock)


def clear_abandoned(folder: Path, prefix: str, suffix: str = "") -> None:
    """Remove the temporary files and folders of this form whose owner was killed."""
    form = re.compile(f"{re.escape(prefix)}[a-z0-9_]{{8}}{re.escape(suffix)}")  # as tempfile names them
    for path in folder.iterdir() if folder.is_dir() else ():
        if not form.fullmatch(path.name):
            continue
        with contextlib.suppress(OSError):  # locked, another user's, gone, or no locks on this file system
            is_folder = path.is_dir()
            handle = os.open(path, os.O_RDONLY if is_folder else os.O_RDWR)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path) if is_folder else path.unlink()
            finally:
                os.close(handle)


def _locked_or_closed(handle: int) -> int | None:
    """Lock a new file or folder and return its handle; None where another process has just cleared it away."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    except OSError:  # this file system has no locks
        return handle
    if os.fstat(handle).st_nlink:
        return handle
    os.close(handle)
    return None
