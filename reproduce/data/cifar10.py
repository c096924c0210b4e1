"""CIFAR-10 in memory and its committed statistics.

The official order of files and images is kept: the 2012 nets were trained file by file without reshuffling.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from reproduce.data.acquire import acquire_cifar10
from reproduce.data.batches import (
    OFFICIAL_BATCHES,
    RECORD_BYTES,
    SIDE,
    BatchError,
    BatchFile,
    check_folder,
    read_checked,
)
from reproduce.data.statistics import color_covariance, mean_image, npy_bytes
from reproduce.files import exclusive_lock, file_digest, write_bytes
from reproduce.paths import DATA, RESULTS, relative_to_repo, scratch_folder

CIFAR10_FOLDER = DATA / "cifar10"
STATISTICS_FOLDER = RESULTS / "data" / "cifar10"


@dataclass(frozen=True)
class Cifar10:
    """The data set as bytes, channels last, in the official order.

    Attributes:
        training_images: uint8, shape (50000, 32, 32, 3); file k is rows 10000 (k - 1) to 10000 k.
        training_labels: int64, shape (50000,), 0 to 9.
        test_images: uint8, shape (10000, 32, 32, 3).
        test_labels: int64, shape (10000,).
    """

    training_images: np.ndarray
    training_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


def load_cifar10(folder: Path = CIFAR10_FOLDER, batches: Sequence[BatchFile] = OFFICIAL_BATCHES) -> Cifar10:
    """Read and check the batches in ``folder``; the last of ``batches`` is the test set.

    Raises:
        ReproduceError: the folder or a file is missing, or has the wrong size or MD5.
    """
    check_folder(folder)
    *training, test = batches
    return Cifar10(*_read(folder, training), *_read(folder, [test]))


def _read(folder: Path, batches: Sequence[BatchFile]) -> tuple[np.ndarray, np.ndarray]:
    """Return images, uint8 (n, 32, 32, 3), and labels, int64 (n,), of the batches one after the other."""
    count = sum(batch.images for batch in batches)
    images = np.empty((count, SIDE, SIDE, 3), dtype=np.uint8)
    labels = np.empty(count, dtype=np.int64)
    start = 0
    for batch in batches:
        records = np.frombuffer(read_checked(folder / batch.name, batch), dtype=np.uint8).reshape(-1, RECORD_BYTES)
        rows = slice(start, start + batch.images)
        labels[rows] = records[:, 0]
        images[rows] = records[:, 1:].reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)
        start = rows.stop
    return images, labels


def verify_cifar10(folder: Path = CIFAR10_FOLDER, batches: Sequence[BatchFile] = OFFICIAL_BATCHES) -> None:
    """Check that every batch is in ``folder`` with its size and MD5.

    Raises:
        ReproduceError: the folder or a file is missing, or has the wrong size or MD5.
    """
    check_folder(folder)
    for batch in batches:
        read_checked(folder / batch.name, batch)


def prepare_cifar10(
    folder: Path = CIFAR10_FOLDER,
    statistics_folder: Path = STATISTICS_FOLDER,
    batches: Sequence[BatchFile] = OFFICIAL_BATCHES,
) -> None:
    """Get the batches where they are not yet, then write their manifest, mean image and color covariance.

    ``manifest.json`` lists name, bytes, MD5 and SHA-256 of each file; ``mean_image.npy`` is float64 (3, 32, 32) and
    ``color_covariance.npy`` float64 (3, 3), both over the training images. A file whose bytes are right is not touched.

    Raises:
        ReproduceError: the data cannot be had or fails its sums, or a folder cannot be written.
    """
    lock = scratch_folder() / "cifar10.lock"
    with exclusive_lock(lock, busy=f"another preparation of CIFAR-10 holds {lock}; wait for it to end"):
        data = _load_or_acquire(folder, batches)
        contents = {
            "manifest.json": _json_bytes(_manifest(folder, batches)),
            "mean_image.npy": npy_bytes(mean_image(data.training_images)),
            "color_covariance.npy": npy_bytes(color_covariance(data.training_images)),
        }
        for name, content in contents.items():
            path = statistics_folder / name
            if not path.is_file() or path.read_bytes() != content:
                write_bytes(path, content)
        print(
            f"CIFAR-10 is in {relative_to_repo(folder)}, checked; statistics in {relative_to_repo(statistics_folder)}"
        )


def _load_or_acquire(folder: Path, batches: Sequence[BatchFile]) -> Cifar10:
    if folder.is_dir():
        try:
            return load_cifar10(folder, batches)
        except BatchError as error:
            print(f"CIFAR-10 is fetched again: a batch {error.difference}", flush=True)
    acquire_cifar10(folder, batches)
    return load_cifar10(folder, batches)


def _manifest(folder: Path, batches: Sequence[BatchFile]) -> dict[str, Any]:
    files = []
    for batch in batches:
        sha256 = file_digest(folder / batch.name, "sha256")
        files.append({"name": batch.name, "bytes": batch.bytes, "md5": batch.md5, "sha256": sha256})
    return {"dataset": "CIFAR-10", "files": files}


def _json_bytes(content: Any) -> bytes:
    return (json.dumps(content, indent=1) + "\n").encode()
