"""The files of a finished run: run.json, history.csv, metrics.json, predictions.npz, arrays.npz."""

import io
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from reproduce.base.files import replacing_folder, write_bytes, write_json
from reproduce.base.provenance import utc_now
from reproduce.data.augment import to_input, view, view_offsets
from reproduce.data.pixel_neighbors import QUERIES
from reproduce.evaluate.activation_scales import activation_scales
from reproduce.evaluate.nearest_images import hidden_features, nearest_rows
from reproduce.evaluate.predict import is_among_first, scores
from reproduce.evaluate.real_labels import real_label_errors
from reproduce.models.network import Network
from reproduce.study.feature_variant import FeatureVariant
from reproduce.study.run_id import RunId
from reproduce.study.study import Study
from reproduce.study.variant import Variant
from reproduce.train.loop import Trainer
from reproduce.train.phase_end import TRAINING_ERRORS, epochs_to_reach

_FINAL_UPDATES = 30  # the final training loss is the mean over these, where the loss of every update is recorded
_MOST_CLASSES_STORED = 100  # probabilities of more classes would not fit a run's folder


@dataclass(frozen=True)
class Tested:
    """Test results of a trained network; ``probabilities``, (N, classes) float32, are by the variant's test views."""

    metrics: dict[str, Any]
    predictions: dict[str, np.ndarray]
    probabilities: np.ndarray
    seconds: float


def write_record(folder: Path, run: RunId, study: Study, trainer: Trainer, tested: Tested, meta: dict) -> None:
    """Write the run's folder whole.

    Args:
        folder: the run's folder; what is there stays until the new one is complete.
        run, study: the run and the study it belongs to.
        trainer: finished training.
        tested: what ``evaluate_trained`` returned.
        meta: digests, provenance and machine, taken when the run started.
    """
    variant, state = trainer.variant, trainer.state
    images = sum(row["images"] for row in state.history)
    times = {
        "training_seconds": round(state.seconds, 2),
        "evaluation_seconds": round(tested.seconds, 2),
        "images_per_second": round(images / state.seconds, 1),
    }
    description = run_description(run, study, variant, meta, times)
    with replacing_folder(folder) as staging:
        write_json(staging / "run.json", description)
        write_json(staging / "metrics.json", tested.metrics)
        history = pd.DataFrame(state.history).round({"seconds": 3}).drop(columns="images")
        write_bytes(staging / "history.csv", history.to_csv(index=False, float_format="%.6g").encode())
        write_bytes(staging / "predictions.npz", npz_bytes(tested.predictions))
        write_bytes(staging / "arrays.npz", npz_bytes(small_arrays(trainer)))
        if "activation_scales" in variant.diagnostics:
            scales = scales_before_and_after(trainer)
            write_bytes(staging / "activations.csv", scales.to_csv(index=False, float_format="%.6g").encode())


def run_description(
    run: RunId,
    study: Study,
    variant: Variant | FeatureVariant,
    meta: dict[str, Any],
    times: dict[str, float | None],
) -> dict[str, Any]:
    """Return the content of run.json: identity, configuration, provenance (``meta``), and times in seconds."""
    return {
        **run.identity(),
        "dataset": study.dataset,
        "scale": study.scale,
        "schedule": variant.schedule(run.epochs),
        "precision": variant.precision,
        "config": variant.resolved(),
        **meta,
        "finished_utc": utc_now(),
        **times,
        "status": "finished",
    }


def evaluate_trained(trainer: Trainer) -> Tested:
    """Test the network by the variant's test views and by the center view, and on training images by the center view.

    Every process must call this function; all get the same results.
    """
    started = time.perf_counter()
    data, views = trainer.data, trainer.variant.test_views
    center, labels = trainer.probabilities(data.test(), views=1)
    averaged = center if views == 1 else trainer.probabilities(data.test(), views)[0]
    test, test_center, training = scores(averaged, labels), scores(center, labels), trainer.evaluate(data.training())
    metrics = {
        "test_top1_error_percent": test.top1_error_percent,
        "test_center_top1_error_percent": test_center.top1_error_percent,
        "test_loss_nats": test.loss_nats,
        "training_top1_error_percent": training.top1_error_percent,
        "training_loss_nats": training.loss_nats,
        "test_images": len(labels),
        "views": views,
        "epochs": len(trainer.state.history),
        "updates": trainer.state.step,
    }
    validation = data.validation(trainer.phases[-1].training_files)
    if validation is not None:
        seen = trainer.evaluate(validation, views)
        metrics |= {"validation_top1_error_percent": seen.top1_error_percent, "validation_loss_nats": seen.loss_nats}
        metrics |= {"validation_top5_error_percent": seen.top5_error_percent} if data.reports_top5 else {}
    if data.reports_top5:
        metrics["test_top5_error_percent"] = test.top5_error_percent
        metrics["test_center_top5_error_percent"] = test_center.top5_error_percent
        images = data.test().images
        metrics |= real_label_errors(averaged, images.names, images.classes)
    metrics |= _epochs_to_target(trainer)
    if trainer.state.update_losses:
        metrics["final_training_loss_nats"] = float(np.mean(trainer.state.update_losses[-_FINAL_UPDATES:]))
    stored_as_hits = data.reports_top5 or averaged.shape[1] > _MOST_CLASSES_STORED
    predictions = _hits(averaged, center, labels) if stored_as_hits else _classes(averaged, center)
    return Tested(metrics, predictions, averaged.numpy(), time.perf_counter() - started)


def _epochs_to_target(trainer: Trainer) -> dict[str, float]:
    """Return the epochs that the running and the clean (test mode) training error took to the last phase's target.

    The result is empty where the last phase has no target (``until: training_error_reached``).
    """
    last, history = trainer.phases[-1], trainer.state.history
    if last.until != "training_error_reached":
        return {}
    columns = [column for column in TRAINING_ERRORS if column in history[0]]
    found = {column: epochs_to_reach(history, column, last.target_error_percent) for column in columns}
    target = f"{last.target_error_percent:g}"
    return {
        f"epochs_to_{target}_percent_{column.removesuffix('_percent')}": epochs
        for column, epochs in found.items()
        if epochs is not None
    }


def _classes(averaged: Tensor, center: Tensor) -> dict[str, np.ndarray]:
    """Return the predicted classes (N,) uint8 and the probabilities in 1/255 (N, classes) uint8."""
    return {
        "test_predicted": averaged.argmax(1).numpy().astype(np.uint8),
        "test_center_predicted": center.argmax(1).numpy().astype(np.uint8),
        "test_probabilities": (averaged * 255).round().numpy().astype(np.uint8),
    }


def _hits(averaged: Tensor, center: Tensor, labels: Tensor) -> dict[str, np.ndarray]:
    """Return whether each image's label is the first, or among the first five, one bit per image (numpy.packbits)."""
    kinds = {"test": averaged, "test_center": center}
    return {
        f"{kind}_top{first}_correct_bits": np.packbits(is_among_first(probabilities, labels, first).numpy())
        for kind, probabilities in kinds.items()
        for first in (1, 5)
    }


def small_arrays(trainer: Trainer) -> dict[str, np.ndarray]:
    """Return the first layer's weights, float16 (maps, channels, rows, columns), and the diagnostics' arrays.

    ``update_losses_nats``, float32, is the loss of every update. ``neighbor_rows``, uint16 (test images, 6), is the
    result of ``nearest_neighbors``.
    """
    first = trainer.network.weighted_layers()[0]
    arrays = {f"{first.settings.name}_weights": first.weight.detach().cpu().contiguous().numpy().astype(np.float16)}
    if "update_losses" in trainer.variant.diagnostics:
        arrays["update_losses_nats"] = np.array(trainer.state.update_losses, dtype=np.float32)
    if "nearest_neighbors" in trainer.variant.diagnostics:
        arrays["neighbor_rows"] = nearest_neighbors(trainer).astype(np.uint16)
    return arrays


def nearest_neighbors(trainer: Trainer) -> np.ndarray:
    """Return the rows of the six training images nearest to each of the first test images, nearest first.

    Distances are Euclidean, between outputs of the last hidden layer on center views (paper section 6.1). Rows count
    from 0 in the order of the training images that the variant reads, in all its files.
    """
    features = [
        hidden_features(trainer.network, images.batches(range(count)), lambda batch: _center_input(trainer, batch))
        for images, count in (
            (trainer.data.test(), min(QUERIES, len(trainer.data.test()))),
            (trainer.data.training(), len(trainer.data.training())),
        )
    ]
    return nearest_rows(*features)


def _center_input(trainer: Trainer, images: Tensor) -> Tensor:
    """Return the center of uint8 images (N, H, W, C) as the network reads it."""
    size = trainer.network.spec.input.size
    center = view(images, view_offsets(images.shape[1], size, 1)[0], size)
    return to_input(center, trainer.mean, trainer.dtype, None, trainer.deviation)


def scales_before_and_after(trainer: Trainer) -> pd.DataFrame:
    """Return each layer's activation scales on the first batch of training images, untrained and trained."""
    images, _ = next(iter(trainer.data.training().batches(range(trainer.variant.batch_size))))
    inputs = _center_input(trainer, images)
    untrained = Network(trainer.network.spec, trainer.seed).to(images.device)
    parts = {"before": untrained, "after": trainer.network}
    return pd.concat([activation_scales(network, inputs).assign(when=when) for when, network in parts.items()])


def npz_bytes(arrays: dict[str, np.ndarray]) -> bytes:
    """Return a compressed .npz whose bytes depend on the arrays alone (numpy's own writer adds the time)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.save(content, array, allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            archive.writestr(entry, content.getvalue(), zipfile.ZIP_DEFLATED, 9)
    return buffer.getvalue()
