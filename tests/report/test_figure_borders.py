"""Published pictures end in white on every side: nothing in them is cut off at the border."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from reproduce.base.paths import RESULTS

FIGURES = sorted((RESULTS / "figures").glob("*.png"))
NOTEBOOKS = sorted((RESULTS / "notebooks").glob("*.ipynb"))


def _cut_off(picture):
    pixels = np.asarray(picture.convert("L"))
    borders = {"left": pixels[:, 0], "right": pixels[:, -1], "top": pixels[0], "bottom": pixels[-1]}
    return [side for side, border in borders.items() if border.min() < 250]


def _pictures(notebook):
    for number, cell in enumerate(json.loads(notebook.read_text())["cells"]):
        for output in cell.get("outputs", []):
            if png := output.get("data", {}).get("image/png"):
                yield number, Image.open(io.BytesIO(base64.b64decode(png)))


@pytest.mark.parametrize("path", FIGURES, ids=lambda path: path.stem)
def test_nothing_in_a_figure_is_cut_off(path):
    with Image.open(path) as picture:
        assert _cut_off(picture) == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_nothing_in_a_notebooks_pictures_is_cut_off(path):
    found = {number: _cut_off(picture) for number, picture in _pictures(path)}
    assert found
    assert {number: sides for number, sides in found.items() if sides} == {}


def test_a_picture_with_ink_at_its_border_is_seen():
    pixels = np.full((10, 10), 255, np.uint8)
    pixels[4, 9] = 0
    assert _cut_off(Image.fromarray(pixels)) == ["right"]
