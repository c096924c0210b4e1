"""The folder a finished run leaves: files, fields, and bytes that depend on the arrays alone."""

import errno
import io
import json
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from training_support import RUN, TEST_IMAGES, tiny_data, tiny_study, trainer_of

from reproduce.base.errors import ReproduceError
from reproduce.study.variant import Phase
from reproduce.train import record
from reproduce.train.loop import Trainer
from reproduce.train.record import evaluate_trained, nearest_neighbors, npz_bytes, small_arrays, write_record

pytestmark = pytest.mark.usefixtures("one_thread")

META = {"config_sha256": "c", "git_dirty": False, "machine": {"threads": 1}, "interruptions": 3}


@pytest.fixture
def trainer(folder):
    trainer = trainer_of(tiny_study(folder), epochs=2)
    while not trainer.finished():
        trainer.advance()
    return trainer


def test_the_folder_holds_five_files_with_these_fields(folder, trainer):
    write_record(folder / "run", RUN, tiny_study(folder), trainer, evaluate_trained(trainer), META)
    assert sorted(path.name for path in (folder / "run").iterdir()) == [
        "arrays.npz",
        "history.csv",
        "metrics.json",
        "predictions.npz",
        "run.json",
    ]
    run = json.loads((folder / "run" / "run.json").read_text())
    assert META.items() <= run.items()
    assert (run["run_id"], run["study"], run["variant"], run["epochs"], run["seed"]) == (
        str(RUN),
        "tiny",
        "small",
        6,
        1,
    )
    assert (run["dataset"], run["scale"], run["schedule"], run["precision"]) == ("cifar10", "synthetic", "full", "fp32")
    assert run["config"]["network_spec"]["layers"][0]["filters"] == 6
    assert run["status"] == "finished"
    # 80 images in the epoch without file 5, 100 in the other
    assert run["images_per_second"] == pytest.approx(180 / trainer.state.seconds, abs=0.06)


def test_a_shorter_schedule_is_labeled(folder, trainer):
    shorter = type(RUN)("tiny", "small", 2, 1)
    write_record(folder / "run", shorter, tiny_study(folder), trainer, evaluate_trained(trainer), META)
    assert json.loads((folder / "run" / "run.json").read_text())["schedule"] == "shortened"


def test_the_history_file_has_a_row_an_epoch_and_empty_cells_without_a_held_out_file(folder, trainer):
    write_record(folder / "run", RUN, tiny_study(folder), trainer, evaluate_trained(trainer), META)
    history = pd.read_csv(folder / "run" / "history.csv")
    assert list(history) == [
        "epoch",
        "phase",
        "weight_rate_factor",
        "training_loss_nats",
        "training_error_percent",
        "validation_loss_nats",
        "validation_error_percent",
        "test_loss_nats",
        "test_error_percent",
        "seconds",
    ]
    assert history["epoch"].tolist() == [1, 2] and history["weight_rate_factor"].tolist() == [1.0, 0.1]
    assert history["validation_error_percent"].isna().tolist() == [False, True]
    for row, kept in zip(history.to_dict("records"), trainer.state.history, strict=True):
        assert row["training_loss_nats"] == pytest.approx(kept["training_loss_nats"], rel=1e-5)
        assert row["test_error_percent"] == pytest.approx(kept["test_error_percent"], rel=1e-5)


def test_metrics_follow_from_the_predictions(trainer):
    tested = evaluate_trained(trainer)
    metrics, predictions = tested.metrics, tested.predictions
    labels = trainer.data.test_labels.numpy()
    assert (metrics["views"], metrics["epochs"], metrics["updates"], metrics["test_images"]) == (10, 2, 27, TEST_IMAGES)
    for metric, prediction in (("test_top1", "test_predicted"), ("test_center_top1", "test_center_predicted")):
        wrong = 100 * (predictions[prediction] != labels).mean()
        assert metrics[f"{metric}_error_percent"] == pytest.approx(wrong)
    center = trainer.evaluate(trainer.data.test())
    assert metrics["test_center_top1_error_percent"] == center.top1_error_percent
    ten = trainer.evaluate(trainer.data.test(), views=10)
    assert metrics["test_loss_nats"] == ten.loss_nats != center.loss_nats
    probabilities = predictions["test_probabilities"]
    assert probabilities.shape == (TEST_IMAGES, 10) and probabilities.dtype == np.uint8
    assert abs(probabilities.sum(1).astype(int) - 255).max() <= 5  # ten roundings of at most a half
    training = trainer.evaluate(trainer.data.training())
    assert metrics["training_loss_nats"] == training.loss_nats


def test_the_first_layers_weights_are_kept_in_the_usual_order(trainer):
    arrays = small_arrays(trainer)
    assert list(arrays) == ["conv1_weights"] and arrays["conv1_weights"].dtype == np.float16
    weight = trainer.network.layers["conv1"].weight.detach()
    torch.testing.assert_close(torch.from_numpy(arrays["conv1_weights"]).float(), weight, rtol=2**-10, atol=1e-6)
    assert arrays["conv1_weights"].shape == (6, 3, 3, 3)


def test_nearest_training_images_are_kept_where_asked_for(trainer):
    trainer.variant = trainer.variant.model_copy(update={"diagnostics": ["nearest_neighbors"]})
    rows = small_arrays(trainer)["neighbor_rows"]
    assert rows.shape == (TEST_IMAGES, 6) and rows.dtype == np.uint16
    assert rows.max() < len(trainer.data.training()) and all(len(set(found)) == 6 for found in rows.tolist())
    trainer.data = replace(trainer.data, test_images=trainer.data.training_images)
    assert nearest_neighbors(trainer)[:, 0].tolist() == list(range(len(trainer.data.test()))), "each nearest to itself"


def test_npz_bytes_do_not_depend_on_the_time(monkeypatch):
    arrays = {"a": np.arange(6).reshape(2, 3), "b": np.array([1.5], dtype=np.float16)}
    first = npz_bytes(arrays)
    monkeypatch.setattr(time, "time", lambda: 2_000_000_000.0)
    assert npz_bytes(arrays) == first
    loaded = np.load(io.BytesIO(first))
    assert all(np.array_equal(loaded[name], array) for name, array in arrays.items())
    assert npz_bytes(arrays | {"a": np.arange(6).reshape(3, 2)}) != first


@pytest.mark.parametrize("published", [True, False])
def test_a_full_disk_leaves_the_published_run_and_nothing_half_written(folder, trainer, monkeypatch, published):
    target = folder / "runs" / "seed1"
    target.parent.mkdir()
    if published:
        target.mkdir()
        (target / "run.json").write_text("published")
    write = record.write_bytes

    def full(path, content):
        if path.name == "predictions.npz":
            raise OSError(errno.ENOSPC, "No space left on device")
        write(path, content)

    monkeypatch.setattr(record, "write_bytes", full)
    with pytest.raises(ReproduceError, match="cannot write .*seed1: No space left on device; free space"):
        write_record(target, RUN, tiny_study(folder), trainer, evaluate_trained(trainer), META)
    assert [path.name for path in target.parent.rglob("*")] == (["seed1", "run.json"] if published else [])


def test_a_schedule_to_a_training_error_records_how_long_it_took(folder):
    """Brightness tells the class, so the error falls; the target is one that falls within the phase."""
    study = tiny_study(folder)
    to_target = {"until": "training_error_reached", "target_error_percent": 85.0}
    phases = [Phase(epochs=40, training_files=[1, 2, 3, 4, 5], weight_rate_factor=1.0, **to_target)]
    variant = study.variant("small").model_copy(
        update={"phases": phases, "diagnostics": ["clean_training_error"], "order": "files", "augmentation": "none"}
    )
    trainer = Trainer(variant, phases, 1, tiny_data())
    while not trainer.finished():
        trainer.advance()
    history = trainer.state.history
    assert 1 < len(history) < 40  # it stopped on its own
    last = history[-1]
    assert max(last["training_error_percent"], last["clean_training_error_percent"]) <= 85
    clean = trainer.evaluate(trainer.data.training())
    assert last["clean_training_error_percent"] == clean.top1_error_percent
    metrics = evaluate_trained(trainer).metrics
    for column in ("training_error", "clean_training_error"):
        epochs = metrics[f"epochs_to_85_percent_{column}"]
        first = next(row["epoch"] for row in history if row[f"{column}_percent"] <= 85)
        assert first - 1 <= epochs <= first
