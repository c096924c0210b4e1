"""One published run looked at again: its error from the committed predictions, or the whole training anew."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from reproduce.collect.run_files import folder_of_run, read_predictions
from reproduce.collect.statistics import wilson
from reproduce.config import RunId
from reproduce.data.cifar10 import load_cifar10
from reproduce.data.fashion_mnist import load_fashion_mnist
from reproduce.errors import ReproduceError
from reproduce.files import read_json
from reproduce.paths import RESULTS, relative_to_repo
from reproduce.train.run import Launch, train_run

RERUNS_FOLDER = RESULTS / "reruns"
_DECIDING = ("cpu", "features", "threads", "gpu", "torch")  # of the machine: these decide the rounding
_COMPARED = ("test_top1_error_percent", "test_loss_nats", "training_top1_error_percent", "updates")


def _published(run: RunId) -> Path:
    folder = folder_of_run(run, run.folder.parents[3])
    if not (folder / "run.json").is_file():
        raise ReproduceError(
            f"{relative_to_repo(folder)} is not published; results/tables/runs.csv lists those that are"
        )
    return folder


def evaluate_run(run: RunId) -> str:
    """Return the run's test error recomputed from its committed predictions, with its binomial interval.

    Raises:
        ReproduceError: the run is not published, the data are missing, or metrics.json says otherwise.
    """
    folder = _published(run)
    metrics, dataset = read_json(folder / "metrics.json"), read_json(folder / "run.json")["dataset"]
    recorded, hits = metrics["test_top1_error_percent"], _hits(read_predictions(run), metrics, dataset)
    wrong, images = int((~hits).sum()), len(hits)
    if abs(100 * wrong / images - recorded) > 1e-6:
        raise ReproduceError(
            f"{run}: predictions.npz gives {100 * wrong / images} % but metrics.json says {recorded} %"
        )
    interval = wilson(wrong, images)
    return (
        f"{run}: {wrong} of {images} test images wrong, {interval.value:.2f} % "
        f"(95 % Wilson interval over images {interval.low:.2f} to {interval.high:.2f} %), as recorded"
    )


def _hits(predictions: Mapping[str, np.ndarray], metrics: Mapping[str, Any], dataset: str) -> np.ndarray:
    """Return whether each test image was right, bool (images,); runs with many classes record just that."""
    if "test_top1_correct_bits" in predictions:
        return np.unpackbits(predictions["test_top1_correct_bits"], count=metrics["test_images"]).astype(bool)
    labels = {"cifar10": load_cifar10, "fashion_mnist": load_fashion_mnist}[dataset]().test_labels
    return predictions["test_predicted"] == labels[: metrics["test_images"]]


def _answers(predictions: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return what was answered for each test image: its class, or whether it was right."""
    if "test_predicted" in predictions:
        return predictions["test_predicted"]
    return np.unpackbits(predictions["test_top1_correct_bits"])


def rerun(run: RunId, launch: Launch) -> str:
    """Train a published run again into results/reruns/ and return both side by side.

    Raises:
        ReproduceError: the run is not published, or anything ``train_run`` raises.
    """
    published = _published(run)
    then = read_json(published / "run.json")["machine"]
    if launch.threads is None:
        launch = replace(launch, threads=then["threads"])
    folder = train_run(run, RERUNS_FOLDER / str(run), launch)
    now = read_json(folder / "run.json")["machine"]
    known = [name for name in _DECIDING if name in then]  # earlier records lack the features
    changed = [f"{name} {then[name]} then, {now[name]} now" for name in known if then[name] != now[name]]
    old, new = read_json(published / "metrics.json"), read_json(folder / "metrics.json")
    rows = [{"": name, "published": old[name], "rerun": new[name]} for name in _COMPARED]
    table = pd.DataFrame(rows).to_markdown(index=False, floatfmt=".6g")
    with np.load(published / "predictions.npz") as a, np.load(folder / "predictions.npz") as b:
        same = 100 * float((_answers(a) == _answers(b)).mean())
    conditions = f"differs: {'; '.join(changed)}" if changed else "is the same in processor, threads, GPU and torch"
    return (
        f"\n{run}\n\n{table}\n\n{same:.2f} % of the test images get the same prediction. The machine {conditions}.\n"
        "Where it differs, rounding does too and training amplifies it: compare the error with the spread over seeds."
    )
