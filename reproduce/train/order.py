"""The images of each update: files in fixed order, cut into batches (cuda-convnet data.py, convnet.py)."""

from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor

from reproduce.base import draws


def batches_of_epoch(
    training_files: list[int],
    images_per_file: int,
    batch_size: int,
    order: Literal["files", "reshuffled"],
    seed: int,
    epoch: int,
) -> Iterator[tuple[int, Tensor]]:
    """Yield (file, rows) of every update of one epoch, rows int64 into the training set.

    Each file is cut into batches on its own, so 10,000 images make 78 batches of 128 and one of 16: 79 updates. In the
    order ``reshuffled`` all images of the epoch are first permuted together, as a function of (seed, epoch); the batch
    sizes stay the same.
    """
    rows = torch.cat([torch.arange((file - 1) * images_per_file, file * images_per_file) for file in training_files])
    if order == "reshuffled":
        permutation = draws.generator(seed, "order of images", epoch).permutation(len(rows))
        rows = rows[torch.from_numpy(permutation)]
    for place, file in enumerate(training_files):
        in_file = rows[place * images_per_file : (place + 1) * images_per_file]
        for batch in in_file.split(batch_size):
            yield file, batch


def updates_per_epoch(training_files: list[int], images_per_file: int, batch_size: int) -> int:
    """Return the number of updates of an epoch: 395 for five files of 10,000 at batch size 128."""
    return len(training_files) * -(-images_per_file // batch_size)
