"""Mean image and color covariance from exact integer sums, so that every machine writes the same bytes."""

import io
from dataclasses import dataclass

import numpy as np

MEAN_IMAGE, COLOR_COVARIANCE = "mean_image.npy", "color_covariance.npy"  # names of the files that keep the statistics
_PIXELS_PER_BLOCK = 2_048_000


@dataclass(frozen=True)
class ImageSums:
    """Exact sums over a set of images; sums of disjoint sets add up to the sums of their union.

    Attributes:
        images: how many.
        pixels: int64, shape (height, width, channels), each value summed over the images.
        products: int64, shape (channels, channels), products of two channels summed over all pixels of all images.
    """

    images: int
    pixels: np.ndarray
    products: np.ndarray

    def __add__(self, other: "ImageSums") -> "ImageSums":
        return ImageSums(self.images + other.images, self.pixels + other.pixels, self.products + other.products)

    def mean_image(self) -> np.ndarray:
        """Return the mean for each channel and pixel, float64, shape (channels, height, width), values 0 to 255.

        The mean image is subtracted from every input (paper, section 2).
        """
        return np.ascontiguousarray((self.pixels / self.images).transpose(2, 0, 1))

    def color_covariance(self) -> np.ndarray:
        """Return the population covariance of the channels over all pixels of all images.

        The eigenvectors and eigenvalues of that of red, green and blue are what the color augmentation adds to an image
        (paper, section 4.1).

        Returns:
            float64, shape (channels, channels), symmetric, in squared pixel values, each entry correctly rounded.
        """
        sums = self.pixels.sum(axis=(0, 1)).tolist()
        return _covariance_of_sums(sums, self.products.tolist(), self.images * self.pixels[..., 0].size)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the mean image and the color covariance by the names of their files."""
        return {MEAN_IMAGE: self.mean_image(), COLOR_COVARIANCE: self.color_covariance()}


def image_sums(images: np.ndarray) -> ImageSums:
    """Return the sums over ``images``, uint8, shape (images, height, width, channels), which may be memory-mapped."""
    channels = images.shape[-1]
    pixel_sums = np.zeros(images.shape[1:], dtype=np.int64)
    products = np.zeros((channels, channels), dtype=np.int64)
    step = max(1, _PIXELS_PER_BLOCK // (images.shape[1] * images.shape[2]))
    for start in range(0, len(images), step):
        block = images[start : start + step]
        pixel_sums += block.sum(axis=0, dtype=np.int64)
        # Every partial sum in a block is a whole number below 2**53, so float64 (and its fast product) is exact.
        pixels = block.reshape(-1, channels).astype(np.float64)
        products += (pixels.T @ pixels).astype(np.int64)
    return ImageSums(len(images), pixel_sums, products)


def npy_bytes(array: np.ndarray) -> bytes:
    """Return ``array`` as .npy, the same bytes on every machine: little-endian, C order, format 1.0."""
    stream, little_endian = io.BytesIO(), array.dtype.newbyteorder("<")
    np.lib.format.write_array(stream, np.ascontiguousarray(array, little_endian), version=(1, 0), allow_pickle=False)
    return stream.getvalue()


def _covariance_of_sums(sums: list[int], products: list[list[int]], pixels: int) -> np.ndarray:
    """Return (n S_xy - S_x S_y) / n^2; Python's integers do not overflow and their quotient is correctly rounded."""
    return np.array(
        [
            [(pixels * product - sums[row] * sums[column]) / pixels**2 for column, product in enumerate(line)]
            for row, line in enumerate(products)
        ]
    )
