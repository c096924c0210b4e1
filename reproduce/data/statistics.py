"""Mean image and color covariance from exact integer sums, so that every machine writes the same bytes."""

import numpy as np

_IMAGES_PER_BLOCK = 2000


def mean_image(images: np.ndarray) -> np.ndarray:
    """Return the mean of ``images`` for each channel and pixel.

    The mean image is subtracted from every input (paper, section 2).

    Args:
        images: uint8, shape (images, height, width, 3), values 0 to 255.

    Returns:
        float64, shape (3, height, width), values 0 to 255.
    """
    sums = images.sum(axis=0, dtype=np.int64)
    return np.ascontiguousarray((sums / len(images)).transpose(2, 0, 1))


def color_covariance(images: np.ndarray) -> np.ndarray:
    """Return the population covariance of red, green and blue over all pixels of ``images``.

    Its eigenvectors and eigenvalues are what the color augmentation adds to an image (paper, section 4.1).

    Args:
        images: uint8, shape (images, height, width, 3), values 0 to 255.

    Returns:
        float64, shape (3, 3), symmetric, in squared pixel values, each entry correctly rounded.
    """
    channels = images.shape[-1]
    sums = np.zeros(channels, dtype=np.int64)
    products = np.zeros((channels, channels), dtype=np.int64)
    for start in range(0, len(images), _IMAGES_PER_BLOCK):
        # Every partial sum in a block is a whole number below 2**53, so float64 (and its fast product) is exact.
        pixels = images[start : start + _IMAGES_PER_BLOCK].reshape(-1, channels).astype(np.float64)
        sums += pixels.sum(axis=0).astype(np.int64)
        products += (pixels.T @ pixels).astype(np.int64)
    return _covariance_of_sums(sums.tolist(), products.tolist(), images[..., 0].size)


def _covariance_of_sums(sums: list[int], products: list[list[int]], pixels: int) -> np.ndarray:
    """Return (n S_xy - S_x S_y) / n^2; Python's integers do not overflow and their quotient is correctly rounded."""
    return np.array(
        [
            [(pixels * product - sums[row] * sums[column]) / pixels**2 for column, product in enumerate(line)]
            for row, line in enumerate(products)
        ]
    )
