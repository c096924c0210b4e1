"""Preparing a data set of official files: get what is missing, check it, publish its manifest and statistics."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from reproduce.base.files import exclusive_lock, file_digest, write_bytes
from reproduce.base.paths import relative_to_repo, scratch_folder
from reproduce.data.official import DataSet, FileError, OfficialFile
from reproduce.data.statistics import npy_bytes

Data = TypeVar("Data")


def prepare(
    dataset: DataSet,
    folder: Path,
    statistics_folder: Path,
    files: Sequence[OfficialFile],
    load: Callable[[Path, Sequence[OfficialFile]], Data],
    acquire: Callable[[Path, Sequence[OfficialFile]], None],
    statistics: Callable[[Data], dict[str, np.ndarray]],
) -> None:
    """Get the files where they are not yet, then write ``manifest.json`` and the statistics.

    The manifest lists name, bytes, MD5 and SHA-256 of each file. A file whose bytes are right is not touched.

    Args:
        dataset: what messages call it.
        folder: of the official files; git-ignored.
        statistics_folder: of the manifest and the statistics; committed.
        files: the official files.
        load: reads and checks the files.
        acquire: gets the files.
        statistics: gives each array to publish by its file name.

    Raises:
        ReproduceError: the data cannot be had or fails its sums, or a folder cannot be written.
    """
    lock = scratch_folder() / f"{dataset.name}.lock"
    with exclusive_lock(lock, busy=f"another preparation of {dataset.title} holds {lock}; wait for it to end"):
        data = _load_or_acquire(dataset, folder, files, load, acquire)
        arrays = {name: npy_bytes(array) for name, array in statistics(data).items()}
        for name, content in {"manifest.json": _manifest(dataset, folder, files), **arrays}.items():
            path = statistics_folder / name
            if not path.is_file() or path.read_bytes() != content:
                write_bytes(path, content)
        where, published = relative_to_repo(folder), relative_to_repo(statistics_folder)
        print(f"{dataset.title} is in {where}, checked; statistics in {published}")


def _load_or_acquire(
    dataset: DataSet,
    folder: Path,
    files: Sequence[OfficialFile],
    load: Callable[[Path, Sequence[OfficialFile]], Data],
    acquire: Callable[[Path, Sequence[OfficialFile]], None],
) -> Data:
    if folder.is_dir():
        try:
            return load(folder, files)
        except FileError as error:
            print(f"{dataset.title} is fetched again: {error.path.name} {error.difference}", flush=True)
    acquire(folder, files)
    return load(folder, files)


def _manifest(dataset: DataSet, folder: Path, files: Sequence[OfficialFile]) -> bytes:
    listed = [
        {"name": file.name, "bytes": file.bytes, "md5": file.md5, "sha256": file_digest(folder / file.name)}
        for file in files
    ]
    return (json.dumps({"dataset": dataset.title, "files": listed}, indent=1) + "\n").encode()
