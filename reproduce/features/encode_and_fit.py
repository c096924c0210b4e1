"""A feature variant from images to scores: dictionary, features, cost chosen on held-out images, final classifier."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from reproduce.base.errors import ReproduceError
from reproduce.features.encoders import Encoder, dimensions_of, fitted_encoder, streams_of
from reproduce.features.kept_steps import KeptSteps, check_memory
from reproduce.features.patches import Images
from reproduce.features.svm import Limits, decision_values, fit_scaling, fit_svm
from reproduce.study.feature_variant import FeatureVariant, KmeansTriangle

_TYPES = {"fp32": "float32", "fp16": "float16"}
_VECTORS_OF_LBFGS = 20  # float64 copies of the weights that scipy and the objective hold beside the correction pairs
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
    """Scores float32 (N, classes) of one stream (one kind of descriptor), and one history row per fit.

    Training and test scores are those of the final classifier, fitted to all training images. The held-out scores come
    from the fit with the chosen cost, which did not see those images.
    """

    training_scores: np.ndarray
    test_scores: np.ndarray
    held_out_scores: np.ndarray
    history: list[dict[str, Any]]


@dataclass(frozen=True)
class FeatureResult:
    """The results of a run by stream, and the arrays of each stream's dictionary."""

    streams: dict[str, StreamResult]
    dictionaries: dict[str, dict[str, np.ndarray]]


def memory_bytes(variant: FeatureVariant, classes: int) -> int:
    """Return an estimate of the most memory that a run takes, in bytes; features stay on disk."""
    encoder = variant.encoder
    weights = 8 * (_VECTORS_OF_LBFGS + 2 * variant.correction_pairs) * dimensions_of(encoder) * classes
    if isinstance(encoder, KmeansTriangle):
        sampled = 4 * 4 * encoder.patches * 3 * encoder.patch_side**2  # float32, four copies
    else:
        sampled = 3 * 4 * encoder.sampled_descriptors * 128 + 4 * 4 * 500 * dimensions_of(encoder)
    return _BASE_BYTES + max(weights, sampled)


def check_needs(variant: FeatureVariant, data: FeatureData, steps: KeptSteps) -> None:
    """Check that images, memory and disk space suffice, before anything is written.

    Raises:
        ReproduceError: every training image would be held out, or there is too little memory or disk space.
    """
    images = len(data.training_labels)
    if variant.held_out >= images:
        raise ReproduceError(f"held_out: {variant.held_out} leaves none of {images} images to fit; correct study.yaml")
    check_memory(memory_bytes(variant, data.classes), steps.name)
    for stream in streams_of(variant.encoder):
        if not steps.is_kept(f"{stream}_final"):
            steps.check_disk(stream, _shape(variant, data), _TYPES[variant.storage])


def run_pipeline(variant: FeatureVariant, data: FeatureData, seed: int, steps: KeptSteps) -> FeatureResult:
    """Return the scores of every stream; steps that an earlier session kept are not computed again.

    Raises:
        ReproduceError: too little disk space.
    """
    streams, dictionaries = {}, {}
    for stream in streams_of(variant.encoder):
        encoder = fitted_encoder(variant.encoder, stream, data.training, seed, steps)
        dictionaries[stream] = encoder.arrays()
        streams[stream] = _classified(variant, data, stream, encoder, steps)
    return FeatureResult(streams, dictionaries)


def _classified(
    variant: FeatureVariant, data: FeatureData, stream: str, encoder: Encoder, steps: KeptSteps
) -> StreamResult:
    """Return one stream's scores and delete its features, since every step that reads them is kept by then."""
    features = None if steps.is_kept(f"{stream}_final") else _encoded(variant, data, stream, encoder, steps)
    fits = _Fits(variant, data, stream, features, steps)
    tried = fits.tried_costs()
    chosen = min(range(len(tried)), key=lambda number: tried[number].row["held_out_error_percent"])
    kept, final_row = fits.final(variant.costs[chosen], tried[chosen].weights)
    steps.drop_features(stream)
    history = [each.row | {"is_chosen": number == chosen} for number, each in enumerate(tried)]
    history.append(final_row | {"is_chosen": True})
    return StreamResult(kept["training_scores"], kept["test_scores"], tried[chosen].held_out_scores, history)


def _encoded(variant: FeatureVariant, data: FeatureData, stream: str, encoder: Encoder, steps: KeptSteps) -> np.ndarray:
    """Return the features on disk, (images, dimensions): the training images first, then the test images."""
    training = len(data.training_labels)

    def encode(rows: range) -> np.ndarray:
        return torch.cat([encoder.encode(images) for images in _images(data, rows, training)]).numpy()

    return steps.features(stream, _shape(variant, data), _TYPES[variant.storage], encode)


def _shape(variant: FeatureVariant, data: FeatureData) -> tuple[int, int]:
    return len(data.training_labels) + len(data.test_labels), dimensions_of(variant.encoder)


def _images(data: FeatureData, rows: range, training: int) -> list[Tensor]:
    parts = (
        (data.training, range(rows.start, min(rows.stop, training))),
        (data.test, range(max(rows.start, training) - training, rows.stop - training)),
    )
    return [images for source, part in parts if len(part) for images, _ in source.batches(part)]


@dataclass(frozen=True)
class _Tried:
    """The fit with one cost: its history row, its weights, and the scores of the images held out."""

    row: dict[str, Any]
    weights: np.ndarray
    held_out_scores: np.ndarray


@dataclass(frozen=True)
class _Fits:
    """The fits of one stream's classifier; ``features`` is None where an earlier session kept all of them."""

    variant: FeatureVariant
    data: FeatureData
    stream: str
    features: np.ndarray | None
    steps: KeptSteps

    def tried_costs(self) -> list[_Tried]:
        """Return the fit with each cost, in rising order; each starts from the weights of the fit before."""
        images = len(self.data.training_labels)
        fitted, held_out = range(images - self.variant.held_out), range(images - self.variant.held_out, images)
        tried: list[_Tried] = []
        for number, cost in enumerate(self.variant.costs, 1):
            start, parts = tried[-1].weights if tried else None, {"fitted": fitted, "held_out": held_out}
            kept, row = self._kept(f"cost{number}", cost, fitted, start, parts)
            wrong = error_percent(kept["held_out_scores"], self.data.training_labels[held_out.start :])
            tried.append(_Tried(row | {"held_out_error_percent": wrong}, kept["weights"], kept["held_out_scores"]))
        return tried

    def final(self, cost: float, start: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return the arrays and the history row of the classifier that is fitted to all training images."""
        everything = range(len(self.data.training_labels))
        test = range(len(everything), len(everything) + len(self.data.test_labels))
        return self._kept("final", cost, everything, start, {"training": everything, "test": test})

    def _kept(
        self, step: str, cost: float, rows: range, start: np.ndarray | None, parts: dict[str, range]
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return the arrays of a fit to ``rows`` (weights, and the scores of each of ``parts``), and its history row.

        The first of ``parts`` must be ``rows``.
        """
        name = f"{self.stream}_{step}"
        kept = self.steps.arrays(name, lambda: self._fit(cost, rows, start, parts))
        scores = kept[f"{next(iter(parts))}_scores"]
        row = {
            "epoch": 1,
            "stream": self.stream,
            "cost": cost,
            "images": len(rows),
            "iterations": int(kept["iterations"]),
            "stopped_by": str(kept["stopped_by"]),
            "training_error_percent": error_percent(scores, self.data.training_labels[: len(rows)]),
            "held_out_error_percent": None,
            "seconds": self.steps.seconds(name),
        }
        return kept, row

    def _fit(
        self, cost: float, rows: range, start: np.ndarray | None, parts: dict[str, range]
    ) -> dict[str, np.ndarray]:
        variant, what = self.variant, f"{self.stream} classifier of {len(rows):,} images, cost {cost:g}"
        scaling = fit_scaling(self.features, rows) if variant.standardized else None
        limits = Limits(variant.most_iterations, variant.tolerance, variant.patience, variant.correction_pairs)
        with self.steps.progress(what, variant.most_iterations, "rounds") as advance:
            labels, classes = self.data.training_labels, self.data.classes
            found = fit_svm(self.features, labels, rows, cost, scaling, classes, limits, start, advance)
        scores = {
            f"{name}_scores": decision_values(found, self.features, part, scaling) for name, part in parts.items()
        }
        ended = {"iterations": np.array(found.iterations), "stopped_by": np.array(found.stopped_by)}
        return {"weights": found.weights, **ended, **scores}


def error_percent(scores: np.ndarray, labels: np.ndarray) -> float:
    """Return the percentage of images whose largest score is not their label's; scores (N, classes), labels (N,)."""
    return 100 * float(np.mean(scores.argmax(1) != labels))
