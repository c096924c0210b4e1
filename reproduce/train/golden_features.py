"""A feature variant's numerics, as its golden file holds them: tiny dictionaries, features and scores.

The images are noise, and one thread computes. All sizes are small, but every constant is the variant's own.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from reproduce.base import draws
from reproduce.base.temporaries import TemporaryFolder
from reproduce.data.in_memory import ImageSet
from reproduce.features.encode_and_fit import FeatureData, run_pipeline
from reproduce.features.encoders import fitted_encoder, streams_of
from reproduce.features.kept_steps import KeptSteps
from reproduce.study.feature_variant import FeatureVariant

_IMAGES, _TEST_IMAGES, _SIDE, _CLASSES = 80, 10, 32, 4
_FEATURES_KEPT = 40
_SMALL = {
    "kmeans_triangle": {"centroids": 6, "patches": 400, "iterations": 3},
    "fisher_vectors": {"gaussians": 3, "components": 6, "sampled_descriptors": 4_000, "iterations": 5},
    "visual_words": {"words": 8, "components": 6, "sampled_descriptors": 4_000, "iterations": 5},
}
# Relative to the largest entry of a quantity. Dictionaries amplify rounding differences between processors, and SIFT
# is rounded to whole numbers, so these tolerances show gross changes and not changes in the last digits.
FEATURE_TOLERANCES = {"fp32": {"dictionary": 1e-2, "features": 1e-2, "scores": 5e-2}}


def _tiny_images() -> FeatureData:
    """Return noise images, coarse and fine; the fine noise is stronger the higher an image's class."""
    random = draws.generator(0, "golden images of features")
    count = _IMAGES + _TEST_IMAGES
    labels = random.integers(0, _CLASSES, size=count)
    coarse = random.integers(40, 200, size=(count, 8, 8, 3)).repeat(4, axis=1).repeat(4, axis=2)
    fine = random.integers(-20, 21, size=(count, _SIDE, _SIDE, 3)) * (1 + labels)[:, None, None, None]
    images = torch.from_numpy(np.clip(coarse + fine // 2, 0, 255).astype(np.uint8))
    sets = [ImageSet(images[part], torch.from_numpy(labels[part])) for part in (slice(_IMAGES), slice(_IMAGES, None))]
    return FeatureData(sets[0], labels[:_IMAGES], sets[1], labels[_IMAGES:], _CLASSES)


def _small(variant: FeatureVariant) -> FeatureVariant:
    encoder = variant.encoder.model_copy(update=_SMALL[variant.encoder.type])
    changes = {"encoder": encoder, "held_out": _IMAGES // 4, "costs": variant.costs[:2], "most_iterations": 20}
    return variant.model_copy(update=changes)


def _rounded(values: np.ndarray) -> list[float]:
    return [float(f"{value:.8g}") for value in np.asarray(values, dtype=np.float64).ravel()]


def feature_numerics(variant: FeatureVariant) -> dict[str, Any]:
    """Return the three parts (dictionary, features and scores) in fp32, computed by one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with TemporaryFolder("reproduce-golden-") as folder:
            return {"fp32": _parts(_small(variant), Path(folder))}
    finally:
        torch.set_num_threads(threads)


def _parts(small: FeatureVariant, folder: Path) -> dict[str, dict[str, list[float]]]:
    data, steps = _tiny_images(), KeptSteps(folder, "golden numerics")
    result = run_pipeline(small, data, 1, steps)
    features = {}
    for stream in streams_of(small.encoder):
        encoder = fitted_encoder(small.encoder, stream, data.training, 1, steps)
        encoded = encoder.encode(next(data.test.batches(range(2)))[0]).numpy()
        features[stream] = _rounded(
            np.concatenate([encoded[:, :_FEATURES_KEPT].ravel(), np.linalg.norm(encoded, axis=1)])
        )
    sizes = {
        f"norms of {stream} {name}": _rounded(np.linalg.norm(np.atleast_2d(array), axis=-1))
        for stream, arrays in result.dictionaries.items()
        for name, array in arrays.items()
    }
    scores = {stream: _rounded(found.test_scores) for stream, found in result.streams.items()}
    return {"dictionary": sizes, "features": features, "scores": scores}
