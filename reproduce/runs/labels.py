"""Labels of data sets, and the test images that a run classified correctly."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np

from reproduce.base import paths
from reproduce.base.errors import ReproduceError
from reproduce.base.files import RESTORE, read_array
from reproduce.data.registry import DATASETS
from reproduce.runs import places

_BITS = "_correct_bits"


def read_labels(dataset: str, part: Literal["test", "training"] = "test", runs_root: Path | None = None) -> np.ndarray:
    """Return the committed labels of a data set in the official order, uint8.

    Raises:
        ReproduceError: the file is missing or damaged.
    """
    path = places.statistics_folder(dataset, runs_root) / f"{part}_labels.npy"
    return read_array(path, DATASETS[dataset].command)


def known_test_labels(dataset: str, runs_root: Path | None = None, data: Path | None = None) -> np.ndarray:
    """Return the test labels that stored predictions are compared with: committed ones, else those in the data folder.

    Runs on ILSVRC record which images they classified correctly, and need no labels.

    Args:
        dataset: cifar10 or fashion_mnist.
        runs_root: the folder of all run folders.
        data: the folder of all images; by default that of the repository.

    Raises:
        ReproduceError: the file is missing or damaged.
    """
    if DATASETS[dataset].labels_committed:
        return read_labels(dataset, runs_root=runs_root)
    folder = (data or paths.DATA) / dataset
    labels = DATASETS[dataset].test_labels(folder)
    if labels is None:
        raise ReproduceError(
            f"{paths.relative_to_repo(folder)} has no test labels here; run `{DATASETS[dataset].command}`"
        )
    return labels


def answers_by_metric(predictions: Mapping[str, np.ndarray]) -> dict[str, str]:
    """Return, for each error in ``metrics.json``, the array of ``predictions.npz`` that it is counted from."""
    bits = {f"{name.removesuffix(_BITS)}_error_percent": name for name in predictions if name.endswith(_BITS)}
    return bits or {f"{kind}_top1_error_percent": f"{kind}_predicted" for kind in ("test", "test_center")}


def needs_labels(name: str) -> bool:
    """Return True where the array called ``name`` holds predicted classes.

    Other arrays hold one bit per image, set where the prediction was right.
    """
    return not name.endswith(_BITS)


def answers(predictions: Mapping[str, np.ndarray], name: str, images: int) -> np.ndarray:
    """Return the stored answer for each image, (images,): the predicted class (uint8), or whether it was right (bool).

    Raises:
        ReproduceError: the array is missing or of another number of images.
    """
    stored = predictions.get(name)
    if stored is None or len(stored) != (images if needs_labels(name) else -(-images // 8)):
        raise ReproduceError(f"predictions.npz has no {name} for {images} images; {RESTORE}")
    return stored if needs_labels(name) else np.unpackbits(stored, count=images).astype(bool)


def hits(predictions: Mapping[str, np.ndarray], name: str, images: int, labels: np.ndarray | None) -> np.ndarray:
    """Return whether each image was classified correctly, bool (images,).

    Args:
        predictions: the run's arrays by name.
        name: name of the array to judge.
        images: the number of test images used, from the first on.
        labels: labels of the test set; None where ``needs_labels`` says that none are needed.

    Raises:
        ReproduceError: the array is missing or is not of ``images`` images, or there are fewer labels.
    """
    given = answers(predictions, name, images)
    if not needs_labels(name):
        return given
    if len(labels) < images:
        raise ReproduceError(f"predictions.npz is for {images} images, the data has {len(labels)}; {RESTORE}")
    return given == labels[:images]
