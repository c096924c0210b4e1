"""The official binary batches of CIFAR-10: their names, sizes and sums, how one is put together and checked."""

import contextlib
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from reproduce.errors import ReproduceError
from reproduce.paths import relative_to_repo

PREPARE_COMMAND = "python -m reproduce data cifar10"
SIDE = 32
PIXELS = SIDE * SIDE
RECORD_BYTES = 1 + 3 * PIXELS  # label, then the red, green and blue planes, each row by row
CLASSES = 10


@dataclass(frozen=True)
class BatchFile:
    """One binary batch: its file name, its size in bytes and its MD5 in hex."""

    name: str
    bytes: int
    md5: str

    @property
    def stem(self) -> str:
        """The name without ``.bin``: the name of the same batch in the Python layout."""
        return Path(self.name).stem

    @property
    def images(self) -> int:
        """How many images the batch holds."""
        return self.bytes // RECORD_BYTES


# Size and sums of the files in the official cifar-10-binary.tar.gz; the last one is the test set.
OFFICIAL_BATCHES = (
    BatchFile("data_batch_1.bin", 30_730_000, "5dd7e06a14cb22eb9f671a540d1b7c25"),
    BatchFile("data_batch_2.bin", 30_730_000, "5ea93a67294ea407fff1d09f752e9692"),
    BatchFile("data_batch_3.bin", 30_730_000, "942cd6a4bcdd0dd3c604fbe906cb4421"),
    BatchFile("data_batch_4.bin", 30_730_000, "ae636b3ba5c66a11e91e8cb52e771fcb"),
    BatchFile("data_batch_5.bin", 30_730_000, "53f37980c15c3d472c316c40844f3f0d"),
    BatchFile("test_batch.bin", 30_730_000, "803d5f7f4d78ea53de84dbe85f74fb6d"),
)


class SourceError(ReproduceError):
    """A source of the data that cannot be used, with its reason; another source may still do."""


class BatchError(ReproduceError):
    """A batch that is missing, unreadable or not the official one; ``difference`` says which."""

    def __init__(self, path: Path, difference: str) -> None:
        super().__init__(f"{relative_to_repo(path)} {difference}; run `{PREPARE_COMMAND}`")
        self.difference = difference


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


def write_batch(path: Path, labels: np.ndarray, planes: np.ndarray) -> None:
    """Write a binary batch.

    Args:
        path: the file to write.
        labels: integers 0 to 9, shape (images,).
        planes: uint8, shape (images, 3072): red, green and blue plane of each image, row by row.
    """
    path.write_bytes(np.column_stack([labels.astype(np.uint8), planes]).tobytes())


def read_checked(path: Path, batch: BatchFile) -> bytes:
    """Return the bytes of ``path`` after comparing its size and MD5 with those of ``batch``.

    Raises:
        BatchError: the file is missing, unreadable, or of another size or sum.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BatchError(path, f"cannot be read ({error.strerror or error})") from error
    if len(content) != batch.bytes:
        raise BatchError(path, f"has {len(content)} bytes, expected {batch.bytes}")
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if md5 != batch.md5:
        raise BatchError(path, f"has MD5 {md5}, expected {batch.md5}")
    return content


def check_folder(folder: Path) -> None:
    """Raise a ReproduceError that names the command to run where ``folder`` is missing."""
    if not folder.is_dir():
        raise ReproduceError(f"{relative_to_repo(folder)} is missing; run `{PREPARE_COMMAND}`")
