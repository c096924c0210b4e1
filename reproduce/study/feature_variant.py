"""Variants with an encoder and a linear classifier, as was usual before deep networks."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from reproduce.base.errors import ReproduceError
from reproduce.base.files import json_digest
from reproduce.base.validation import Strict, Whole, later, without_later_defaults

Positive = Annotated[float, Field(gt=0)]


class KmeansTriangle(Strict):
    """The encoder of Coates, Lee & Ng (AISTATS 2011): a k-means dictionary of whitened patches.

    Attributes:
        centroids: number of centroids in the dictionary; an image has four times as many features.
        patch_side: side of a patch, in pixels.
        patches: number of patches drawn for whitening and k-means.
        contrast_constant: added to a patch's variance, in squared gray levels.
        whitening_constant: added to the eigenvalues of the patches' covariance.
        iterations: number of iterations of k-means.
    """

    type: Literal["kmeans_triangle"]
    centroids: Whole
    patch_side: Whole
    patches: Whole
    contrast_constant: Positive
    whitening_constant: Positive
    iterations: Whole


class DenseDescriptors(Strict):
    """Descriptors on a grid, in principal components.

    Attributes:
        streams: kinds of descriptor. Each kind has a classifier of its own, and the classifiers' scores are averaged.
        patch_sides: sides of the patches, in pixels, each a multiple of 4.
        grid_step: pixels from one patch to the next.
        components: number of principal components kept of each descriptor.
        sampled_descriptors: number of descriptors drawn from the training images to fit components and dictionary.
        iterations: number of iterations of the dictionary's fit.
        sampled_from: ``first_images`` reads training images from the front until enough descriptors are drawn, so that
            every seed sees the same images; ``all_images`` reads images that the seed draws (deviation D69).
        sift_sigma: blur in pixels that OpenCV's SIFT brings an image to before it takes gradients. OpenCV assumes that
            the image already has a blur of 0.5, so the value 0.5 adds none. OpenCV's default is 1.6 (deviation D51).
    """

    streams: Annotated[list[Literal["sift", "color"]], Field(min_length=1)]
    patch_sides: Annotated[list[Whole], Field(min_length=1)]
    grid_step: Whole
    components: Whole
    sampled_descriptors: Whole
    iterations: Whole
    sampled_from: Literal["first_images", "all_images"] = later("first_images")
    sift_sigma: Positive = later(1.6)


class FisherVectors(DenseDescriptors):
    """Improved Fisher vectors of the whole image and its quadrants (Perronnin, Sanchez & Mensink, ECCV 2010)."""

    type: Literal["fisher_vectors"]
    gaussians: Whole


class VisualWords(DenseDescriptors):
    """Counts of descriptors by the nearest of ``words`` k-means centroids, in the whole image and its quadrants."""

    type: Literal["visual_words"]
    words: Whole


class FeatureVariant(Strict):
    """An encoder and a linear L2-SVM, one against all; in study.yaml such a variant has the key ``encoder``.

    Attributes:
        encoder: computes features from images.
        precision: number format of features and products; sums and weights are float64.
        storage: number format of the features on disk.
        standardized: whether each feature gets mean 0 and variance 1 over the images fitted to.
        held_out: number of training images, taken from the end, on which the cost is chosen. The final fit is to all
            training images.
        costs: costs tried, in rising order; each multiplies the mean squared hinge loss.
        most_iterations: most iterations of L-BFGS at each cost; each fit starts from the weights of the previous cost.
        tolerance: L-BFGS stops once the objective falls by less than this part of its value.
        patience: number of iterations in a row whose falls must be this small before L-BFGS stops. With 1 a fit may
            stop near the weights that it starts from, since the first step of L-BFGS is short (deviation D54).
        correction_pairs: pairs of steps and gradients' changes that L-BFGS keeps; scipy's default is 10.
    """

    encoder: Annotated[KmeansTriangle | FisherVectors | VisualWords, Field(discriminator="type")]
    precision: Literal["fp32"]
    storage: Literal["fp32", "fp16"]
    standardized: bool
    held_out: Whole
    costs: Annotated[list[Positive], Field(min_length=1)]
    most_iterations: Whole
    tolerance: Positive
    patience: Whole = later(1)
    correction_pairs: Whole = later(10)

    @model_validator(mode="after")
    def _costs_rise(self) -> "FeatureVariant":
        if sorted(set(self.costs)) != self.costs:
            raise ValueError(
                f"costs must rise, not be {self.costs}: each fit starts from the weights of the previous cost"
            )
        return self

    def full_epochs(self) -> int:
        """Return 1: the training images are read once."""
        return 1

    def schedule(self, epochs: int) -> str:
        """Return ``full``; there is no other length.

        Raises:
            ReproduceError: ``epochs`` is not 1.
        """
        self.check_length(epochs)
        return "full"

    def check_length(self, epochs: int) -> None:
        """Check a run's length.

        Raises:
            ReproduceError: ``epochs`` is not 1.
        """
        if epochs != 1:
            raise ReproduceError(f"an encoder reads the training images once, not {epochs} times; ask for 1 epoch")

    def resolved(self) -> dict[str, Any]:
        """Return everything that decides the numbers, as plain data.

        Fields declared by ``later`` are left out at their defaults.
        """
        encoder = without_later_defaults(self.encoder, self.encoder.model_dump())
        return {**without_later_defaults(self, self.model_dump()), "encoder": encoder}

    def digest(self) -> str:
        """Return the SHA-256 of ``resolved()``."""
        return json_digest(self.resolved())
