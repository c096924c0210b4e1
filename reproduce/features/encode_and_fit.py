"""A feature variant from images to answers: dictionary, features, cost chosen on held-out images, final classifier."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from reproduce.base.errors import ReproduceError
from reproduce.features.encoders import (
    DescriptorDictionary,
    PatchDictionary,
    dimensions_of,
    fitted_encoder,
    streams_of,
)
from reproduce.features.kept_steps import KeptSteps, check_memory
from reproduce.features.patches import Images
from reproduce.features.svm import Limits, LinearClassifier, Scaling, decision_values, fit_scaling, fit_svm
from reproduce.study.feature_variant import FeatureVariant, KmeansTriangle

_TYPES = {"fp32": "float32", "fp16": "float16"}
_VECTORS_OF_LBFGS = 40  # float64 copies of the weights that scipy and the objective hold at most
_BASE_BYTES = 1 << 30  # torch, the images and all small arrays


@dataclass(frozen=True)
class FeatureData:
    """Training and test images with their labels, int64 (N,)."""

    training: Images
    training_labels: np.ndarray
    test: Images
    test_labels: np.ndarray
    classes: int


@dataclass(frozen=True)
class StreamResult:
    """Scores float32 (N, classes) of one stream's final classifier, and a history row for each cost tried."""

    training_scores: np.ndarray
    test_scores: np.ndarray
    held_out_scores: np.ndarray
    history: list[dict[str, Any]]


@dataclass(frozen=True)
class FeatureResult:
    """All streams of a run, and the dictionaries' arrays."""

    streams: dict[str, StreamResult]
    dictionaries: dict[str, dict[str, np.ndarray]]


def memory_bytes(variant: FeatureVariant, classes: int) -> int:
    """Return about the memory that a run takes at most; features stay on disk."""
    encoder = variant.encoder
    weights = 8 * _VECTORS_OF_LBFGS * dimensions_of(encoder) * classes
    if isinstance(encoder, KmeansTriangle):
        sampled = 4 * 4 * encoder.patches * 3 * encoder.patch_side**2  # float32, four copies
    else:
        sampled = 3 * 4 * encoder.sampled_descriptors * 128 + 4 * 4 * 500 * dimensions_of(encoder)
    return _BASE_BYTES + max(weights, sampled)


def run_pipeline(variant: FeatureVariant, data: FeatureData, seed: int, steps: KeptSteps) -> FeatureResult:
    """Return the scores of every stream, each step taken now or kept from an earlier session.

    Raises:
        ReproduceError: too little memory or disk space, a missing library, no more training images than are held out.
    """
    check_memory(memory_bytes(variant, data.classes), steps.name)
    streams, dictionaries = {}, {}
    for stream in streams_of(variant.encoder):
        encoder = fitted_encoder(variant.encoder, stream, data.training, seed, steps)
        dictionaries[stream] = encoder.arrays()
        streams[stream] = _classified(variant, data, stream, encoder, steps)
    return FeatureResult(streams, dictionaries)


def _encoded(
    variant: FeatureVariant,
    data: FeatureData,
    stream: str,
    encoder: PatchDictionary | DescriptorDictionary,
    steps: KeptSteps,
) -> np.ndarray:
    """Return the features on disk: those of the training images, then those of the test images."""
    training = len(data.training_labels)

    def encode(rows: range) -> np.ndarray:
        return torch.cat([encoder.encode(images) for images in _images(data, rows, training)]).numpy()

    shape = (training + len(data.test_labels), dimensions_of(variant.encoder))
    return steps.features(stream, shape, _TYPES[variant.storage], encode)


def _images(data: FeatureData, rows: range, training: int) -> list[Tensor]:
    parts = (
        (data.training, range(rows.start, min(rows.stop, training))),
        (data.test, range(max(rows.start, training) - training, rows.stop - training)),
    )
    return [images for source, part in parts if len(part) for images, _ in source.batches(part)]


def _classified(
    variant: FeatureVariant,
    data: FeatureData,
    stream: str,
    encoder: PatchDictionary | DescriptorDictionary,
    steps: KeptSteps,
) -> StreamResult:
    """Return one stream's scores. Its features are dropped then: later sessions find every step that read them."""
    step = f"{stream}_final"
    features = None if steps.is_kept(step) else _encoded(variant, data, stream, encoder, steps)
    tried = _tried_costs(variant, data, stream, features, steps)
    chosen = min(range(len(tried)), key=lambda number: tried[number].row["held_out_error_percent"])

    kept = steps.arrays(step, lambda: _final(variant, data, stream, features, chosen, tried[chosen].weights, steps))
    steps.drop_features(stream)
    final_row = _row(stream, variant.costs[chosen], kept["training_scores"], data.training_labels, kept, steps, step)
    history = [each.row | {"is_chosen": number == chosen} for number, each in enumerate(tried)]
    history.append(final_row | {"is_chosen": True})
    return StreamResult(kept["training_scores"], kept["test_scores"], tried[chosen].held_out_scores, history)


def _final(
    variant: FeatureVariant,
    data: FeatureData,
    stream: str,
    features: np.ndarray,
    chosen: int,
    start: np.ndarray,
    steps: KeptSteps,
) -> dict[str, np.ndarray]:
    """Return the scores of a classifier fitted to all training images at the cost of that number."""
    everything = range(len(data.training_labels))
    test = range(len(everything), len(everything) + len(data.test_labels))
    scaling = _scaling(variant, features, everything)
    with steps.progress(f"{stream} classifier of all images", variant.most_iterations, "rounds") as advance:
        final = _fit(variant, data, features, everything, scaling, variant.costs[chosen], start, advance)
    rows = {"training_scores": everything, "test_scores": test}
    scores = {name: decision_values(final, features, part, scaling) for name, part in rows.items()}
    return {**scores, "iterations": np.array(final.iterations)}


@dataclass(frozen=True)
class _Tried:
    """One cost tried: its history row, weights, and the scores of the images held out."""

    row: dict[str, Any]
    weights: np.ndarray
    held_out_scores: np.ndarray


def _tried_costs(
    variant: FeatureVariant, data: FeatureData, stream: str, features: np.ndarray | None, steps: KeptSteps
) -> list[_Tried]:
    """Return every cost tried, rising, each fit starting from the one before; ``features`` is None where all are kept.

    Raises:
        ReproduceError: as many images are held out as there are.
    """
    images = len(data.training_labels)
    if variant.held_out >= images:
        raise ReproduceError(f"held_out: {variant.held_out} leaves none of {images} images; correct study.yaml")
    fitted, held_out = range(images - variant.held_out), range(images - variant.held_out, images)
    tried: list[_Tried] = []
    for number, cost in enumerate(variant.costs):
        start = tried[-1].weights if tried else None

        def fit(cost: float = cost, start: np.ndarray | None = start) -> dict[str, np.ndarray]:
            scaling = _scaling(variant, features, fitted)
            with steps.progress(f"{stream} classifier, cost {cost:g}", variant.most_iterations, "rounds") as advance:
                found = _fit(variant, data, features, fitted, scaling, cost, start, advance)
            return {
                "weights": found.weights,
                "iterations": np.array(found.iterations),
                "fitted_scores": decision_values(found, features, fitted, scaling),
                "held_out_scores": decision_values(found, features, held_out, scaling),
            }

        step = f"{stream}_cost{number + 1}"
        kept = steps.arrays(step, fit)
        row = _row(stream, cost, kept["fitted_scores"], data.training_labels, kept, steps, step)
        row["held_out_error_percent"] = error_percent(kept["held_out_scores"], data.training_labels[held_out.start :])
        tried.append(_Tried(row, kept["weights"], kept["held_out_scores"]))
    return tried


def _row(
    stream: str,
    cost: float,
    scores: np.ndarray,
    labels: np.ndarray,
    kept: dict[str, np.ndarray],
    steps: KeptSteps,
    step: str,
) -> dict[str, Any]:
    """Return the history row of a fit; ``scores`` are of the images fitted to."""
    return {
        "epoch": 1,
        "stream": stream,
        "cost": cost,
        "images": len(scores),
        "iterations": int(kept["iterations"]),
        "training_error_percent": error_percent(scores, labels[: len(scores)]),
        "held_out_error_percent": None,
        "seconds": steps.seconds(step),
    }


def _scaling(variant: FeatureVariant, features: np.ndarray, rows: range) -> Scaling | None:
    return fit_scaling(features, rows) if variant.standardized else None


def _fit(
    variant: FeatureVariant,
    data: FeatureData,
    features: np.ndarray,
    rows: range,
    scaling: Scaling | None,
    cost: float,
    start: np.ndarray | None,
    advance: Callable[[], None],
) -> LinearClassifier:
    limits = Limits(variant.most_iterations, variant.tolerance, variant.patience)
    return fit_svm(features, data.training_labels, rows, cost, scaling, data.classes, limits, start, advance)


def error_percent(scores: np.ndarray, labels: np.ndarray) -> float:
    """Return the percentage of images whose largest score is not their label's; scores (N, classes), labels (N,)."""
    return 100 * float(np.mean(scores.argmax(1) != labels))
