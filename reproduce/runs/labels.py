"""The committed labels of data sets, by which stored predictions are judged where there are no images."""

from pathlib import Path
from typing import Literal

import numpy as np

from reproduce.base.files import read_array
from reproduce.runs import places

CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def read_labels(dataset: str, part: Literal["test", "training"] = "test", runs_root: Path | None = None) -> np.ndarray:
    """Return the labels of a data set in the official order, uint8, as committed.

    Raises:
        ReproduceError: the file is missing or damaged.
    """
    path = places.statistics_folder(dataset, runs_root) / f"{part}_labels.npy"
    return read_array(path, f"python -m reproduce data {dataset}")
