"""Opening a data set for training, whole or as a variant asks for it: a part of it, or its images enlarged."""

from dataclasses import dataclass, replace

import numpy as np
import torch

from reproduce.base.errors import ReproduceError
from reproduce.data.balanced import balanced_subset
from reproduce.data.ilsvrc.training import PackedData, load_packed
from reproduce.data.in_memory import ImageSet, TrainingData, enlarged_mean
from reproduce.data.registry import DATASETS, Dataset

Data = TrainingData | PackedData


@dataclass(frozen=True)
class DataOptions:
    """The part of a data set that a variant reads.

    Attributes:
        training_images: number of training images in a fixed part, the same number of each class; None for all images.
        held_out_images: number of held-out images from the rest, balanced as well; None for the whole rest.
        image_side: what images are enlarged to, in pixels; None leaves them.
    """

    training_images: int | None = None
    held_out_images: int | None = None
    image_side: int | None = None


def open_dataset(name: str, device: torch.device, options: DataOptions = DataOptions()) -> Data:
    """Return the data set ``name``, checked, as ``options`` ask for it.

    Raises:
        ReproduceError: data or statistics are missing or fail their check sums, or the options do not suit them.
    """
    dataset = DATASETS[name]
    data = _in_memory(dataset, device) if dataset.edition is None else load_packed(dataset, device)
    if options == DataOptions():
        return data
    if not isinstance(data, TrainingData):
        raise ReproduceError(
            f"training_images and image_side do not suit {name}, which is read from disk; leave them out"
        )
    if options.training_images is not None:
        data = _subset(data, options, name)
    return data if options.image_side is None else enlarged_data(data, options.image_side)


def _in_memory(dataset: Dataset, device: torch.device) -> TrainingData:
    data = dataset.read()
    arrays = data.training_images, data.training_labels, data.test_images, data.test_labels
    tensors = (torch.from_numpy(array).to(device) for array in arrays)
    return TrainingData(*tensors, *dataset.mean_and_covariance(), dataset.training_files)


def enlarged_data(data: TrainingData, side: int) -> TrainingData:
    """Return the data with images and mean image enlarged to ``side`` x ``side`` pixels when they are read."""
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
