"""Bags of visual words: each descriptor counts for its nearest word, in the whole image and in each region.

Power and length are normalized as for Fisher vectors, so that the two differ in coding and number of features alone.
"""

import torch
from torch import Tensor

from reproduce.features.fisher import signed_root, unit_length, with_whole
from reproduce.features.kmeans import assignments


def word_counts(descriptors: Tensor, words: Tensor, regions: Tensor) -> Tensor:
    """Return how many descriptors of each region are nearest to each word, float32 (N, R, K).

    Args:
        descriptors: float32 (N, P, d).
        words: float32 (K, d).
        regions: int64 (P,), the region of each descriptor, from 0.
    """
    images, points, dimensions = descriptors.shape
    nearest = assignments(descriptors.reshape(-1, dimensions), words).view(images, points)
    number = int(regions.max()) + 1
    counts = torch.zeros(images, number * len(words))
    return counts.scatter_add_(1, nearest + len(words) * regions, torch.ones(images, points)).view(images, number, -1)


def word_vectors(descriptors: Tensor, words: Tensor, regions: Tensor) -> Tensor:
    """Return the normalized counts, float32 (N, (1 + R) K): the whole image, then each region."""
    return unit_length(signed_root(with_whole(word_counts(descriptors, words, regions)))).flatten(1)
