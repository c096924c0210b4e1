"""Generated photographs for timing: as costly to decode as real ones, and the same on every machine.

Light falls off with spatial frequency f about as f ** -1.1, as in natural images. Color falls off faster, and a few
objects have edges. At quality 90 such an image of 500 x 375 pixels, ILSVRC's usual size, takes 60 to 110 kB.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from reproduce.data.ilsvrc.pixels import to_square

HEIGHT, WIDTH = 375, 500
QUALITY = 90
CLASSES = ("n00000001", "n00000002")
PHOTOGRAPHS, SQUARES = "photographs", "squares"
_OBJECTS = 6
_COLOR_FALLOFF = 1.7


def photograph(number: int) -> np.ndarray:
    """Return the ``number``-th photograph, uint8 (HEIGHT, WIDTH, 3)."""
    random = np.random.default_rng(number)
    light = _texture(random, random.uniform(0.9, 1.35))
    warm, green = (_texture(random, _COLOR_FALLOFF) for _ in range(2))
    for inside in _objects(random):
        light[inside] = 0.6 * light[inside] + random.uniform(-1.5, 1.5)
        warm[inside] += random.uniform(-1, 1)
        green[inside] += random.uniform(-1, 1)
    red_green_blue = light + 0.35 * warm, light - 0.2 * warm - 0.2 * green, light + 0.35 * green
    return np.clip(118 + 45 * np.stack(red_green_blue, axis=-1), 0, 255).astype(np.uint8)


def _texture(random: np.random.Generator, falloff: float) -> np.ndarray:
    """Return noise of mean 0 and standard deviation 1 whose amplitude falls as frequency ** -falloff."""
    frequency = np.hypot(np.fft.fftfreq(HEIGHT)[:, None], np.fft.rfftfreq(WIDTH))
    frequency[0, 0] = np.inf
    waves = np.fft.rfft2(random.standard_normal((HEIGHT, WIDTH))) / frequency**falloff
    texture = np.fft.irfft2(waves, (HEIGHT, WIDTH))
    return texture / texture.std()


def _objects(random: np.random.Generator) -> Iterator[np.ndarray]:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    for _ in range(_OBJECTS):
        y, x = random.uniform(0, HEIGHT), random.uniform(0, WIDTH)
        tall, wide = random.uniform(0.05, 0.3, 2) * min(HEIGHT, WIDTH)
        yield ((rows - y) / tall) ** 2 + ((columns - x) / wide) ** 2 < 1


def write_photographs(folder: Path, count: int, mapped: Callable[..., Any] = map) -> None:
    """Write ``count`` photographs in ``folder``/photographs, and their 256 x 256 centers in ``folder``/squares.

    Both are JPEG files of ``QUALITY`` in one folder per class, as torchvision's ``ImageFolder`` reads them. ``mapped``
    is ``map``, or the ``map`` of a pool of processes.
    """
    for kind in (PHOTOGRAPHS, SQUARES):
        for name in CLASSES:
            (folder / kind / name).mkdir(parents=True)
    for _ in mapped(partial(_write_photograph, folder), range(count)):
        pass


def _write_photograph(folder: Path, number: int) -> None:
    name = CLASSES[number % len(CLASSES)]
    pixels = photograph(number)
    for kind, content in ((PHOTOGRAPHS, pixels), (SQUARES, to_square(pixels))):
        path = folder / kind / name / f"{name}_{number}.JPEG"
        Image.fromarray(content).save(path, "JPEG", quality=QUALITY)
