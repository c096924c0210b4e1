"""A Fashion-MNIST of five tiny images, written plain or packed."""

import gzip
import hashlib
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from reproduce.data.fashion_mnist.official_files import FASHION_MNIST_FILES
from reproduce.data.official import OfficialFile

# Three training and two test images of 2 x 3 pixels, encoded here apart from the package's own code.
TRAINING_IMAGES = np.array([[[0, 10, 20], [30, 40, 50]], [[1, 10, 20], [30, 40, 255]], [[2, 10, 20], [30, 40, 0]]])
TEST_IMAGES = np.array([[[9, 8, 7], [6, 5, 4]], [[3, 2, 1], [0, 255, 128]]])
CONTENTS = {
    "train-images-idx3-ubyte": struct.pack(">BBBBIII", 0, 0, 8, 3, 3, 2, 3) + bytes(TRAINING_IMAGES.ravel().tolist()),
    "train-labels-idx1-ubyte": struct.pack(">BBBBI", 0, 0, 8, 1, 3) + bytes([9, 0, 3]),
    "t10k-images-idx3-ubyte": struct.pack(">BBBBIII", 0, 0, 8, 3, 2, 2, 3) + bytes(TEST_IMAGES.ravel().tolist()),
    "t10k-labels-idx1-ubyte": struct.pack(">BBBBI", 0, 0, 8, 1, 2) + bytes([7, 2]),
}
FILES = tuple(OfficialFile(name, len(content), hashlib.md5(content).hexdigest()) for name, content in CONTENTS.items())
DATA = replace(FASHION_MNIST_FILES, files=FILES)


def write_plain(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in CONTENTS.items():
        (folder / name).write_bytes(content)
    return folder


def write_packed(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in CONTENTS.items():
        (folder / f"{name}.gz").write_bytes(gzip.compress(content))
    return folder


def contents_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def use_scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the package a scratch folder of its own and name a folder with packed images; return the scratch folder."""
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("REPRODUCE_SCRATCH", str(tmp_path / "scratch"))
    monkeypatch.setenv("REPRODUCE_FASHION_MNIST", str(write_packed(tmp_path / "named")))
    (tmp_path / "scratch").mkdir()
    return tmp_path / "scratch"
