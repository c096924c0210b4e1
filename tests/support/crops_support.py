"""Random crops made by the same code as in training, ``TrainingData.training_batches``."""

import numpy as np
import torch
from torch import Tensor

from reproduce.data.in_memory import TrainingData
from reproduce.data.steps import Step


def random_crops(images: Tensor, rows: Tensor, size: int, seed: int, step: int) -> Tensor:
    """Return the training crops (N, size, size, C) uint8 of ``rows`` of ``images`` at ``step``."""
    labels = torch.zeros(len(images), dtype=torch.int64)
    data = TrainingData(images, labels, images, labels, np.zeros((3, *images.shape[1:3])))
    return next(data.training_batches([Step(step, rows.numpy())], size, seed, "crops_and_flips")).pixels
