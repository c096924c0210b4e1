"""Generated photographs: the same every time, of a photograph's size on disk, in folders that ImageFolder reads."""

import io
from pathlib import Path

import numpy as np
from PIL import Image
from torchvision.datasets import ImageFolder

from reproduce.speed.bench.photographs import PHOTOGRAPHS, QUALITY, SQUARES, photograph, write_photographs


def test_photographs_are_all_different_and_always_the_same() -> None:
    first, second = photograph(1), photograph(2)
    assert first.shape == (375, 500, 3) and first.dtype == np.uint8
    assert np.array_equal(photograph(1), first)
    assert np.abs(first.astype(int) - second).mean() > 20


def test_a_photograph_compresses_like_one() -> None:
    for number in range(6):
        stream = io.BytesIO()
        Image.fromarray(photograph(number)).save(stream, "JPEG", quality=QUALITY)
        assert 50_000 < stream.tell() < 130_000


def test_folders_hold_photographs_and_their_squares(tmp_path: Path) -> None:
    write_photographs(tmp_path, 3)
    for kind, size in ((PHOTOGRAPHS, (500, 375)), (SQUARES, (256, 256))):
        images = ImageFolder(str(tmp_path / kind))
        assert [label for _, label in images.samples] == [0, 0, 1]
        assert {image.size for image, _ in images} == {size}
    whole = np.asarray(ImageFolder(str(tmp_path / PHOTOGRAPHS))[0][0].resize((341, 256)).crop((42, 0, 298, 256)))
    square = np.asarray(ImageFolder(str(tmp_path / SQUARES))[0][0])
    assert np.abs(whole.astype(int) - square).mean() < 12
