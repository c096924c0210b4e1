"""The training images nearest to test images in the last hidden layer (paper section 6.1, Figure 4)."""

import itertools
from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch import Tensor

from reproduce.data.pixel_neighbors import NEIGHBORS
from reproduce.models import spec
from reproduce.models.network import Network


@torch.no_grad()
def hidden_features(
    network: Network, batches: Iterable[tuple[Tensor, Tensor]], to_input: Callable[[Tensor], Tensor]
) -> Tensor:
    """Return the last hidden layer's outputs in test mode, after its activation and before dropout, (N, units) float64.

    Args:
        network: on the batches' device.
        batches: images, uint8 (n, H, W, C), with labels, which are not used.
        to_input: turns a batch of images into the network's input.
    """
    last = max(place for place, layer in enumerate(network.spec.layers) if isinstance(layer, spec.Weighted))
    while isinstance(network.spec.layers[last - 1], spec.Dropout):  # at test one factor for all outputs
        last -= 1
    outputs = (network.outputs(to_input(images)) for images, _ in batches)
    parts = (next(itertools.islice(each, last - 1, None))[1] for each in outputs)
    return torch.cat([part.flatten(1).double() for part in parts])


def nearest_rows(queries: Tensor, candidates: Tensor, count: int = NEIGHBORS) -> np.ndarray:
    """Return the rows of the ``count`` candidates nearest to each query by Euclidean distance, nearest first.

    Args:
        queries: (Q, D) float64.
        candidates: (N, D) float64.
        count: at most N.

    Returns:
        (Q, count) int64. Of equally distant candidates the order is left open.
    """
    squared = candidates.square().sum(1) - 2 * queries @ candidates.T  # without the query's own square
    return squared.topk(count, dim=1, largest=False).indices.cpu().numpy()
