"""The images of each update: files in fixed order, cut into batches (cuda-convnet data.py, convnet.py)."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from reproduce.base import draws
from reproduce.study.variant import Order


def batches_of_epoch(
    training_files: Sequence[int], images_per_file: int, batch_size: int, order: Order, seed: int, epoch: int
) -> Iterator[tuple[int, Tensor]]:
    """Yield (file, rows) of every update of one epoch, rows int64 into the training set.

    Each file is cut into batches on its own, so 10,000 images make 78 batches of 128 and one of 16: 79 updates. In the
    order ``reshuffled`` all images of the epoch are first permuted together, as a function of (seed, epoch); the batch
    sizes stay the same. In the order ``pooled`` they are permuted likewise and cut as one, so 50,000 make 390 batches
    of 128 and one of 80.
    """
    rows = torch.cat([torch.arange((file - 1) * images_per_file, file * images_per_file) for file in training_files])
    if order != "files":
        permutation = draws.generator(seed, "order of images", epoch).permutation(len(rows))
        rows = rows[torch.from_numpy(permutation)]
    first = 0  # of a part; mixed images belong to no file, so they count for the file whose place they take
    for size in _parts(training_files, images_per_file, order):
        for start in range(first, first + size, batch_size):
            yield training_files[start // images_per_file], rows[start : min(start + batch_size, first + size)]
        first += size


def updates_per_epoch(training_files: Sequence[int], images_per_file: int, batch_size: int, order: Order) -> int:
    """Return the number of updates of an epoch: 395 for five files of 10,000 at batch size 128, 391 if pooled."""
    return sum(-(-size // batch_size) for size in _parts(training_files, images_per_file, order))


def shortest_batch(training_files: Sequence[int], images_per_file: int, batch_size: int, order: Order) -> int:
    """Return the number of images of an epoch's shortest batch."""
    parts = _parts(training_files, images_per_file, order)
    return min(min(size, size % batch_size or batch_size) for size in parts)


def _parts(training_files: Sequence[int], images_per_file: int, order: Order) -> list[int]:
    """Return the numbers of images that are cut into batches on their own."""
    if order == "pooled":
        return [len(training_files) * images_per_file]
    return [images_per_file] * len(training_files)
