"""Every data set a study can name: where its manifest and statistics are, and how it is opened for training."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from reproduce.base.errors import ReproduceError
from reproduce.base.paths import relative_to_repo
from reproduce.data import fashion_mnist
from reproduce.data.cifar10 import STATISTICS_FOLDER, Cifar10, load_cifar10
from reproduce.data.fashion_mnist import FashionMnist, load_fashion_mnist
from reproduce.data.ilsvrc.editions import edition_of, statistics_folder
from reproduce.data.ilsvrc.training import PackedData, load_packed
from reproduce.data.in_memory import ImageSet, TrainingData, balanced_subset, enlarged_mean

Data = TrainingData | PackedData


@dataclass(frozen=True)
class DataOptions:
    """What a variant reads of its data set.

    Attributes:
        training_images: a fixed, balanced part of the training images, the rest being held out; None for all of them.
        held_out_images: how many of the rest are held out, balanced as well; None for the whole rest.
        image_side: what images are enlarged to, in pixels; None leaves them.
    """

    training_images: int | None = None
    held_out_images: int | None = None
    image_side: int | None = None


@dataclass(frozen=True)
class Dataset:
    """One data set. ``name`` is what study.yaml and ``python -m reproduce data`` call it."""

    name: str
    statistics: Callable[[], Path]
    load: Callable[[torch.device, "Dataset"], Data]
    command: str

    def manifest(self) -> Path:
        """Return the manifest's path.

        Raises:
            ReproduceError: there is none.
        """
        return self.statistic("manifest.json")

    def statistic(self, name: str) -> Path:
        """Return the path of one file of statistics.

        Raises:
            ReproduceError: it is missing.
        """
        path = self.statistics() / name
        if not path.is_file():
            raise ReproduceError(f"{relative_to_repo(path)} is missing; run `{self.command}`")
        return path


def _load_cifar10(device: torch.device, dataset: Dataset) -> TrainingData:
    return _in_memory(load_cifar10(), device, dataset, files=5)


def _load_fashion_mnist(device: torch.device, dataset: Dataset) -> TrainingData:
    return _in_memory(load_fashion_mnist(), device, dataset, files=1)


def _in_memory(data: Cifar10 | FashionMnist, device: torch.device, dataset: Dataset, files: int) -> TrainingData:
    arrays = data.training_images, data.training_labels, data.test_images, data.test_labels
    mean, covariance = (np.load(dataset.statistic(name)) for name in ("mean_image.npy", "color_covariance.npy"))
    return TrainingData(*(torch.from_numpy(array).to(device) for array in arrays), mean, covariance, files)


def _ilsvrc(year: int, subset: bool) -> Dataset:
    edition = edition_of(year)
    return Dataset(
        name=f"{edition.name}_subset" if subset else edition.name,
        statistics=lambda: statistics_folder(edition, subset),
        load=lambda device, _: load_packed(year, device, subset),
        command=f"python -m reproduce data {edition.name}{' --subset' if subset else ''}",
    )


_CIFAR10 = Dataset("cifar10", lambda: STATISTICS_FOLDER, _load_cifar10, "python -m reproduce data cifar10")
_FASHION_MNIST = Dataset(
    "fashion_mnist",
    lambda: fashion_mnist.STATISTICS_FOLDER,
    _load_fashion_mnist,
    "python -m reproduce data fashion_mnist",
)
DATASETS = {
    dataset.name: dataset
    for dataset in (
        _CIFAR10,
        _FASHION_MNIST,
        *(_ilsvrc(year, subset) for year in (2010, 2012) for subset in (False, True)),
    )
}


def open_dataset(name: str, device: torch.device, options: DataOptions = DataOptions()) -> Data:
    """Return the data set ``name``, checked, as ``options`` ask for it.

    Raises:
        ReproduceError: data or statistics are missing or fail their check sums, or the options do not suit them.
    """
    dataset = DATASETS[name]
    data = dataset.load(device, dataset)
    if options == DataOptions():
        return data
    if not isinstance(data, TrainingData):
        raise ReproduceError(f"training_images and image_side are for data sets in memory; {name} is read from disk")
    if options.training_images is not None:
        data = _subset(data, options, name)
    return data if options.image_side is None else enlarged_data(data, options.image_side)


def enlarged_data(data: TrainingData, side: int) -> TrainingData:
    """Return the data with all images, and the mean image, enlarged to ``side`` pixels a side when they are read."""
    held_out = None if data.held_out is None else replace(data.held_out, side=side)
    return replace(data, side=side, mean_image=enlarged_mean(data.mean_image, side), held_out=held_out)


def _subset(data: TrainingData, options: DataOptions, name: str) -> TrainingData:
    labels = data.training_labels.cpu().numpy()
    chosen, left = _part(labels, options.training_images, "training_images", name)
    if options.held_out_images is not None:
        part, _ = _part(labels[left], options.held_out_images, "held_out_images", name)
        left = left[part]
    chosen, left = (torch.from_numpy(rows).to(data.device) for rows in (chosen, left))
    return replace(
        data,
        training_images=data.training_images[chosen],
        training_labels=data.training_labels[chosen],
        files=1,
        held_out=ImageSet(data.training_images[left], data.training_labels[left], data.side),
        tests_every_epoch=options.held_out_images is None,
    )


def _part(labels: np.ndarray, images: int, option: str, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of a balanced part, and the others."""
    try:
        return balanced_subset(labels, images)
    except ValueError as error:
        raise ReproduceError(f"{name}: {error}; choose another {option} in study.yaml") from error
