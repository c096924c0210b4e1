"""CIFAR-10 as it lies in the data folder: the official binary batches.

The official order of files and images is kept: the 2012 nets were trained file by file without reshuffling.
"""

from collections.abc import Sequence

import numpy as np

from reproduce.data.official import ImageArrays, OfficialFile
from reproduce.data.registry import CIFAR10

SIDE = CIFAR10.image_side
PIXELS = SIDE * SIDE
RECORD_BYTES = 1 + 3 * PIXELS  # label, then the red, green and blue planes, each row by row

# Size and sums of the files in the official cifar-10-binary.tar.gz; the last one is the test set.
OFFICIAL_BATCHES = (
    OfficialFile("data_batch_1.bin", 30_730_000, "5dd7e06a14cb22eb9f671a540d1b7c25"),
    OfficialFile("data_batch_2.bin", 30_730_000, "5ea93a67294ea407fff1d09f752e9692"),
    OfficialFile("data_batch_3.bin", 30_730_000, "942cd6a4bcdd0dd3c604fbe906cb4421"),
    OfficialFile("data_batch_4.bin", 30_730_000, "ae636b3ba5c66a11e91e8cb52e771fcb"),
    OfficialFile("data_batch_5.bin", 30_730_000, "53f37980c15c3d472c316c40844f3f0d"),
    OfficialFile("test_batch.bin", 30_730_000, "803d5f7f4d78ea53de84dbe85f74fb6d"),
)


def batch_bytes(labels: np.ndarray, planes: np.ndarray) -> bytes:
    """Return a binary batch.

    Args:
        labels: integers 0 to 9, shape (images,).
        planes: uint8, shape (images, 3072): red, green and blue plane of each image, row by row.
    """
    return np.column_stack([labels.astype(np.uint8), planes]).tobytes()


def parse_batches(contents: Sequence[bytes]) -> ImageArrays:
    """Return the images and labels of the binary batches; the last one is the test set."""
    *training, test = contents
    return ImageArrays(*_images_and_labels(training), *_images_and_labels([test]))


def batch_labels(content: bytes) -> np.ndarray:
    """Return the labels of a binary batch, uint8."""
    return _records(content)[:, 0]


def _images_and_labels(contents: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray]:
    """Return images, uint8 (n, 32, 32, 3), and labels, int64 (n,), of the batches one after the other."""
    records = [_records(content) for content in contents]
    images = np.empty((sum(map(len, records)), SIDE, SIDE, 3), dtype=np.uint8)
    planes = [part[:, 1:].reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1) for part in records]
    np.concatenate(planes, out=images)  # without ``out`` it would keep the order of the planes in memory
    return images, np.concatenate([part[:, 0] for part in records]).astype(np.int64)


def _records(content: bytes) -> np.ndarray:
    return np.frombuffer(content, dtype=np.uint8).reshape(-1, RECORD_BYTES)
