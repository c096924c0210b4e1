"""Run folders with the files that analyses read (probabilities, first-layer weights, neighbors), and data labels."""

import json
from pathlib import Path

import numpy as np
from collect_support import FakeRunId, write_run

from reproduce.models.spec import load_spec

CLASSES = 10


def write_labels(results: Path, labels: list[int], part: str = "test") -> None:
    """Write the committed labels of CIFAR-10 below a results folder."""
    folder = results / "data" / "cifar10"
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / f"{part}_labels.npy", np.array(labels, dtype=np.uint8))


def config_of(network: str, **changes) -> dict:
    """Return a run's resolved configuration, as far as analyses read it."""
    phases = [{"training_files": [1, 2, 3, 4, 5]}]
    return {"phases": phases, "network": network, "network_spec": load_spec(network).model_dump()} | changes


def write_stored(results: Path, run_id: FakeRunId, probabilities: np.ndarray, labels: list[int], **changes) -> Path:
    """Write a run with ``probabilities`` as its predictions, uint8 (images, classes), and with their error."""
    predicted = probabilities.argmax(axis=1).astype(np.uint8)
    metrics = changes.pop("metrics", {}) | {"test_images": len(labels)}
    arrays = changes.pop("arrays", {})
    error = 100 * float(np.mean(predicted != labels))
    folder = write_run(results / "runs", run_id, error, metrics, **changes)
    stored = {"test_predicted": predicted, "test_center_predicted": predicted, "test_probabilities": probabilities}
    np.savez_compressed(folder / "predictions.npz", **stored)
    if arrays:
        np.savez_compressed(folder / "arrays.npz", **arrays)
    return folder


def answers(labels: list[int], right: list[int], wrong_class: int = 9) -> np.ndarray:
    """Return probabilities (times 255) of a net that is sure of the images ``right`` and errs narrowly on others."""
    stored = np.zeros((len(labels), CLASSES), dtype=np.uint8)
    for image, label in enumerate(labels):
        stored[image, label] = 200 if image in right else 100
        stored[image, wrong_class] = 10 if image in right else 130
    return stored


def edit_json(path: Path, **changes) -> None:
    """Change fields of a JSON file."""
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
