"""The versions of the libraries that an encoder's numbers depend on."""

import scipy
import torch

from reproduce.study.feature_variant import DenseDescriptors, FisherVectors, KmeansTriangle, VisualWords


def library_versions(settings: KmeansTriangle | FisherVectors | VisualWords) -> dict[str, str]:
    """Return the versions of the libraries that decide an encoder's numbers, by the packages' names.

    torch encodes and multiplies, scipy fits every classifier, scikit-learn the dictionaries of descriptors, and OpenCV
    computes SIFT. The last two are imported where they are used, since that takes a second and few runs use them.

    Raises:
        ImportError: one that the encoder needs is missing or damaged; the command line says so in one line.
    """
    found = {"torch": torch.__version__, "scipy": scipy.__version__}
    if isinstance(settings, DenseDescriptors):
        import sklearn.mixture  # fails where scikit-learn is damaged, as sklearn alone does not

        found["scikit-learn"] = sklearn.__version__
        if "sift" in settings.streams:
            import cv2

            found["opencv"] = cv2.__version__
    return found
