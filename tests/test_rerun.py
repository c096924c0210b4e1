"""A published run looked at again: its error recomputed, and the comparison with a new training."""

import json

import numpy as np
import pytest

from reproduce import config, rerun
from reproduce.config import RunId
from reproduce.errors import ReproduceError
from reproduce.train.record import npz_bytes
from reproduce.train.run import Launch

RUN = RunId("nets", "tiny", 2, 1)


def write(folder, predicted, error, threads=1):
    folder.mkdir(parents=True)
    machine = {"cpu": "A", "threads": threads, "gpu": None, "torch": "2"}
    (folder / "run.json").write_text(json.dumps({"machine": machine, "dataset": "cifar10"}))
    metrics = {
        "test_images": len(predicted),
        "test_top1_error_percent": error,
        "test_loss_nats": 1.0,
        "training_top1_error_percent": 5.0,
        "updates": 10,
    }
    (folder / "metrics.json").write_text(json.dumps(metrics))
    (folder / "predictions.npz").write_bytes(npz_bytes({"test_predicted": np.array(predicted, dtype=np.uint8)}))
    return folder


@pytest.fixture
def published(tmp_path, monkeypatch):
    monkeypatch.setattr(config, "RESULTS", tmp_path)
    monkeypatch.setattr(rerun, "read_predictions", lambda run: dict(np.load(run.folder / "predictions.npz")))
    labels = type("Data", (), {"test_labels": np.array([0, 1, 2, 3])})
    monkeypatch.setattr(rerun, "load_cifar10", lambda: labels)
    return tmp_path


def test_the_error_comes_from_the_predictions(published):
    write(RUN.folder, [0, 1, 2, 9], 25.0)
    text = rerun.evaluate_run(RUN)
    assert "1 of 4 test images wrong, 25.00 %" in text
    assert "4.56 to 69.94 %" in text  # Wilson, worked by hand for 1 of 4


def test_labels_are_those_of_the_runs_own_data_set(published, monkeypatch):
    folder = write(RUN.folder, [3, 2, 9], 100 / 3)  # of the first three of four test images
    run = json.loads((folder / "run.json").read_text()) | {"dataset": "fashion_mnist"}
    (folder / "run.json").write_text(json.dumps(run))
    labels = type("Data", (), {"test_labels": np.array([3, 2, 1, 0])})
    monkeypatch.setattr(rerun, "load_fashion_mnist", lambda: labels)
    assert "1 of 3 test images wrong" in rerun.evaluate_run(RUN)


def test_metrics_that_contradict_the_predictions_are_an_error(published):
    write(RUN.folder, [0, 1, 9, 9], 25.0)
    with pytest.raises(ReproduceError, match=r"gives 50\.0 % but metrics\.json says 25\.0 %"):
        rerun.evaluate_run(RUN)


def test_a_run_that_is_not_published_is_an_error(published):
    with pytest.raises(ReproduceError, match="is not published"):
        rerun.evaluate_run(RUN)
    with pytest.raises(ReproduceError, match="is not published"):
        rerun.rerun(RUN, Launch())


def test_a_rerun_goes_beside_the_published_run_and_is_compared(published, monkeypatch):
    write(RUN.folder, [0, 1, 2, 9], 25.0)
    places = []

    def train(run, folder, launch):
        places.append(folder)
        return write(folder, [0, 1, 9, 9], 50.0, launch.threads)

    monkeypatch.setattr(rerun, "RERUNS_FOLDER", published / "reruns")
    monkeypatch.setattr(rerun, "train_run", train)
    text = rerun.rerun(RUN, Launch())
    assert places == [published / "reruns" / str(RUN)]
    assert "75.00 % of the test images get the same prediction" in text
    assert "is the same in processor, threads, GPU and torch" in text  # as many threads as the published run
    row = next(line for line in text.splitlines() if "test_top1" in line)
    assert [cell.strip() for cell in row.split("|")[2:4]] == ["25", "50"]


def test_another_number_of_threads_is_said(published, monkeypatch):
    write(RUN.folder, [0, 1, 2, 9], 25.0)
    monkeypatch.setattr(rerun, "RERUNS_FOLDER", published / "reruns")
    monkeypatch.setattr(
        rerun, "train_run", lambda run, folder, launch: write(folder, [0, 1, 2, 9], 25.0, launch.threads)
    )
    assert "differs: threads 1 then, 2 now" in rerun.rerun(RUN, Launch(threads=2))


def test_a_run_that_recorded_hits_needs_no_labels(published, monkeypatch):
    """Runs on ILSVRC, among the external ones: 20 images, of which the first three are wrong."""
    folder = write(published / "external" / str(RUN), [], 15.0)
    metrics = json.loads((folder / "metrics.json").read_text()) | {"test_images": 20}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    bits = np.packbits([False] * 3 + [True] * 17)
    (folder / "predictions.npz").write_bytes(npz_bytes({"test_top1_correct_bits": bits}))
    monkeypatch.setattr(rerun, "read_predictions", lambda run: dict(np.load(folder / "predictions.npz")))
    assert "3 of 20 test images wrong, 15.00 %" in rerun.evaluate_run(RUN)
