"""Predictions over data too large for memory, batch by batch."""

from collections.abc import Iterable

import torch
from torch import Tensor

from reproduce.evaluate.predict import class_probabilities
from reproduce.models.network import Network


def streamed_probabilities(
    network: Network,
    batches: Iterable[tuple[Tensor, Tensor]],
    mean: Tensor,
    dtype: torch.dtype,
    views: int,
    deviation: Tensor | float = 1.0,
) -> tuple[Tensor, Tensor]:
    """Return softmax outputs averaged over the views, (N, classes) float32, and labels, (N,) int64, on the CPU.

    Args:
        network: in test mode on the batches' device.
        batches: images, uint8 (n, H, W, C), with labels, int64 (n,); see ``data.opening``.
        mean: (size, size, C) float32, the center of the mean image.
        dtype: arithmetic of the layers.
        views: 1, 9 or 10, as ``data.augment.view_offsets`` lists them.
        deviation: divides the centered pixels, a number or (C,) float32.
    """
    settings = mean, dtype, views, deviation
    parts = [(class_probabilities(network, images, *settings).cpu(), labels.cpu()) for images, labels in batches]
    probabilities, labels = zip(*parts, strict=True)
    return torch.cat(probabilities), torch.cat(labels)
