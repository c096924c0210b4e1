"""Preparing a data set of official files: get what is missing, check it, publish its manifest and statistics.

The files come from a folder that the user names, or else from the first public source that has them.
Whatever the source, the MD5 sums of the official files decide, and the folder appears whole or not at all.
"""

import contextlib
import errno
import http.client
import json
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from torchvision.datasets.utils import download_url

from reproduce.base.errors import ReproduceError
from reproduce.base.files import exclusive_lock, file_digest, replacing_folder, settle_folder, write_if_changed
from reproduce.base.paths import relative_to_repo, scratch_folder
from reproduce.base.progress import format_duration
from reproduce.base.temporaries import TemporaryFolder, clear_abandoned
from reproduce.data.official import FileError, ImageArrays, OfficialData, SourceError
from reproduce.data.pixel_statistics import image_sums, npy_bytes

_SECONDS_OF_SILENCE = 10  # from a server, before it is given up
_SECONDS_BETWEEN_LINES = 10


def prepare(data: OfficialData, folder: Path | None = None, statistics_folder: Path | None = None) -> None:
    """Get all official files anew where one is missing or wrong, then write ``manifest.json`` and the statistics.

    The manifest lists name, bytes, MD5 and SHA-256 of each file. ``mean_image.npy`` is float64 (channels, side, side)
    and ``color_covariance.npy`` float64 (channels, channels), both over the training images. Where labels are
    committed, ``training_labels.npy`` and ``test_labels.npy``, uint8, let stored predictions be judged without images.
    A manifest or statistics file whose bytes are right is not written again.

    Args:
        data: the data set.
        folder: of the official files, git-ignored; by default the data set's own.
        statistics_folder: of the manifest and the statistics, committed; by default the data set's own.

    Raises:
        ReproduceError: no source has the data, a file fails its check sum, or a folder cannot be written.
    """
    dataset = data.dataset
    folder, published = folder or dataset.folder(), statistics_folder or dataset.statistics_folder()
    lock = scratch_folder() / f"{dataset.name}.lock"
    with exclusive_lock(lock, busy=f"another preparation of {dataset.title} holds {lock}; wait for it to end"):
        arrays = _statistics(_load_or_acquire(data, folder), dataset.labels_committed)
        contents = {name: npy_bytes(array) for name, array in arrays.items()}
        for name, content in {"manifest.json": _manifest(data, folder), **contents}.items():
            write_if_changed(published / name, content)
        where, shown = relative_to_repo(folder), relative_to_repo(published)
        print(f"{dataset.title} is in {where}, checked; statistics in {shown}")


def _load_or_acquire(data: OfficialData, folder: Path) -> ImageArrays:
    settle_folder(folder)
    if folder.is_dir():
        try:
            return data.load(folder)
        except FileError as error:
            print(f"{data.dataset.title} is fetched again: {error.path.name} {error.difference}", flush=True)
    acquire(data, folder)
    return data.load(folder)


def _statistics(arrays: ImageArrays, with_labels: bool) -> dict[str, np.ndarray]:
    found = image_sums(arrays.training_images).arrays()
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


def acquire(data: OfficialData, folder: Path) -> None:
    """Fill ``folder`` with the official files from the first source that has them.

    Where the data set's environment variable names a folder, that is the only source. The caller holds the
    preparation's lock.

    Args:
        data: the data set, with its files and sources.
        folder: replaced whole once every sum matches, otherwise left as it was.

    Raises:
        ReproduceError: no source can be used, a file has the wrong size or sum, or a folder cannot be written.
    """
    prefix = f"{data.dataset.name}-temporary-"
    clear_abandoned(scratch_folder(), prefix)
    with replacing_folder(folder) as staging:
        source = _fetch_named(data, staging) or _fetch_public(data, staging, prefix)
        for file in data.files:
            try:
                file.read(staging / file.name, data.dataset.command)
            except FileError as error:
                raise ReproduceError(
                    f"{file.name} from {source} {error.difference}; nothing was kept; set {data.dataset.variable} to a "
                    "folder with the official files"
                ) from error


def _fetch_named(data: OfficialData, staging: Path) -> str | None:
    """Copy the files from the folder that the user names, and return it in words; None where no folder is named."""
    title, variable = data.dataset.title, data.dataset.variable
    named = os.environ.get(variable)
    if not named:
        return None
    print(f"{title}: trying {variable}={named}", flush=True)
    try:
        _copy(data, Path(named).expanduser(), staging)
    except SourceError as error:
        raise ReproduceError(
            f"{variable}={named} cannot be used: {error}; name a folder with {title} or unset it"
        ) from error
    return f"{variable}={named}"


def _fetch_public(data: OfficialData, staging: Path, prefix: str) -> str:
    """Copy the files from the first public source that answers, and return that source in words."""
    title, refusals = data.dataset.title, []
    for source, fetch in data.sources:
        print(f"{title}: trying {source}", flush=True)
        try:
            with _temporary_folder(prefix) as folder:
                _copy(data, fetch(folder), staging)
        except SourceError as error:
            print(f"{title}: not from there: {error}", flush=True)
            refusals.append(str(error))
        else:
            return source
        for leftover in staging.iterdir():
            leftover.unlink()
    raise ReproduceError(
        f"no source of {title} answered ({'; '.join(refusals)}); set {data.dataset.variable} to a folder that holds "
        f"{data.dataset.layouts}"
    )


def _copy(data: OfficialData, place: Path, staging: Path) -> None:
    for name, content in _files_in(place, data):  # a failure to write is not the source's, and not raised in there
        (staging / name).write_bytes(content)


def _files_in(place: Path, data: OfficialData) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of every official file found in a source's folder."""
    try:
        if not place.is_dir():
            raise SourceError(f"{place} is not a folder")
        yield from data.find(place, data.files)
    except OSError as error:
        raise SourceError(f"cannot read {place}: {error.strerror or error}; make it readable") from error


@contextlib.contextmanager
def _temporary_folder(prefix: str) -> Iterator[Path]:
    """Yield a new scratch folder that vanishes with the block; errors inside the block are left to the caller."""
    scratch = scratch_folder()
    try:
        scratch.mkdir(parents=True, exist_ok=True)
        temporary = TemporaryFolder(prefix, scratch)
    except OSError as error:
        raise _no_scratch(scratch, error) from error
    with temporary as folder:
        yield Path(folder)


def _no_scratch(folder: Path, error: OSError) -> ReproduceError:
    return ReproduceError(
        f"cannot write {folder}: {error.strerror or error}; free space or set REPRODUCE_SCRATCH to another folder"
    )


def download(url: str, folder: Path, name: str, md5: str) -> None:
    """Download ``url`` to ``folder``/``name`` with torchvision, which shows how far it is, and check its sum.

    Raises:
        SourceError: the server refuses or is silent, the connection breaks, or the sum differs.
        ReproduceError: the disk is full.
    """
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_SECONDS_OF_SILENCE)  # torchvision sets none and would wait for ever
    try:
        download_url(url, folder, name, md5)
    except (OSError, http.client.HTTPException, RuntimeError, RecursionError) as error:
        if getattr(error, "errno", None) == errno.ENOSPC:
            raise _no_scratch(folder, error) from error
        reason = getattr(error, "reason", None) or error
        raise SourceError(f"{url}: {getattr(reason, 'strerror', None) or reason or type(error).__name__}") from error
    finally:
        socket.setdefaulttimeout(before)


def run_client(name: str, command: Sequence[str | Path], folder: Path, gist: Callable[[str], str]) -> None:
    """Run a package client that prints nothing, and print a line every few seconds until it ends.

    An error or an interruption here ends the client too.

    Args:
        name: the client's name in messages, such as ``npm pack``.
        command: program and arguments.
        folder: where it runs.
        gist: turns the client's standard error into a reason of one line.

    Raises:
        SourceError: the client's exit status is not 0.
    """
    started = time.monotonic()
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, encoding="utf-8", errors="replace"
    ) as process:
        try:
            while True:
                try:
                    errors = process.communicate(timeout=_SECONDS_BETWEEN_LINES)[1]
                    break
                except subprocess.TimeoutExpired:
                    print(f"{name}: {format_duration(time.monotonic() - started)} so far", flush=True)
        except BaseException:
            process.kill()
            raise
    if process.returncode != 0:
        raise SourceError(f"`{name}` failed: {gist(errors)}")
