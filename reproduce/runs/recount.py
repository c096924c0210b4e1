"""A published run's error, counted again from its committed predictions."""

from pathlib import Path

from reproduce.base.errors import ReproduceError
from reproduce.base.files import RESTORE
from reproduce.base.paths import relative_to_repo
from reproduce.runs import places
from reproduce.runs.labels import answers_by_metric, hits, known_test_labels, needs_labels
from reproduce.runs.run_files import needed, read_metrics, read_predictions, read_record
from reproduce.runs.statistics import wilson
from reproduce.study.run_id import RunId

TOP1 = "test_top1_error_percent"


def published_folder(run: RunId) -> Path:
    """Return a published run's folder.

    Raises:
        ReproduceError: the run is not published.
    """
    folder = places.found_at(run)
    if not places.is_published(run):
        raise ReproduceError(
            f"{relative_to_repo(folder)} is not published; results/tables/runs.csv lists those that are"
        )
    return folder


def evaluate_run(run: RunId) -> str:
    """Return the run's test error recomputed from its committed predictions, with its binomial interval.

    Raises:
        ReproduceError: the run is not published, the data are missing, or metrics.json records another error.
    """
    folder = published_folder(run)
    metrics, dataset = read_metrics(folder), read_record(folder)["dataset"]
    recorded, images = (needed(metrics, name, folder) for name in (TOP1, "test_images"))
    predictions = read_predictions(run)
    name = answers_by_metric(predictions)[TOP1]
    labels = known_test_labels(dataset) if needs_labels(name) else None
    wrong = int((~hits(predictions, name, images, labels)).sum())
    if abs(100 * wrong / images - recorded) > 1e-6:
        raise ReproduceError(
            f"{run}: predictions.npz gives {100 * wrong / images} % but metrics.json says {recorded} %; {RESTORE}"
        )
    interval = wilson(wrong, images)
    return (
        f"{run}: {wrong} of {images} test images wrong, {interval.value:.2f} % "
        f"(95 % Wilson interval over images {interval.low:.2f} to {interval.high:.2f} %), as recorded"
    )
