"""Predictions of a network over views of images, and the error rates that follow from them."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from reproduce.data.augment import to_input, view, view_offsets
from reproduce.models.network import Network


@dataclass(frozen=True)
class Scores:
    """Mean loss in nats, top-1 and top-5 error in percent over a set of images."""

    loss_nats: float
    top1_error_percent: float
    top5_error_percent: float


@torch.no_grad()
def class_probabilities(
    network: Network,
    images: Tensor,
    mean: Tensor,
    dtype: torch.dtype,
    views: int,
    deviation: Tensor | float = 1.0,
) -> Tensor:
    """Return softmax outputs averaged over the views, (N, classes) float32 (paper section 4.1).

    Args:
        network: in test mode on the images' device.
        images: one batch, (N, H, W, C) uint8.
        mean: (size, size, C) float32, the center of the mean image; size is the network's input size.
        dtype: arithmetic of the layers.
        views: 1, 9 or 10, as ``data.augment.view_offsets`` lists them.
        deviation: divides the centered pixels, a number or (C,) float32.
    """
    size = network.spec.input.size
    offsets = view_offsets(images.shape[1], size, views)
    total = torch.zeros(())
    for offset in offsets:
        logits = network(to_input(view(images, offset, size), mean, dtype, divisor=deviation))
        total = total + functional.softmax(logits, dim=1)
    return total / len(offsets)


def streamed_probabilities(
    network: Network,
    batches: Iterable[tuple[Tensor, Tensor]],
    mean: Tensor,
    dtype: torch.dtype,
    views: int,
    deviation: Tensor | float = 1.0,
) -> tuple[Tensor, Tensor]:
    """Return the probabilities of data too large for memory, (N, classes) float32, and labels, (N,) int64, on the CPU.

    Args:
        network: in test mode on the batches' device.
        batches: images, uint8 (n, H, W, C), with labels, int64 (n,); see ``data.opening``.
        mean, dtype, views, deviation: as in ``class_probabilities``.
    """
    settings = mean, dtype, views, deviation
    parts = [(class_probabilities(network, images, *settings).cpu(), labels.cpu()) for images, labels in batches]
    probabilities, labels = zip(*parts, strict=True)
    return torch.cat(probabilities), torch.cat(labels)


def scores(probabilities: Tensor, labels: Tensor) -> Scores:
    """Return loss and error of probabilities (N, classes) against labels (N,) int64.

    Probabilities of zero count as the smallest normal float32, so that the loss stays finite.
    """
    chosen = probabilities.gather(1, labels[:, None]).squeeze(1).double()
    loss = -chosen.clamp_min(float(np.finfo(np.float32).tiny)).log().mean().item()
    errors = [100 * (~is_among_first(probabilities, labels, first)).double().mean().item() for first in (1, 5)]
    return Scores(loss, *errors)


def is_among_first(probabilities: Tensor, labels: Tensor, first: int) -> Tensor:
    """Return whether each label (N,) is among the ``first`` most probable classes; True with fewer classes in all."""
    if first == 1:
        return probabilities.argmax(1) == labels
    named = probabilities.topk(min(first, probabilities.shape[1]), dim=1).indices
    return (named == labels[:, None]).any(1)
