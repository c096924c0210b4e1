"""A tiny CIFAR-10 of random pixels in every layout, encoded here byte by byte, apart from the package's own code."""

import hashlib
import io
import json
import pickle
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reproduce.data.cifar10.batch_sources import CIFAR10_FILES
from reproduce.data.official import OfficialData, OfficialFile

NAMES = ("data_batch_1.bin", "data_batch_2.bin", "test_batch.bin")
IMAGES_PER_BATCH = 4

_random = np.random.default_rng(2012)
LABELS = {name: _random.integers(0, 10, IMAGES_PER_BATCH).tolist() for name in NAMES}
IMAGES = {name: _random.integers(0, 256, (IMAGES_PER_BATCH, 32, 32, 3), dtype=np.uint8) for name in NAMES}


def _encode(name: str) -> bytes:
    records = []
    for label, image in zip(LABELS[name], IMAGES[name], strict=True):
        planes = b"".join(bytes(image[:, :, channel].ravel().tolist()) for channel in range(3))
        records.append(bytes([label]) + planes)
    return b"".join(records)


CONTENTS = {name: _encode(name) for name in NAMES}
BATCHES = tuple(OfficialFile(name, len(data), hashlib.md5(data).hexdigest()) for name, data in CONTENTS.items())
DATA = replace(CIFAR10_FILES, files=BATCHES)


def write_binary(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in CONTENTS.items():
        (folder / name).write_bytes(content)
    return folder


def data_from(*sources: tuple[str, Callable[[Path], Path]]) -> OfficialData:
    """Return the tiny CIFAR-10 as a data set that is fetched from the given sources."""
    return replace(DATA, sources=sources)


def use_scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the package a scratch folder of its own, and unset the variable that names a folder of data."""
    monkeypatch.delenv("REPRODUCE_CIFAR10", raising=False)
    monkeypatch.setenv("REPRODUCE_SCRATCH", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()
    return tmp_path / "scratch"


def python_batch(name: str) -> bytes:
    """Return a batch pickled as the official ones: protocol 2, bytes as keys, a list of labels, one row per image."""
    planes = np.frombuffer(CONTENTS[name], np.uint8).reshape(IMAGES_PER_BATCH, -1)[:, 1:].copy()
    return pickle.dumps({b"batch_label": b"sample", b"labels": LABELS[name], b"data": planes}, protocol=2)


def write_python(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        (folder / name.removesuffix(".bin")).write_bytes(python_batch(name))
    return folder


def archive(members: dict[str, bytes]) -> bytes:
    """Return a .tar.gz with these members."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def binary_archive() -> bytes:
    return archive({f"cifar-10-batches-bin/{name}": content for name, content in CONTENTS.items()})


def python_archive() -> bytes:
    return archive({f"cifar-10-batches-py/{name.removesuffix('.bin')}": python_batch(name) for name in NAMES})


def sheet(name: str) -> bytes:
    """Return a PNG with one row per image, which holds the image's pixels in row-major order."""
    stream = io.BytesIO()
    Image.fromarray(IMAGES[name].reshape(IMAGES_PER_BATCH, 1024, 3)).save(stream, "PNG")
    return stream.getvalue()


def package_members() -> dict[str, bytes]:
    sheets = {f"package/{name.removesuffix('.bin')}.png": sheet(name) for name in NAMES}
    training = LABELS["data_batch_1.bin"] + LABELS["data_batch_2.bin"]
    return sheets | {
        "package/train_lables.json": json.dumps(training).encode(),
        "package/test_lables.json": json.dumps(LABELS["test_batch.bin"]).encode(),
    }


def contents(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder by name."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}
