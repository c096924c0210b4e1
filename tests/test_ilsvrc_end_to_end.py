"""Runs on a miniature ILSVRC-2012 in one process and two, killed and stopped: the results do not show it."""

import json
import os
import signal
import time

import ilsvrc_training_support as support
import numpy as np
import pandas as pd
import psutil
import pytest
from ilsvrc_training_support import UPDATES_PER_EPOCH, finished, losses, metrics, place_of, started, train

from reproduce import cli
from reproduce.train.checkpoint import load_checkpoint
from reproduce.train.loop import Trainer

pytestmark = [pytest.mark.usefixtures("one_thread"), pytest.mark.timeout(1200)]

EPOCHS = 3
UPDATES = EPOCHS * UPDATES_PER_EPOCH
OFTEN = ["--seconds-between-checkpoints", "0"]
DEADLINE_SECONDS = 250


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    yield from support.packed_below(tmp_path_factory.mktemp("miniature"), support.miniature())


def kept(place, name):
    """Move a run's folder out of the way of the next training of the same run."""
    target = place.with_name(name)
    place.rename(target)
    return target


@pytest.fixture(scope="module")
def alone(folder):
    return kept(support.trained_here(folder, "steady", EPOCHS), "alone")


@pytest.fixture(scope="module")
def pair(folder):
    """The same run in two processes, in passes of 3 and 1 images."""
    output = finished(folder, *train("steady", EPOCHS), "--images-per-pass", "3", processes=2)
    assert output.count("written to") == output.count("trained in") == 1
    return kept(place_of(folder, "steady", EPOCHS), "pair")


def results(place):
    """Return what must not depend on interruptions."""
    names = ("metrics.json", "predictions.npz", "arrays.npz")
    history = pd.read_csv(place / "history.csv", dtype=str).drop(columns="seconds").to_csv()
    probabilities = json.loads((place / "run.json").read_text())["probabilities_sha256"]
    return {"history": history, "probabilities": probabilities, **{name: (place / name).read_bytes() for name in names}}


def processes_of(place):
    return [session["processes"] for session in json.loads((place / "run.json").read_text())["sessions"]]


def checkpoints(folder):
    return list((folder / "scratch" / "checkpoints").glob("*.pt"))


def wait_for_checkpoint(folder, process, after_ns=0):
    """Return once the process has written a checkpoint later than ``after_ns``."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not any(path.stat().st_mtime_ns > after_ns for path in checkpoints(folder)):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def step_of_checkpoint(folder):
    (checkpoint,) = checkpoints(folder)
    return load_checkpoint(checkpoint)["trainer"]["state"]["step"]


def killed_in_training(folder, processes, *options):
    process = started(folder, *train("steady", EPOCHS), *OFTEN, *options, processes=processes)
    wait_for_checkpoint(folder, process)
    for each in [*psutil.Process(process.pid).children(recursive=True), process]:
        each.kill()
    process.communicate()
    assert 0 < step_of_checkpoint(folder) < UPDATES
    assert not place_of(folder, "steady", EPOCHS).exists()


@pytest.mark.slow
def test_a_kill_in_the_middle_of_packing_loses_nothing(folder, tmp_path, monkeypatch):
    unbroken, again = (base / "ilsvrc2012_subset" for base in (folder / "packed", tmp_path))
    process = started(folder, *support.PACK, REPRODUCE_PACKED=str(tmp_path))
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not any(half.stat().st_size > 10**6 for half in again.rglob(".shard-*.part")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not (again / "manifest.json").exists()
    monkeypatch.setenv("REPRODUCE_PACKED", str(tmp_path))
    assert cli.main(support.PACK) == 0
    names = sorted(path.relative_to(unbroken) for path in unbroken.rglob("*") if path.is_file())
    assert sorted(path.relative_to(again) for path in again.rglob("*") if path.is_file()) == names
    assert all((again / name).read_bytes() == (unbroken / name).read_bytes() for name in names)
    manifest = json.loads((again / "manifest.json").read_text())
    training = manifest["splits"]["train"]
    assert (len(manifest["classes"]), training["images"]) == (6, support.TRAINING_IMAGES)
    assert [len(training[kind]) for kind in ("skipped", "cmyk", "not_jpeg")] == [1, 1, 1] and training["gray"] == 1


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["paper", "as_released", "one_gpu"])
def test_variants_learn_what_tells_the_classes_apart(folder, variant):
    place = support.trained_here(folder, variant, 16)
    figures = metrics(place)
    # Guessing makes 83 % errors; how far below it comes in 144 updates differs between processors, whose roundings
    # such training amplifies (8 to 50 % seen). One guess in 300 has ten of the 24 test images right.
    assert figures["test_top1_error_percent"] < 60 and figures["test_center_top1_error_percent"] < 60
    assert figures["training_top1_error_percent"] < 50  # of 71 images
    assert figures["test_top5_error_percent"] <= figures["test_top1_error_percent"] / 2
    history = pd.read_csv(place / "history.csv")
    assert history["phase"].tolist() == [1] * 14 + [2, 3]
    assert history["training_loss_nats"].min() < 0.7 * history["training_loss_nats"].iloc[0]


@pytest.mark.slow
def test_two_processes_follow_one(alone, pair):
    one, other = losses(alone), losses(pair)
    assert len(one) == len(other) == UPDATES
    np.testing.assert_allclose(other[:3], one[:3], rtol=1e-5)
    np.testing.assert_allclose(other, one, rtol=1e-3)
    assert metrics(pair)["test_loss_nats"] == pytest.approx(metrics(alone)["test_loss_nats"], rel=1e-3)
    assert (processes_of(alone), processes_of(pair)) == ([1], [2])


@pytest.mark.slow
def test_a_kill_in_the_middle_of_training_changes_nothing(folder, alone):
    killed_in_training(folder, 1)
    assert results(support.trained_here(folder, "steady", EPOCHS)) == results(alone)
    assert processes_of(kept(place_of(folder, "steady", EPOCHS), "killed")) == [1, 1]


@pytest.mark.slow
def test_a_kill_of_two_processes_changes_nothing(folder, pair):
    passes = ["--images-per-pass", "3"]
    killed_in_training(folder, 2, *passes)
    begun, before = time.time_ns(), step_of_checkpoint(folder)
    process = started(folder, *train("steady", EPOCHS), *OFTEN, *passes, processes=2)
    wait_for_checkpoint(folder, process, begun)
    trainers = psutil.Process(process.pid).children(recursive=True)
    process.kill()  # torchrun alone: its processes see that and stop by themselves
    process.communicate(timeout=DEADLINE_SECONDS)
    _, left = psutil.wait_procs(trainers, timeout=DEADLINE_SECONDS)
    assert len(trainers) >= 2 and not left and before < step_of_checkpoint(folder) < UPDATES
    finished(folder, *train("steady", EPOCHS), *passes, processes=2)
    place = kept(place_of(folder, "steady", EPOCHS), "killed-pair")
    assert results(place) == results(pair) and processes_of(place) == [2, 2, 2]


@pytest.mark.slow
def test_one_process_then_two_then_one_and_never_two_trainers(folder, alone, monkeypatch):
    """Stopped by SIGTERM each time; a second training of the run is refused in one line while the first goes on."""
    second = []
    advance = Trainer.advance

    def interfered(self):
        advance(self)
        if self.state.step == 5:
            process = started(folder, *train("steady", EPOCHS), processes=2)
            second.append((process.communicate(timeout=DEADLINE_SECONDS)[0], process.returncode))
            os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "advance", interfered)
        assert cli.main(train("steady", EPOCHS)) == 75
    ((said, status),) = second
    assert status != 0 and 'Traceback (most recent call last):\n  File "' + support.__file__ not in said
    assert [line for line in said.splitlines() if line.startswith("error: ")] == [
        f"error: another trainer is at work on miniature/steady/epochs{EPOCHS}/seed1; "
        f"wait for it or stop it (lock {checkpoints(folder)[0].with_suffix('.lock')})"
    ]
    begun = time.time_ns()
    process = started(folder, *train("steady", EPOCHS), *OFTEN, processes=2)
    wait_for_checkpoint(folder, process, begun)
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=DEADLINE_SECONDS)
    step = step_of_checkpoint(folder)
    assert process.returncode != 0 and 5 < step < UPDATES
    assert [line for line in said.splitlines() if line.startswith("error: ")] == [
        f"error: miniature/steady/epochs{EPOCHS}/seed1 stopped at step {step}; the same command goes on from there"
    ]
    place = kept(support.trained_here(folder, "steady", EPOCHS), "1-2-1")
    assert processes_of(place) == [1, 2, 1]
    np.testing.assert_allclose(losses(place), losses(alone), rtol=1e-3)
