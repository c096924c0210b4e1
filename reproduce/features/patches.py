"""Patches of images, contrast-normalized and whitened (Coates, Lee & Ng, AISTATS 2011, section 3.1)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from reproduce.base import draws


class Images(Protocol):
    """Images in order, as ``data.in_memory.ImageSet`` and ``data.ilsvrc.training.PackedSet`` hold them."""

    def __len__(self) -> int: ...

    def batches(self, rows: range) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the images of ``rows``, uint8 (n, H, W, C), with their labels, int64 (n,)."""
        ...


@dataclass(frozen=True)
class Whitening:
    """ZCA: ``(patches - mean) @ matrix``; mean float32 (D,), matrix float32 (D, D), symmetric."""

    mean: Tensor
    matrix: Tensor

    def __call__(self, patches: Tensor) -> Tensor:
        """Return patches (N, D) whitened."""
        return (patches - self.mean) @ self.matrix


def all_patches(images: Tensor, side: int) -> Tensor:
    """Return every patch of images (N, H, W, C) at stride 1, float32 (N, H - side + 1, W - side + 1, C side side)."""
    windows = images.unfold(1, side, 1).unfold(2, side, 1)
    return windows.reshape(*windows.shape[:3], -1).float()


def random_patches(images: Images, count: int, side: int, seed: int) -> Tensor:
    """Return ``count`` patches at drawn places, float32 (count, C side side) in gray levels.

    The images take turns, so the numbers of patches from any two images differ by at most one.
    """
    drawn = draws.generator(seed, "places of patches").random((count, 2))
    owners = np.arange(count) % len(images)
    by_owner = np.argsort(owners, kind="stable")
    found: list[Tensor] = []
    start = 0
    for batch, _ in images.batches(range(min(count, len(images)))):
        first, last = np.searchsorted(owners[by_owner], [start, start + len(batch)])
        chosen = by_owner[first:last]
        places = [(drawn[chosen, axis] * (batch.shape[1 + axis] - side + 1)).astype(np.int64) for axis in (0, 1)]
        rows, tops, lefts = (torch.from_numpy(part) for part in (owners[chosen] - start, *places))
        windows = batch.unfold(1, side, 1).unfold(2, side, 1)
        found.append(windows[rows, tops, lefts].reshape(len(chosen), -1).float())
        start += len(batch)
    return torch.cat(found)


def contrast_normalized(patches: Tensor, constant: float) -> Tensor:
    """Return (patch - mean) / sqrt(variance + ``constant``) for each of the patches (..., D).

    The constant, in squared gray levels, keeps noise in flat patches small; the paper's is 10.
    """
    variance, mean = torch.var_mean(patches, dim=-1, keepdim=True)
    return (patches - mean) / (variance + constant).sqrt()


def fit_whitening(patches: Tensor, constant: float) -> Whitening:
    """Return ZCA whitening fitted to patches (N, D); ``constant`` is added to every eigenvalue (the paper: 0.1)."""
    mean = patches.mean(dim=0)
    covariance = np.cov(patches.numpy(), rowvar=False, dtype=np.float64)
    values, vectors = np.linalg.eigh(covariance)
    matrix = (vectors / np.sqrt(np.maximum(values, 0) + constant)) @ vectors.T
    return Whitening(mean, torch.from_numpy(matrix).float())
