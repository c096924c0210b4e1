"""From a photograph's bytes to 256 x 256 pixels as the authors made them.

The paper (section 2) rescales the shorter side to 256 and cuts out the center. The authors' released preparation
(cuda-convnet2, make-data/pyext) averages areas when it shrinks (each output pixel is the mean of the part of the image
it covers, fractions included), uses cubic interpolation (coefficient -0.75, edges repeated) when it enlarges, and
rounds the longer side. The same is done here. Pillow's own filters are not the same: its BOX gives a pixel either full
weight or none. The source then compresses to JPEG a second time, quality 95; here the pixels are kept (deviation D35).
"""

import functools
import gzip
import io
import math
import warnings
from typing import NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError
from scipy.sparse import coo_array, csr_array

from reproduce.data.ilsvrc.editions import SIDE

_CUBIC = -0.75
_GZIP = b"\x1f\x8b"
_JPEG_FORMATS = ("JPEG", "MPO")
# Pillow knows forty more formats. One, PostScript, is a program that Pillow would have Ghostscript run.
_READ_FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM")
_GRAY_MODES = ("1", "L", "LA")
_DEEP_GRAY_MODES = ("I", "I;16", "I;16B", "I;16L", "I;16N")  # 16 bits a pixel; older Pillows call them I
_MOST_BYTES = 1 << 28  # of one image file


class CorruptImageError(Exception):
    """The bytes are no image that can be decoded to its end."""


class Decoded(NamedTuple):
    """Pixels, uint8 (256, 256, 3), red green blue; Pillow's name of the file format; whether it was gray or CMYK."""

    pixels: np.ndarray
    format: str
    gray: bool
    cmyk: bool

    @property
    def is_jpeg(self) -> bool:
        """Return whether the file is what its name says."""
        return self.format in _JPEG_FORMATS


def decode(content: bytes) -> Decoded:
    """Decode an image file, whatever its name says, and bring it to 256 x 256.

    Orientation marks of cameras are ignored, as in the source. CMYK, gray and indexed images become red, green, blue.
    Of 16-bit gray the upper eight bits are kept, as Pillow keeps them of color. Some images of 2010 are packed by gzip
    (https://github.com/mila-iqia/fuel, fuel/converters/ilsvrc2010.py).

    Raises:
        CorruptImageError: the image cannot be decoded whole.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # broken EXIF data beside sound pixels
            with Image.open(io.BytesIO(_unpacked(content)), formats=_READ_FORMATS) as image:
                mode, name = image.mode, image.format
                pixels = _upper_bits(image) if mode in _DEEP_GRAY_MODES else np.asarray(image.convert("RGB"))
    except CorruptImageError:
        raise
    except UnidentifiedImageError as error:
        raise CorruptImageError("not an image") from error
    except Exception as error:  # a damaged file can raise anything
        raise CorruptImageError(" ".join(str(error).split())) from error
    return Decoded(to_square(pixels), name, mode in (*_GRAY_MODES, *_DEEP_GRAY_MODES), mode == "CMYK")


def _unpacked(content: bytes) -> bytes:
    if not content.startswith(_GZIP):
        return content
    with gzip.open(io.BytesIO(content)) as stream:
        unpacked = stream.read(_MOST_BYTES + 1)
    if len(unpacked) > _MOST_BYTES:
        raise CorruptImageError(f"unpacks to more than {_MOST_BYTES:,} bytes")
    return unpacked


def _upper_bits(image: Image.Image) -> np.ndarray:
    """Return a gray image of 16 bits as uint8 (height, width, 3)."""
    deep = np.asarray(image)
    if deep.min() < 0 or deep.max() > 0xFFFF:
        raise CorruptImageError("gray of more than 16 bits")
    return np.repeat((deep >> 8).astype(np.uint8)[..., None], 3, axis=2)


def to_square(pixels: np.ndarray, side: int = SIDE) -> np.ndarray:
    """Rescale the shorter side to ``side`` and return the center ``side`` x ``side``.

    Args:
        pixels: uint8, shape (height, width, channels).
        side: pixels of the result in each direction.

    Returns:
        uint8, shape (side, side, channels).
    """
    height, width, channels = pixels.shape
    shorter = min(height, width)
    (rows, top, bottom), (columns, left, right) = (
        _center_weights(length, _rounded(length * side / shorter), side) for length in (height, width)
    )
    part = pixels[top:bottom, left:right].astype(np.float32)
    lines = (rows @ part.reshape(bottom - top, -1)).reshape(side, right - left, channels)
    turned = np.ascontiguousarray(lines.transpose(1, 0, 2)).reshape(right - left, -1)
    square = (columns @ turned).reshape(side, side, channels).transpose(1, 0, 2)
    return np.ascontiguousarray(np.clip(np.rint(square), 0, 255), dtype=np.uint8)


def _rounded(value: float) -> int:
    return math.floor(value + 0.5)


@functools.lru_cache(maxsize=512)
def _center_weights(length: int, target: int, side: int) -> tuple[csr_array, int, int]:
    """Return the weights of the center ``side`` of ``target`` outputs, and the range of inputs they read."""
    start = (target - side) // 2
    weights = resize_weights(length, target)[start : start + side]
    first, last = int(weights.indices.min()), int(weights.indices.max()) + 1
    return weights[:, first:last].tocsr(), first, last


def resize_weights(length: int, target: int) -> csr_array:
    """Return float32 weights (target, length): area averages to shrink, cubic interpolation to enlarge."""
    # OpenCV, which only the encoders need, has both filters too. But one in 10,000 of its values differs by a gray
    # level, so images packed by it would not have the sums of those packed before.
    outputs = np.arange(target)[:, None]
    if target <= length:
        # In units of 1 / target of an input pixel, everything is a whole number and the overlaps are exact.
        inputs = outputs * length // target + np.arange(length // target + 2)
        end = np.minimum((outputs + 1) * length, (inputs + 1) * target)
        weights = np.maximum(end - np.maximum(outputs * length, inputs * target), 0) / length
    else:
        place = (outputs + 0.5) * length / target - 0.5
        inputs = np.floor(place).astype(np.int64) + np.arange(-1, 3)
        weights = _cubic(np.abs(place - inputs))
    inputs = np.clip(inputs, 0, length - 1)
    coordinates = np.broadcast_to(outputs, inputs.shape).ravel(), inputs.ravel()
    matrix = coo_array((weights.ravel().astype(np.float32), coordinates), shape=(target, length)).tocsr()
    matrix.eliminate_zeros()
    return matrix


def _cubic(distance: np.ndarray) -> np.ndarray:
    """Return the cubic convolution kernel at distances 0 to 2."""
    near = ((_CUBIC + 2) * distance - (_CUBIC + 3)) * distance**2 + 1
    far = ((_CUBIC * distance - 5 * _CUBIC) * distance + 8 * _CUBIC) * distance - 4 * _CUBIC
    return np.where(distance <= 1, near, far)
