"""The encoder of each stream (``patches``, ``sift``, ``color``): a fitted dictionary that makes features of images."""

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from reproduce.base import draws
from reproduce.features.descriptors import Grid, dense_grid, descriptors_of
from reproduce.features.fisher import fisher_vectors
from reproduce.features.kept_steps import KeptSteps
from reproduce.features.kmeans import kmeans, quadrant_sums, triangle_activation
from reproduce.features.mixture import Mixture, Projection, fit_mixture, fit_projection
from reproduce.features.patches import (
    Images,
    Whitening,
    all_patches,
    contrast_normalized,
    fit_whitening,
    random_patches,
)
from reproduce.features.visual_words import word_vectors
from reproduce.study.feature_variant import DenseDescriptors, FisherVectors, KmeansTriangle, VisualWords

Settings = KmeansTriangle | FisherVectors | VisualWords
_REGIONS = 5  # the whole image and its quadrants
_INITIAL_DEVIATION = 0.1  # of the centroids, in whitened units: released code of Coates, Lee & Ng
_IMAGES_AT_ONCE = 10  # whitened together: 1,600 distances at each of 729 places take 5 MB per image
_IMAGES_DESCRIBED_AT_ONCE = 50  # an image's gradients take 0.2 MB, so those of a whole batch do not fit the cache


@dataclass(frozen=True)
class PatchDictionary:
    """Whitening and centroids float32 (K, D) of patches."""

    settings: KmeansTriangle
    whitening: Whitening
    centroids: Tensor

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays that ``of`` rebuilds the dictionary from."""
        parts = {"mean": self.whitening.mean, "matrix": self.whitening.matrix, "centroids": self.centroids}
        return {name: part.numpy() for name, part in parts.items()}

    @classmethod
    def of(cls, settings: KmeansTriangle, arrays: dict[str, np.ndarray]) -> "PatchDictionary":
        """Return the dictionary whose method ``arrays`` gave ``arrays``."""
        mean, matrix, centroids = (torch.from_numpy(arrays[name]) for name in ("mean", "matrix", "centroids"))
        return cls(settings, Whitening(mean, matrix), centroids)

    def encode(self, images: Tensor) -> Tensor:
        """Return the features of images uint8 (N, H, W, C), float32 (N, 4 K)."""
        return torch.cat([self._encode(part) for part in images.split(_IMAGES_AT_ONCE)])

    def _encode(self, images: Tensor) -> Tensor:
        patches = contrast_normalized(all_patches(images, self.settings.patch_side), self.settings.contrast_constant)
        active = triangle_activation(self.whitening(patches.flatten(0, 2)), self.centroids)
        return quadrant_sums(active.view(*patches.shape[:3], -1))


def fit_patch_dictionary(settings: KmeansTriangle, images: Images, seed: int, steps: KeptSteps) -> PatchDictionary:
    """Return the dictionary of drawn patches: contrast and whitening, then k-means from small Gaussian centroids."""
    drawn = random_patches(images, settings.patches, settings.patch_side, seed)
    patches = contrast_normalized(drawn, settings.contrast_constant)
    whitening = fit_whitening(patches, settings.whitening_constant)
    whitened = whitening(patches)
    shape = (settings.centroids, whitened.shape[1])
    initial = draws.gaussian(seed, "initial centroids", shape, _INITIAL_DEVIATION)
    with steps.progress("k-means", settings.iterations, "rounds") as advance:
        centroids = kmeans(whitened, initial, settings.iterations, advance)
    return PatchDictionary(settings, whitening, centroids)


@dataclass(frozen=True)
class DescriptorDictionary:
    """Principal components of one stream's descriptors, with a mixture of Gaussians or words float32 (K, d) in them."""

    settings: FisherVectors | VisualWords
    stream: str
    projection: Projection
    code: Mixture | Tensor

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays that ``of`` rebuilds the dictionary from."""
        parts = {"mean": self.projection.mean, "components": self.projection.components}
        if isinstance(self.code, Mixture):
            parts |= {field.name: getattr(self.code, field.name) for field in fields(Mixture)}
        else:
            parts["words"] = self.code
        return {name: part.numpy() for name, part in parts.items()}

    @classmethod
    def of(
        cls, settings: FisherVectors | VisualWords, stream: str, arrays: dict[str, np.ndarray]
    ) -> "DescriptorDictionary":
        """Return the dictionary whose method ``arrays`` gave ``arrays``."""
        kept = {name: torch.from_numpy(array) for name, array in arrays.items()}
        code = kept["words"] if "words" in kept else Mixture(*(kept[field.name] for field in fields(Mixture)))
        return cls(settings, stream, Projection(kept["mean"], kept["components"]), code)

    def encode(self, images: Tensor) -> Tensor:
        """Return the features of images uint8 (N, H, W, 3), float32 (N, D)."""
        return torch.cat([self._encode(part) for part in images.split(_IMAGES_DESCRIBED_AT_ONCE)])

    def _encode(self, images: Tensor) -> Tensor:
        grid = _grid(self.settings, images)
        described = self.projection(descriptors_of(self.stream, self.settings.sift_sigma)(images, grid))
        regions = torch.from_numpy(grid.quadrants())
        coded = fisher_vectors if isinstance(self.code, Mixture) else word_vectors
        return coded(described, self.code, regions)


def _grid(settings: DenseDescriptors, images: Tensor) -> Grid:
    return dense_grid(images.shape[1], settings.patch_sides, settings.grid_step)


def sampled_descriptors(settings: DenseDescriptors, stream: str, images: Images, seed: int) -> Tensor:
    """Return drawn descriptors of training images, float32 (at most ``sampled_descriptors``, D).

    A quarter of each batch's descriptors is drawn, until there are enough.
    """
    describe = descriptors_of(stream, settings.sift_sigma)
    found: list[Tensor] = []
    for number, batch in _sampled_images(settings, images, seed):
        described = describe(batch, _grid(settings, batch)).flatten(0, 1)
        random = draws.generator(seed, f"sampled {stream} descriptors", number)
        chosen = random.permutation(len(described))[: max(1, len(described) // 4)]
        found.append(described[torch.from_numpy(np.sort(chosen))])
        if sum(map(len, found)) >= settings.sampled_descriptors:
            break
    return torch.cat(found)[: settings.sampled_descriptors]


def _sampled_images(settings: DenseDescriptors, images: Images, seed: int) -> Iterator[tuple[int, Tensor]]:
    """Yield batches of training images, uint8 (n, H, W, 3), each with a number: in order, or single images as drawn."""
    if settings.sampled_from == "first_images":
        for number, (batch, _) in enumerate(images.batches(range(len(images)))):
            yield number, batch
        return
    # The draw does not depend on the stream, so the dictionaries of SIFT and of color see the same images.
    for row in draws.generator(seed, "images of descriptors").permutation(len(images)).tolist():
        yield row, next(iter(images.batches(range(row, row + 1))))[0]


def fit_descriptor_dictionary(
    settings: FisherVectors | VisualWords, stream: str, images: Images, seed: int, steps: KeptSteps
) -> DescriptorDictionary:
    """Return the principal components of drawn descriptors, and the mixture or the words fitted to them."""
    drawn = sampled_descriptors(settings, stream, images, seed)
    steps.check()
    projection = fit_projection(drawn, settings.components)
    described = projection(drawn)
    if isinstance(settings, FisherVectors):
        code: Mixture | Tensor = fit_mixture(described, settings.gaussians, settings.iterations, seed)
    else:
        start = draws.generator(seed, f"initial {stream} words").permutation(len(described))[: settings.words]
        with steps.progress("k-means", settings.iterations, "rounds") as advance:
            code = kmeans(described, described[torch.from_numpy(start)], settings.iterations, advance)
    return DescriptorDictionary(settings, stream, projection, code)


Encoder = PatchDictionary | DescriptorDictionary


def streams_of(settings: Settings) -> list[str]:
    """Return the names of an encoder's streams."""
    return ["patches"] if isinstance(settings, KmeansTriangle) else list(settings.streams)


def dimensions_of(settings: Settings) -> int:
    """Return the number of features of one stream."""
    if isinstance(settings, KmeansTriangle):
        return 4 * settings.centroids
    if isinstance(settings, FisherVectors):
        return _REGIONS * 2 * settings.gaussians * settings.components
    return _REGIONS * settings.words


def fitted_encoder(settings: Settings, stream: str, images: Images, seed: int, steps: KeptSteps) -> Encoder:
    """Return the dictionary of a stream, fitted now or by an earlier session.

    Raises:
        ReproduceError: a library is missing, or a file of kept arrays cannot be read or written.
    """
    step = f"{stream}_dictionary"
    if isinstance(settings, KmeansTriangle):
        kept = steps.arrays(step, lambda: fit_patch_dictionary(settings, images, seed, steps).arrays())
        return PatchDictionary.of(settings, kept)
    kept = steps.arrays(step, lambda: fit_descriptor_dictionary(settings, stream, images, seed, steps).arrays())
    return DescriptorDictionary.of(settings, stream, kept)
