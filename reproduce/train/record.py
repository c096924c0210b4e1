"""What a finished run leaves: run.json, history.csv, metrics.json, predictions.npz, arrays.npz, in one folder."""

import io
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from reproduce.config import RunId, Study
from reproduce.evaluate.predict import class_probabilities, scores
from reproduce.files import replacing_folder, write_bytes, write_json
from reproduce.provenance import utc_now
from reproduce.train.loop import Trainer


def write_record(folder: Path, run: RunId, study: Study, trainer: Trainer, meta: dict[str, Any]) -> None:
    """Test the trained network and write the run's folder whole.

    Args:
        folder: the run's folder; what is there stays until the new one is complete.
        run, study: the run and the study it belongs to.
        trainer: finished training.
        meta: digests, provenance and machine, taken when the run started.
    """
    started = time.perf_counter()
    metrics, predictions = evaluate_run(trainer)
    evaluation_seconds = time.perf_counter() - started
    variant, state = trainer.variant, trainer.state
    images = sum(row["images"] for row in state.history)
    description = {
        "run_id": str(run),
        "study": run.study,
        "variant": run.variant,
        "epochs": run.epochs,
        "seed": run.seed,
        "dataset": study.dataset,
        "scale": study.scale,
        "schedule": variant.schedule(run.epochs),
        "precision": variant.precision,
        "config": variant.resolved(),
        **meta,
        "finished_utc": utc_now(),
        "training_seconds": round(state.seconds, 2),
        "evaluation_seconds": round(evaluation_seconds, 2),
        "images_per_second": round(images / state.seconds, 1),
        "status": "finished",
    }
    with replacing_folder(folder) as staging:
        write_json(staging / "run.json", description)
        write_json(staging / "metrics.json", metrics)
        history = pd.DataFrame(state.history).round({"seconds": 3}).drop(columns="images")
        write_bytes(staging / "history.csv", history.to_csv(index=False, float_format="%.6g").encode())
        write_bytes(staging / "predictions.npz", npz_bytes(predictions))
        write_bytes(staging / "arrays.npz", npz_bytes(small_arrays(trainer)))


def evaluate_run(trainer: Trainer) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return the run's metrics and its predictions on the test set by the variant's protocol and by the center view."""
    data, variant = trainer.data, trainer.variant
    settings = trainer.mean, trainer.dtype
    center = class_probabilities(trainer.network, data.test_images, *settings, views=1)
    views = variant.test_views
    averaged = center if views == 1 else class_probabilities(trainer.network, data.test_images, *settings, views=views)
    test, test_center = scores(averaged, data.test_labels), scores(center, data.test_labels)
    training = trainer.evaluate_files([1, 2, 3, 4, 5])
    metrics = {
        "test_top1_error_percent": test.top1_error_percent,
        "test_center_top1_error_percent": test_center.top1_error_percent,
        "test_loss_nats": test.loss_nats,
        "training_top1_error_percent": training.top1_error_percent,
        "training_loss_nats": training.loss_nats,
        "test_images": len(data.test_labels),
        "views": views,
        "epochs": len(trainer.state.history),
        "updates": trainer.state.step,
    }
    predictions = {
        "test_predicted": averaged.argmax(1).to("cpu").numpy().astype(np.uint8),
        "test_center_predicted": center.argmax(1).to("cpu").numpy().astype(np.uint8),
        "test_probabilities": (averaged * 255).round().to("cpu").numpy().astype(np.uint8),
    }
    return metrics, predictions


def small_arrays(trainer: Trainer) -> dict[str, np.ndarray]:
    """Return the first layer's weights as float16, (maps, channels, rows, columns)."""
    first = trainer.network.weighted_layers()[0]
    return {f"{first.settings.name}_weights": first.weight.detach().cpu().contiguous().numpy().astype(np.float16)}


def npz_bytes(arrays: dict[str, np.ndarray]) -> bytes:
    """Return a compressed .npz whose bytes depend on the arrays alone (numpy's own writes the time)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.save(content, array, allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            archive.writestr(entry, content.getvalue(), zipfile.ZIP_DEFLATED, 9)
    return buffer.getvalue()
