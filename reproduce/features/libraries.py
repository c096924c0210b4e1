"""Libraries that only the encoders need, imported when they are used, so that all else works without them."""

import importlib
from types import ModuleType

from reproduce.base.errors import ReproduceError

_PACKAGES = {"cv2": "opencv-python-headless", "sklearn": "scikit-learn"}


def needed_library(module: str) -> ModuleType:
    """Return ``module``, for instance ``cv2`` or ``sklearn.mixture``.

    Raises:
        ReproduceError: it is not installed, or lacks a library of its own.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = _PACKAGES[module.partition(".")[0]]
        raise ReproduceError(f"{package} cannot be imported ({error}); `pip install {package}` and go on") from error
