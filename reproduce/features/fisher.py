"""Improved Fisher vectors with spatial regions (Perronnin, Sanchez & Mensink, ECCV 2010)."""

import torch
from torch import Tensor

from reproduce.features.mixture import Mixture

_LEAST_NORM = 1e-12  # an empty region stays zero


def signed_root(vectors: Tensor) -> Tensor:
    """Return sign(v) sqrt(|v|), the power normalization with exponent 1/2."""
    return vectors.sign() * vectors.abs().sqrt()


def unit_length(vectors: Tensor) -> Tensor:
    """Return vectors (..., D) divided by their Euclidean length."""
    return vectors / vectors.norm(dim=-1, keepdim=True).clamp(min=_LEAST_NORM)


def with_whole(regions: Tensor) -> Tensor:
    """Return (N, 1 + R, ...): the sums over the whole image, then ``regions``, the sums (N, R, ...) by region."""
    return torch.cat([regions.sum(dim=1, keepdim=True), regions], dim=1)


def fisher_statistics(descriptors: Tensor, mixture: Mixture, regions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return sums over each region: of posteriors, and of descriptors and squared descriptors weighted by posteriors.

    Args:
        descriptors: float32 (N, P, d).
        mixture: of K Gaussians.
        regions: int64 (P,), the region of each descriptor, from 0.

    Returns:
        (N, R, K), (N, R, K, d) and (N, R, K, d).
    """
    images, points, dimensions = descriptors.shape
    shares = mixture.posteriors(descriptors.reshape(-1, dimensions)).view(images, points, -1)
    counts, sums, squares = [], [], []
    for region in range(int(regions.max()) + 1):
        own = torch.nonzero(regions == region).flatten()
        part, weights = descriptors[:, own], shares[:, own]
        counts.append(weights.sum(1))
        sums.append(weights.transpose(1, 2) @ part)
        squares.append(weights.transpose(1, 2) @ part.square())
    return torch.stack(counts, 1), torch.stack(sums, 1), torch.stack(squares, 1)


def fisher_gradients(counts: Tensor, sums: Tensor, squares: Tensor, points: Tensor, mixture: Mixture) -> Tensor:
    """Return the normalized gradients by means and by deviations, (..., 2 K d), from statistics (..., K[, d]).

    Args:
        counts, sums, squares: as ``fisher_statistics`` gives them.
        points: number of descriptors in each sum, broadcastable to (..., 1, 1).
        mixture: the one that ``fisher_statistics`` was given.
    """
    deviations = mixture.variances.sqrt()
    counts = counts[..., None]
    centered = sums - counts * mixture.means
    by_mean = centered / deviations
    spread = squares - 2 * mixture.means * sums + counts * mixture.means.square()
    by_deviation = spread / mixture.variances - counts
    shares = mixture.shares.sqrt()[:, None]
    gradients = [by_mean / shares, by_deviation / (shares * 2**0.5)]
    return torch.cat([(gradient / points).flatten(-2) for gradient in gradients], dim=-1)


def fisher_vectors(descriptors: Tensor, mixture: Mixture, regions: Tensor) -> Tensor:
    """Return the improved Fisher vectors of images, (N, (1 + R) 2 K d): the whole image, then each region.

    Power and length are normalized for each region separately.
    """
    statistics = [with_whole(part) for part in fisher_statistics(descriptors, mixture, regions)]
    points = with_whole(torch.bincount(regions)[None]).clamp(min=1).view(1, -1, 1, 1)
    return unit_length(signed_root(fisher_gradients(*statistics, points, mixture))).flatten(1)
