"""Libraries that only the encoders need, imported when they are used, so that all else works without them."""

import importlib
from types import ModuleType

import scipy
import torch

from reproduce.base.errors import ReproduceError
from reproduce.study.feature_variant import DenseDescriptors, FisherVectors, KmeansTriangle, VisualWords

_PACKAGES = {"cv2": "opencv-python-headless", "sklearn": "scikit-learn"}


def needed_library(module: str) -> ModuleType:
    """Return ``module``, for instance ``cv2`` or ``sklearn.mixture``.

    Raises:
        ReproduceError: the module is not installed, or a library that it needs is missing.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = _PACKAGES[module.partition(".")[0]]
        raise ReproduceError(f"{package} cannot be imported ({error}); run `pip install {package}`") from error


def library_versions(settings: KmeansTriangle | FisherVectors | VisualWords) -> dict[str, str]:
    """Return the versions of the libraries that decide an encoder's numbers, by the packages' names.

    torch encodes and multiplies, scipy fits every classifier, scikit-learn the dictionaries of descriptors, and OpenCV
    computes SIFT.

    Raises:
        ReproduceError: one that the encoder needs is missing.
    """
    found = {"torch": torch.__version__, "scipy": scipy.__version__}
    if isinstance(settings, DenseDescriptors):
        needed_library("sklearn.mixture")  # fails where scikit-learn is damaged, as sklearn alone does not
        found["scikit-learn"] = needed_library("sklearn").__version__
        if "sift" in settings.streams:
            found["opencv"] = needed_library("cv2").__version__
    return found
