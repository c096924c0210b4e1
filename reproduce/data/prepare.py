"""Preparing a data set of official files: get what is missing, check it, publish its manifest and statistics."""

import json
from pathlib import Path

import numpy as np

from reproduce.base.files import exclusive_lock, file_digest, write_bytes
from reproduce.base.paths import relative_to_repo, scratch_folder
from reproduce.data.acquire import acquire
from reproduce.data.official import FileError, ImageArrays, OfficialData
from reproduce.data.statistics import image_sums, npy_bytes


def prepare(data: OfficialData, folder: Path | None = None, statistics_folder: Path | None = None) -> None:
    """Get the files where they are not yet, then write ``manifest.json`` and the statistics.

    The manifest lists name, bytes, MD5 and SHA-256 of each file. ``mean_image.npy`` is float64 (channels, side, side)
    and ``color_covariance.npy`` float64 (channels, channels), both over the training images. Where labels are
    committed, ``training_labels.npy`` and ``test_labels.npy``, uint8, let stored predictions be judged without images.
    A file whose bytes are right is not touched.

    Args:
        data: the data set.
        folder: of the official files, git-ignored; by default the data set's own.
        statistics_folder: of the manifest and the statistics, committed; by default the data set's own.

    Raises:
        ReproduceError: the data cannot be had or fails its sums, or a folder cannot be written.
    """
    dataset = data.dataset
    folder, published = folder or dataset.folder(), statistics_folder or dataset.statistics_folder()
    lock = scratch_folder() / f"{dataset.name}.lock"
    with exclusive_lock(lock, busy=f"another preparation of {dataset.title} holds {lock}; wait for it to end"):
        arrays = _statistics(_load_or_acquire(data, folder), dataset.labels_committed)
        contents = {name: npy_bytes(array) for name, array in arrays.items()}
        for name, content in {"manifest.json": _manifest(data, folder), **contents}.items():
            path = published / name
            if not path.is_file() or path.read_bytes() != content:
                write_bytes(path, content)
        where, shown = relative_to_repo(folder), relative_to_repo(published)
        print(f"{dataset.title} is in {where}, checked; statistics in {shown}")


def _load_or_acquire(data: OfficialData, folder: Path) -> ImageArrays:
    if folder.is_dir():
        try:
            return data.load(folder)
        except FileError as error:
            print(f"{data.dataset.title} is fetched again: {error.path.name} {error.difference}", flush=True)
    acquire(data, folder)
    return data.load(folder)


def _statistics(arrays: ImageArrays, with_labels: bool) -> dict[str, np.ndarray]:
    sums = image_sums(arrays.training_images)
    found = {"mean_image.npy": sums.mean_image(), "color_covariance.npy": sums.color_covariance()}
    if with_labels:
        labels = {"training_labels.npy": arrays.training_labels, "test_labels.npy": arrays.test_labels}
        found |= {name: part.astype(np.uint8) for name, part in labels.items()}
    return found


def _manifest(data: OfficialData, folder: Path) -> bytes:
    listed = [
        {"name": file.name, "bytes": file.bytes, "md5": file.md5, "sha256": file_digest(folder / file.name)}
        for file in data.files
    ]
    return (json.dumps({"dataset": data.dataset.title, "files": listed}, indent=1) + "\n").encode()
