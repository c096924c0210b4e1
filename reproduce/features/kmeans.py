"""k-means by Lloyd's rule, and the triangle activation with quadrant pooling of Coates, Lee & Ng (AISTATS 2011)."""

from collections.abc import Callable

import torch
from torch import Tensor

_VECTORS_AT_ONCE = 2_000


def squared_distances(vectors: Tensor, centroids: Tensor) -> Tensor:
    """Return squared Euclidean distances (N, K) of vectors (N, D) from centroids (K, D), none below 0."""
    products = torch.addmm(centroids.square().sum(1), vectors, centroids.T, alpha=-2)
    return products.add_(vectors.square().sum(1, keepdim=True)).clamp_(min=0)


def assignments(vectors: Tensor, centroids: Tensor) -> Tensor:
    """Return the row of the centroid nearest to each vector, int64 (N,)."""
    parts = vectors.split(_VECTORS_AT_ONCE)
    return torch.cat([squared_distances(part, centroids).argmin(1) for part in parts])


def kmeans(vectors: Tensor, initial: Tensor, iterations: int, advance: Callable[[], None] = lambda: None) -> Tensor:
    """Return centroids (K, D) after ``iterations`` rounds of Lloyd's rule from ``initial``.

    A centroid that no vector is nearest to becomes zero, as in the authors' released code.

    Args:
        vectors: float32 (N, D).
        initial: float32 (K, D).
        iterations: rounds; there is no other stopping rule.
        advance: called after every round; may raise to stop.
    """
    centroids = initial
    for _ in range(iterations):
        nearest = assignments(vectors, centroids)
        sums = torch.zeros(centroids.shape, dtype=torch.float64)
        for part, places in zip(vectors.split(_VECTORS_AT_ONCE), nearest.split(_VECTORS_AT_ONCE), strict=True):
            sums.index_add_(0, places, part.double())
        counts = torch.bincount(nearest, minlength=len(centroids)).clamp(min=1)
        centroids = (sums / counts[:, None]).to(vectors.dtype)
        advance()
    return centroids


def triangle_activation(vectors: Tensor, centroids: Tensor) -> Tensor:
    """Return max(0, mean distance - distance) to each centroid, (N, K): about half of the entries are zero."""
    distances = squared_distances(vectors, centroids).sqrt_()
    return distances.neg_().sub_(distances.mean(1, keepdim=True)).clamp_(min=0)


def quadrant_sums(activations: Tensor) -> Tensor:
    """Return sums (N, 4 K) over the four quadrants of ``activations``, (N, rows, columns, K).

    Order: top left, top right, bottom left, bottom right. A middle row belongs to the top, a middle column to the left.
    One product with ones and zeros is faster than four sums.
    """
    images, rows, columns, _ = activations.shape
    quadrant = 2 * (torch.arange(rows) >= -(-rows // 2)).long()[:, None] + (torch.arange(columns) >= -(-columns // 2))
    members = torch.nn.functional.one_hot(quadrant.flatten(), 4).T.to(activations.dtype)
    return (members.expand(images, -1, -1) @ activations.flatten(1, 2)).flatten(1)
