"""A run of a feature variant: dictionary, features and classifiers step by step, then the run's folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from reproduce.base.errors import InterruptedRunError
from reproduce.base.files import read_json, replacing_folder, write_bytes, write_json
from reproduce.data.ilsvrc.training import PackedData
from reproduce.data.in_memory import TrainingData
from reproduce.evaluate.predict import is_among_first
from reproduce.features.encode_and_fit import FeatureData, FeatureResult, check_needs, error_percent, run_pipeline
from reproduce.features.kept_steps import KeptSteps
from reproduce.features.libraries import library_versions
from reproduce.study.feature_variant import FeatureVariant
from reproduce.study.run_id import RunId
from reproduce.study.study import Study
from reproduce.train.record import npz_bytes, run_description
from reproduce.train.session import stop_requests

_CENTROIDS_KEPT = 64  # a sample, since all centroids would not fit a run's folder
_SESSIONS = "sessions.json"


@dataclass(frozen=True)
class FittedFeatures:
    """A run of a feature variant, fitted: result, data, seconds of all steps, and the sessions it took."""

    result: FeatureResult
    data: FeatureData
    seconds: float
    sessions: list[dict[str, Any]]


def fit_features(
    run: RunId, variant: FeatureVariant, data: TrainingData | PackedData, scratch: Path, session: dict[str, Any]
) -> FittedFeatures:
    """Take every step of ``run`` that no earlier session took.

    Args:
        run, variant: what is run.
        data: the data set.
        scratch: the folder that keeps the results of the run's steps. The caller holds the run's lock, and clears the
            folder at the end.
        session: commit, source and machine of this session.

    Raises:
        InterruptedRunError: SIGINT or SIGTERM came; the steps taken are kept.
        ImportError: a library that the encoder needs is missing.
        ReproduceError: too little memory or disk space, or a folder that cannot be written.
    """
    session = {**session, "libraries": library_versions(variant.encoder)}
    images = feature_data(data)
    with stop_requests() as stopped:

        def check() -> None:
            if stopped:
                raise InterruptedRunError(f"{run} stopped; the same command goes on from the last step")

        steps = KeptSteps(scratch, str(run), check)
        sessions = [*_sessions_gone_on_from(steps, session), session]
        check_needs(variant, images, steps)  # after the steps made with other libraries are cleared
        write_json(scratch / _SESSIONS, sessions)
        result = run_pipeline(variant, images, run.seed, steps)
    return FittedFeatures(result, images, steps.all_seconds(), sessions)


def _sessions_gone_on_from(steps: KeptSteps, session: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the earlier sessions whose steps are used; steps made with other versions of libraries are cleared."""
    path = steps.folder / _SESSIONS
    earlier = read_json(path) if path.is_file() else []
    if not earlier:
        return []
    made_with, now = earlier[-1].get("libraries"), session["libraries"]
    if made_with == now:
        print(f"{steps.name}: going on with the steps in {steps.folder}", flush=True)
        return earlier
    print(
        f"{steps.name}: the steps in {steps.folder} were made with {_words(made_with)}, and here are {_words(now)}; "
        "all steps are made anew",
        flush=True,
    )
    steps.clear()
    return []


def _words(libraries: dict[str, str] | None) -> str:
    return ", ".join(f"{name} {version}" for name, version in (libraries or {}).items()) or "unknown libraries"


def feature_data(data: TrainingData | PackedData) -> FeatureData:
    """Return the images that an encoder reads: those that a net's training error is measured on, and the test images.

    For ILSVRC the former are the first 50,000 training images, since the features of all would not fit a disk.
    """
    training, test = data.training(), data.test()
    labels = [np.asarray(part.labels, dtype=np.int64) for part in (training, test)]
    return FeatureData(training, labels[0], test, labels[1], data.classes)


def feature_metrics(fitted: FittedFeatures) -> dict[str, Any]:
    """Return the run's metrics: errors of the streams' mean scores, and of several streams each one's test error.

    ``held_out_top1_error_percent`` is the error of classifiers that were fitted without the held-out images.
    """
    data, streams = fitted.data, fitted.result.streams
    held_out = data.training_labels[-len(next(iter(streams.values())).held_out_scores) :]
    test_error = error_percent(_mean(streams, "test_scores"), data.test_labels)
    metrics = {
        "test_top1_error_percent": test_error,
        "test_center_top1_error_percent": test_error,
        "training_top1_error_percent": error_percent(_mean(streams, "training_scores"), data.training_labels),
        "held_out_top1_error_percent": error_percent(_mean(streams, "held_out_scores"), held_out),
        "test_images": len(data.test_labels),
        "views": 1,
        "epochs": 1,
    }
    if len(streams) > 1:
        for name, stream in streams.items():
            metrics[f"{name}_test_top1_error_percent"] = error_percent(stream.test_scores, data.test_labels)
    return metrics


def _mean(streams: dict[str, Any], scores: str) -> np.ndarray:
    return np.mean([getattr(stream, scores) for stream in streams.values()], axis=0)


def feature_predictions(fitted: FittedFeatures, as_hits: bool) -> dict[str, np.ndarray]:
    """Return the class predicted for each test image, uint8, by the streams' mean scores and by each stream.

    With ``as_hits``, return one bit per image for whether the label is the first class by mean score, and one for
    whether the label is among the first five.
    """
    streams, labels = fitted.result.streams, fitted.data.test_labels
    scores = _mean(streams, "test_scores")
    if as_hits:
        tensors = torch.from_numpy(scores), torch.from_numpy(labels)
        bits = {first: np.packbits(is_among_first(*tensors, first).numpy()) for first in (1, 5)}
        return {f"{kind}_top{first}_correct_bits": bits[first] for kind in ("test", "test_center") for first in (1, 5)}
    predicted = dict.fromkeys(("test_predicted", "test_center_predicted"), scores.argmax(1).astype(np.uint8))
    if len(streams) > 1:
        of_streams = {f"{name}_test_predicted": stream.test_scores.argmax(1) for name, stream in streams.items()}
        predicted |= {name: classes.astype(np.uint8) for name, classes in of_streams.items()}
    return predicted


def feature_arrays(variant: FeatureVariant, fitted: FittedFeatures) -> dict[str, np.ndarray]:
    """Return what is kept of the dictionaries: 64 centroids as float16 patches, or each Gaussian's share, float32."""
    kept = {}
    for stream, arrays in fitted.result.dictionaries.items():
        if "centroids" in arrays:
            side = variant.encoder.patch_side
            centroids = arrays["centroids"][:_CENTROIDS_KEPT].reshape(-1, 3, side, side)
            kept["centroid_weights"] = centroids.astype(np.float16)
        elif "shares" in arrays:
            kept[f"{stream}_gaussian_shares"] = arrays["shares"]
    return kept


def write_feature_record(
    folder: Path, run: RunId, study: Study, fitted: FittedFeatures, reports_top5: bool, meta: dict[str, Any]
) -> None:
    """Write the run's folder whole.

    Args:
        folder: the run's folder; what is there stays until the new one is complete.
        run, study: the run and the study it belongs to.
        fitted: what ``fit_features`` returned.
        reports_top5: whether top-5 errors are reported, and hits are kept instead of predicted classes.
        meta: digests, provenance and machine.
    """
    variant = study.variant(run.variant)
    times = {"training_seconds": round(fitted.seconds, 2), "evaluation_seconds": None, "images_per_second": None}
    metrics, predictions = feature_metrics(fitted), feature_predictions(fitted, reports_top5)
    if reports_top5:
        labels, scores = fitted.data.test_labels, _mean(fitted.result.streams, "test_scores")
        among = is_among_first(torch.from_numpy(scores), torch.from_numpy(labels), 5)
        error = 100 * (1 - float(among.double().mean()))
        metrics |= {"test_top5_error_percent": error, "test_center_top5_error_percent": error}
    history = pd.DataFrame([row for stream in fitted.result.streams.values() for row in stream.history])
    with replacing_folder(folder) as staging:
        write_json(staging / "run.json", run_description(run, study, variant, meta, times))
        write_json(staging / "metrics.json", metrics)
        rows = history.round({"seconds": 3}).to_csv(index=False, float_format="%.6g")
        write_bytes(staging / "history.csv", rows.encode())
        write_bytes(staging / "predictions.npz", npz_bytes(predictions))
        write_bytes(staging / "arrays.npz", npz_bytes(feature_arrays(variant, fitted)))
