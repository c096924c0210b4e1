"""A part of a training set that has equally many images of each class."""

import numpy as np


def balanced_subset(labels: np.ndarray, images: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of a balanced subset and the rows left over, both int64 in the data's order.

    The subset holds the first images of each class: ``images`` in all, the same number of each class.

    Raises:
        ValueError: ``images`` is not a multiple of the classes, or a class has too few.
    """
    classes = np.unique(labels)
    each, rest = divmod(images, len(classes))
    places = [np.flatnonzero(labels == label) for label in classes]
    if rest or any(len(found) < each for found in places) or not each:
        raise ValueError(f"{images} images cannot be shared equally by {len(classes)} classes")
    chosen = np.sort(np.concatenate([found[:each] for found in places]))
    is_left = np.ones(len(labels), dtype=bool)
    is_left[chosen] = False
    return chosen, np.flatnonzero(is_left)
