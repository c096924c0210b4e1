"""Data sets of fixed official files, whose sizes and MD5 sums are checked every time they are read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from reproduce.base.errors import ReproduceError
from reproduce.base.paths import relative_to_repo
from reproduce.data.registry import Dataset


class SourceError(ReproduceError):
    """A source of the data that cannot be used, with its reason; another source may still do."""


class FileError(ReproduceError):
    """A file that is missing, unreadable or not the official one; ``difference`` says which."""

    def __init__(self, path: Path, difference: str, command: str) -> None:
        super().__init__(f"{relative_to_repo(path)} {difference}; run `{command}`")
        self.path, self.difference = path, difference


@dataclass(frozen=True)
class OfficialFile:
    """One file as it lies in the data folder: its name, its size in bytes and its MD5 in hex."""

    name: str
    bytes: int
    md5: str

    def read(self, path: Path, command: str) -> bytes:
        """Return the bytes of ``path`` after comparing its size and MD5.

        Raises:
            FileError: the file is missing, unreadable, or of another size or sum; ``command`` gets it again.
        """
        try:
            found = path.stat().st_size
            if found != self.bytes:
                raise FileError(path, f"has {found} bytes, expected {self.bytes}", command)
            content = path.read_bytes()
        except OSError as error:
            raise FileError(path, f"cannot be read ({error.strerror or error})", command) from error
        md5 = md5_of(content)
        if md5 != self.md5:
            raise FileError(path, f"has MD5 {md5}, expected {self.md5}", command)
        return content


def read_at_most(stream: IO[bytes], most: int, name: str | Path) -> bytes:
    """Return the bytes left in ``stream``, limited because a small file may unpack to far too many.

    Raises:
        SourceError: more than ``most`` bytes are left.
    """
    content = stream.read(most + 1)
    if len(content) > most:
        raise SourceError(f"{name} holds more than the {most:,} bytes allowed")
    return content


def md5_of(content: bytes) -> str:
    """Return the MD5 of ``content`` in hex."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


@dataclass(frozen=True)
class ImageArrays:
    """A whole data set as bytes, channels last, in the official order.

    Attributes:
        training_images: uint8, shape (images, side, side, channels).
        training_labels: int64, shape (images,), from 0.
        test_images: uint8, as those for training.
        test_labels: int64, as those for training.
    """

    training_images: np.ndarray
    training_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


Files = Sequence[OfficialFile]
# Yields name and content of every file found in a folder, or raises a SourceError that names the missing ones.
Find = Callable[[Path, Files], Iterator[tuple[str, bytes]]]
# A source in words, and the function that gets the files in a layout that ``Find`` knows. It is given an empty folder
# and returns the folder with the files.
Source = tuple[str, Callable[[Path], Path]]


@dataclass(frozen=True)
class OfficialData:
    """The code of a data set of official files.

    Attributes:
        dataset: the data set's facts.
        files: as they lie in the data folder; the last one holds the test labels.
        parse: makes arrays of the contents of all files, in their order.
        labels: gives the test labels, uint8, in the last file's content.
        find: reads the files from a folder in any known layout.
        sources: public ones, tried in order.
    """

    dataset: Dataset
    files: Files
    parse: Callable[[Sequence[bytes]], ImageArrays]
    labels: Callable[[bytes], np.ndarray]
    find: Find
    sources: Sequence[Source]

    def load(self, folder: Path | None = None) -> ImageArrays:
        """Read and check the files in ``folder``, by default the data set's own.

        Raises:
            ReproduceError: the folder or a file is missing, or a file has the wrong size or MD5.
        """
        folder, command = folder or self.dataset.folder(), self.dataset.command
        if not folder.is_dir():
            raise ReproduceError(f"{relative_to_repo(folder)} is missing; run `{command}`")
        return self.parse([file.read(folder / file.name, command) for file in self.files])

    def test_labels(self, folder: Path) -> np.ndarray | None:
        """Return the test labels (uint8), checked by the file's size alone; None where it is missing or cut."""
        path = folder / self.files[-1].name
        if not path.is_file() or path.stat().st_size != self.files[-1].bytes:
            return None
        return self.labels(path.read_bytes())
