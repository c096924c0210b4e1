"""The committed labels of data sets, by which stored predictions are judged where there are no images."""

from pathlib import Path
from typing import Literal

import numpy as np

from reproduce.base.files import read_array
from reproduce.data.registry import DATASETS
from reproduce.runs.files import RUNS_ROOT


def read_labels(dataset: str, part: Literal["test", "training"] = "test", runs_root: Path = RUNS_ROOT) -> np.ndarray:
    """Return the labels of a data set in the official order, uint8, from the folder data/ beside ``runs_root``.

    Raises:
        ReproduceError: the file is missing or damaged.
    """
    path = runs_root.with_name("data") / dataset / f"{part}_labels.npy"
    return read_array(path, DATASETS[dataset].command)
