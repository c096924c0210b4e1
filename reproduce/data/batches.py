"""The official binary batches of CIFAR-10: their names, sizes and sums, and how one is put together."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from reproduce.data.official import DataSet, OfficialFile

CIFAR10 = DataSet(
    title="CIFAR-10",
    name="cifar10",
    variable="REPRODUCE_CIFAR10",
    layouts="cifar-10-batches-bin, cifar-10-batches-py, or one of the official archives",
)
SIDE = 32
PIXELS = SIDE * SIDE
RECORD_BYTES = 1 + 3 * PIXELS  # label, then the red, green and blue planes, each row by row
CLASSES = 10


@dataclass(frozen=True)
class BatchFile(OfficialFile):
    """One binary batch."""

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


def write_batch(path: Path, labels: np.ndarray, planes: np.ndarray) -> None:
    """Write a binary batch.

    Args:
        path: the file to write.
        labels: integers 0 to 9, shape (images,).
        planes: uint8, shape (images, 3072): red, green and blue plane of each image, row by row.
    """
    path.write_bytes(np.column_stack([labels.astype(np.uint8), planes]).tobytes())
