"""A data set of fixed official files: what it is called, how its files are checked, and the errors of getting it."""

import contextlib
import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from reproduce.base.errors import ReproduceError
from reproduce.base.paths import relative_to_repo


@dataclass(frozen=True)
class DataSet:
    """What messages call a data set, and what a user sets or runs to get it.

    Attributes:
        title: as readers know it, such as ``CIFAR-10``.
        name: of its folder, its lock and the argument of ``python -m reproduce data``.
        variable: the environment variable that names a user's own copy.
        layouts: what such a copy may hold, in words.
    """

    title: str
    name: str
    variable: str
    layouts: str

    @property
    def prepare_command(self) -> str:
        """The command that gets and checks the data."""
        return f"python -m reproduce data {self.name}"


@dataclass(frozen=True)
class OfficialFile:
    """One file as it lies in the data folder: its name, its size in bytes and its MD5 in hex."""

    name: str
    bytes: int
    md5: str


class SourceError(ReproduceError):
    """A source of the data that cannot be used, with its reason; another source may still do."""


class FileError(ReproduceError):
    """A file that is missing, unreadable or not the official one; ``difference`` says which."""

    def __init__(self, path: Path, difference: str, command: str) -> None:
        super().__init__(f"{relative_to_repo(path)} {difference}; run `{command}`")
        self.path, self.difference = path, difference


@contextlib.contextmanager
def writing_scratch(path: Path) -> Iterator[None]:
    """Turn a full disk or an unwritable folder at ``path`` in the scratch folder into a one-line error."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise ReproduceError(
            f"cannot write {path}: {reason}; free space or set REPRODUCE_SCRATCH to another folder"
        ) from error


@contextlib.contextmanager
def temporary_folder(scratch: Path, dataset: DataSet) -> Iterator[Path]:
    """Yield a new folder in ``scratch`` that vanishes with the block; ``leftover_folders`` finds a killed one's."""
    with writing_scratch(scratch):
        temporary = tempfile.TemporaryDirectory(
            dir=scratch, prefix=_temporary_prefix(dataset), ignore_cleanup_errors=True
        )
    with temporary as folder:
        yield Path(folder)


def leftover_folders(scratch: Path, dataset: DataSet) -> list[Path]:
    """Return the temporary folders that a killed preparation of this data set left in ``scratch``."""
    return list(scratch.glob(f"{_temporary_prefix(dataset)}*"))


def _temporary_prefix(dataset: DataSet) -> str:
    return f"{dataset.name}-temporary-"


def read_checked(path: Path, file: OfficialFile, dataset: DataSet) -> bytes:
    """Return the bytes of ``path`` after comparing its size and MD5 with those of ``file``.

    Raises:
        FileError: the file is missing, unreadable, or of another size or sum.
    """
    command = dataset.prepare_command
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FileError(path, f"cannot be read ({error.strerror or error})", command) from error
    if len(content) != file.bytes:
        raise FileError(path, f"has {len(content)} bytes, expected {file.bytes}", command)
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if md5 != file.md5:
        raise FileError(path, f"has MD5 {md5}, expected {file.md5}", command)
    return content


def check_folder(folder: Path, dataset: DataSet) -> None:
    """Raise a ReproduceError that names the command to run where ``folder`` is missing."""
    if not folder.is_dir():
        raise ReproduceError(f"{relative_to_repo(folder)} is missing; run `{dataset.prepare_command}`")
