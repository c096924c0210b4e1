"""Random numbers as a function of (seed, purpose, step), the same on every machine and for any number of workers.

A counter-based generator (Philox) is keyed by the seed and the purpose and positioned at the step, so a draw depends
on nothing that was drawn before: a resumed run needs no generator state (deviation D31).
"""

import zlib

import numpy as np
import torch


def generator(seed: int, purpose: str, step: int = 0) -> np.random.Generator:
    """Return the generator for one purpose ("crops", "initial weights of conv1", ...) at one step."""
    key = np.array([seed, zlib.crc32(purpose.encode())], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=np.array([0, 0, 0, step], dtype=np.uint64)))


def gaussian(seed: int, purpose: str, shape: tuple[int, ...], std: float) -> torch.Tensor:
    """Return float32 Gaussian numbers with mean 0 and standard deviation ``std``."""
    return torch.from_numpy(generator(seed, purpose).standard_normal(shape, dtype=np.float32) * np.float32(std))


def uniform(seed: int, purpose: str, shape: tuple[int, ...], bound: float) -> torch.Tensor:
    """Return float32 numbers drawn evenly from -``bound`` to ``bound``."""
    numbers = generator(seed, purpose).random(shape, dtype=np.float32)
    return torch.from_numpy((2 * numbers - 1) * np.float32(bound))


def keep_mask(seed: int, purpose: str, step: int, shape: tuple[int, ...], keep: float) -> torch.Tensor:
    """Return a bool mask, each element True with probability ``keep``, for the whole global batch."""
    return torch.from_numpy(generator(seed, purpose, step).random(shape, dtype=np.float32) < np.float32(keep))
