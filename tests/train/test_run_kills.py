"""A run through full disks and kills at any moment: nothing is lost, and nothing changes."""

import errno
import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest
import training_support
from training_support import RUN, after_updates, checkpoints, results, use_study

from reproduce.base.errors import ReproduceError
from reproduce.runs import places
from reproduce.train import checkpoint, record
from reproduce.train import run as run_module
from reproduce.train.launch import Launch
from reproduce.train.run import train_run

pytestmark = pytest.mark.usefixtures("one_thread")

ONE_THREAD = Launch(threads=1)


def no_space(*arguments, **options):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_at_a_checkpoint_keeps_the_previous_one(folder, monkeypatch):
    unbroken = results(train_run(RUN, folder / "unbroken", ONE_THREAD))
    after_updates(monkeypatch, 10, lambda: monkeypatch.setattr(checkpoint.torch, "save", no_space))
    with pytest.raises(ReproduceError, match=r"cannot write .*\.pt: No space left on device; free space") as caught:
        train_run(RUN, launch=Launch(threads=1, seconds_between_checkpoints=0))
    assert "\n" not in str(caught.value)
    assert not places.found_at(RUN).exists()
    (saved,) = checkpoints(folder)
    assert {path.suffix for path in saved.parent.iterdir()} == {".lock", ".pt"}
    monkeypatch.undo()
    use_study(folder, monkeypatch.setattr)
    monkeypatch.setenv("REPRODUCE_SCRATCH", str(folder / "scratch"))
    assert checkpoint.load_checkpoint(saved)["trainer"]["state"]["step"] == 9
    assert results(train_run(RUN, launch=ONE_THREAD)) == unbroken


@pytest.mark.parametrize("published", [True, False])
def test_a_full_disk_at_the_end_loses_neither_training_nor_the_published_run(folder, monkeypatch, published):
    if published:
        places.found_at(RUN).mkdir(parents=True)
        (places.found_at(RUN) / "run.json").write_text("published")
    with monkeypatch.context() as patched:
        patched.setattr(record, "write_json", no_space)
        with pytest.raises(ReproduceError, match="cannot write .*seed1: No space left on device"):
            train_run(RUN, launch=ONE_THREAD)
    assert [path.name for path in places.found_at(RUN).parent.rglob("*")] == (
        ["seed1", "run.json"] if published else []
    )
    assert len(checkpoints(folder)) == 1
    trained = []
    monkeypatch.setattr(run_module.Trainer, "advance", trained.append)
    assert json.loads((train_run(RUN, launch=ONE_THREAD) / "run.json").read_text())["status"] == "finished"
    assert trained == []  # only tested and written again


def command(folder, epochs):
    script = [sys.executable, training_support.__file__, str(folder)]
    options = ["--epochs", str(epochs), "--seed", "1", "--threads", "1", "--seconds-between-checkpoints", "0.05"]
    return [*script, "train", "tiny", "long", *options]


def started(folder, epochs, scratch):
    return subprocess.Popen(
        command(folder, epochs),
        env=os.environ | {"REPRODUCE_SCRATCH": str(scratch), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_sigterm_ends_the_command_with_75_and_a_repetition_finishes_it(folder):
    process = started(folder, 2000, folder / "scratch")
    while not checkpoints(folder) and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 75
    errors = [line for line in output.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and "the same command goes on from there" in errors[0]
    assert "Traceback" not in output


def wait_for_new_checkpoint(folder, process):
    begun = time.time_ns()
    while process.poll() is None and not any(path.stat().st_mtime_ns > begun for path in checkpoints(folder)):
        time.sleep(0.005)


def wait_for_end_of_training(folder, process):
    said = ""
    for line in process.stdout:
        said += line
        if "trained in" in line:
            break
    return said


@pytest.mark.slow
def test_six_kills_at_random_moments_change_nothing(folder):
    epochs, moments = 300, random.Random(2012)
    process = started(folder, epochs, folder / "scratch-unbroken")
    output, _ = process.communicate(timeout=200)
    assert process.returncode == 0, output
    place = places.found_at(type(RUN)("tiny", "long", epochs, 1))
    unbroken = results(place)
    training_seconds = json.loads((place / "run.json").read_text())["training_seconds"]
    place.rename(folder / "unbroken")

    plans = [(lambda *_: None, 4.0)]  # while Python and its modules load
    plans += [(wait_for_new_checkpoint, training_seconds / 5)] * 3
    plans += [(wait_for_end_of_training, 0.02)] * 2  # while the trained net is tested and its folder written
    resumed = 0
    while plans:
        process = started(folder, epochs, folder / "scratch")
        wait, longest_seconds = plans[0]
        said = wait(folder, process) or ""
        time.sleep(moments.uniform(0, longest_seconds))
        process.kill()
        output, _ = process.communicate()
        resumed += "going on from step" in said + output
        if process.returncode == -signal.SIGKILL:  # else it was done already, and is trained again
            plans.pop(0)
    process = started(folder, epochs, folder / "scratch")
    output, _ = process.communicate(timeout=200)
    assert process.returncode == 0, output
    assert resumed >= 3, "the kills came too early to test anything"
    assert results(place) == unbroken
    assert [path.name for path in place.parent.iterdir()] == ["seed1"]
    assert [path for path in (folder / "scratch" / "checkpoints").iterdir() if path.suffix != ".lock"] == []
