"""Fashion-MNIST as it lies in the data folder: 28 x 28 gray photographs of ten kinds of clothing, in four idx files."""

import math
from collections.abc import Sequence

import numpy as np

from reproduce.data.official import ImageArrays, OfficialFile

# What the official gzip files hold: these have the MD5 sums that their authors publish
# (https://github.com/zalandoresearch/fashion-mnist) and torchvision's FashionMNIST checks.
OFFICIAL_FILES = (
    OfficialFile("train-images-idx3-ubyte", 47_040_016, "f4a8712d7a061bf5bd6d2ca38dc4d50a"),
    OfficialFile("train-labels-idx1-ubyte", 60_008, "9018921c3c673c538a1fc5bad174d6f9"),
    OfficialFile("t10k-images-idx3-ubyte", 7_840_016, "8181f5470baa50b63fa0f6fddb340f0a"),
    OfficialFile("t10k-labels-idx1-ubyte", 10_008, "15d484375f8d13e6eb1aabb0c3f46965"),
)


def parse_files(contents: Sequence[bytes]) -> ImageArrays:
    """Return the arrays in training images and labels, test images and labels; images get one channel, last."""
    training_images, training_labels, test_images, test_labels = map(parse_idx, contents)
    return ImageArrays(
        training_images[..., None].copy(),
        training_labels.astype(np.int64),
        test_images[..., None].copy(),
        test_labels.astype(np.int64),
    )


def parse_idx(content: bytes) -> np.ndarray:
    """Return the bytes of an idx file as an array over ``content``, uint8.

    The format (http://yann.lecun.com/exdb/mnist): two zero bytes, the type (8: unsigned byte), the number of
    dimensions, each dimension as a big-endian 32-bit integer, then the values, the last dimension fastest.
    """
    dimensions = content[3]
    shape = np.frombuffer(content, dtype=">u4", count=dimensions, offset=4).tolist()
    return np.frombuffer(content, np.uint8, count=math.prod(shape), offset=4 + 4 * dimensions).reshape(shape)
