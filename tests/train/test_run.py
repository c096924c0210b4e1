"""A run from start to published folder: refusals, interruption, resumption."""

import json
import os
import signal
from pathlib import Path

import pytest
import torch
from training_support import (
    RUN,
    STUDY,
    after_updates,
    checkpoints,
    results,
    write_golden,
)

from reproduce.base.errors import InterruptedRunError, ReproduceError
from reproduce.runs import places
from reproduce.train import run as run_module
from reproduce.train.launch import Launch, choose_device
from reproduce.train.run import train_run

pytestmark = pytest.mark.usefixtures("one_thread")

ONE_THREAD = Launch(threads=1)


def test_a_run_is_written_to_its_place_and_its_checkpoint_goes(folder):
    place = train_run(RUN, launch=ONE_THREAD)
    assert place == folder / "results" / "runs" / "tiny" / "small" / "epochs6" / "seed1" == places.found_at(RUN)
    run = json.loads((place / "run.json").read_text())
    assert (run["interruptions"], run["git_commit"], run["machine"]["threads"]) == (0, "a" * 40, 1)
    assert len(run["source_sha256"]) == len(run["golden_sha256"]) == 64
    assert json.loads((place / "metrics.json").read_text())["epochs"] == 6
    assert checkpoints(folder) == []


def test_the_same_command_makes_the_same_run(folder):
    first = results(train_run(RUN, launch=ONE_THREAD))
    assert results(train_run(RUN, folder / "again", ONE_THREAD)) == first
    other = results(train_run(type(RUN)("tiny", "small", 6, 2), launch=ONE_THREAD))
    assert other["arrays.npz"] != first["arrays.npz"]


@pytest.mark.parametrize(
    ("updates", "number"),
    [(1, signal.SIGTERM), (12, signal.SIGTERM), (30, signal.SIGINT), (4 * 12 + 2 * 15, signal.SIGTERM)],
)
def test_a_stop_request_saves_and_the_same_command_goes_on(folder, monkeypatch, number, updates):
    unbroken = results(train_run(RUN, folder / "unbroken", ONE_THREAD))
    with monkeypatch.context() as patched:
        after_updates(patched, updates, lambda: os.kill(os.getpid(), number))
        with pytest.raises(InterruptedRunError, match=f"stopped at step {updates}; the same command goes on") as caught:
            train_run(RUN, launch=ONE_THREAD)
    assert caught.value.exit_code == 75
    assert not places.found_at(RUN).exists() and len(checkpoints(folder)) == 1
    assert results(train_run(RUN, launch=ONE_THREAD)) == unbroken
    run = json.loads((places.found_at(RUN) / "run.json").read_text())
    assert run["interruptions"] == 1
    assert [session["source_sha256"] for session in run["sessions"]] == [run["source_sha256"]] * 2
    assert checkpoints(folder) == []


def test_signals_are_handled_as_before_afterwards(folder):
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    train_run(RUN, launch=ONE_THREAD)
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


def test_a_second_trainer_of_the_same_run_is_refused(folder, monkeypatch):
    errors = []

    def second():
        with pytest.raises(ReproduceError) as caught:
            train_run(RUN, launch=ONE_THREAD)
        errors.append(str(caught.value))

    after_updates(monkeypatch, 3, second)
    place = train_run(RUN, launch=ONE_THREAD)
    (message,) = errors
    assert message.startswith(f"another trainer is at work on {RUN}; wait for it or stop it (lock {folder}/scratch/")
    assert "\n" not in message
    assert json.loads((place / "run.json").read_text())["interruptions"] == 0


def test_a_run_trained_beside_the_published_one_shares_nothing_with_it(folder, monkeypatch):
    with monkeypatch.context() as patched:
        after_updates(patched, 3, lambda: os.kill(os.getpid(), signal.SIGTERM))
        with pytest.raises(InterruptedRunError):
            train_run(RUN, launch=ONE_THREAD)
    beside = train_run(RUN, folder / "beside", ONE_THREAD)
    assert json.loads((beside / "run.json").read_text())["interruptions"] == 0
    assert len(checkpoints(folder)) == 1 and not places.found_at(RUN).exists()


def test_runs_of_other_seeds_do_not_wait_for_one_another(folder, monkeypatch):
    other = type(RUN)("tiny", "small", 2, 2)
    after_updates(monkeypatch, 3, lambda: train_run(other, launch=ONE_THREAD))
    assert train_run(RUN, launch=ONE_THREAD).exists() and places.found_at(other).exists()


def test_a_dirty_tree_is_refused_unless_nothing_is_published(folder, monkeypatch):
    monkeypatch.setattr(run_module, "git_state", lambda: {"git_commit": "a" * 40, "git_dirty": True})
    with pytest.raises(ReproduceError, match="has uncommitted changes, so the run could not say what made it"):
        train_run(RUN, launch=ONE_THREAD)
    assert not (folder / "scratch").exists() and not places.found_at(RUN).exists()
    place = train_run(RUN, folder / "beside", Launch(threads=1, require_clean_tree=False))
    assert json.loads((place / "run.json").read_text())["git_dirty"] is True


def test_where_git_cannot_answer_nothing_is_trained_that_could_not_be_published(folder, monkeypatch):
    monkeypatch.setattr(run_module, "git_problem", lambda: "git says: fatal: not a git repository; work in a clone")
    with pytest.raises(ReproduceError, match=r"could never be published: git says: fatal: not a git repository; work"):
        train_run(RUN, launch=ONE_THREAD)
    assert not (folder / "scratch").exists() and not places.found_at(RUN).exists()


def test_a_place_that_cannot_be_written_is_known_before_training(folder, monkeypatch):
    (folder / "results" / "runs").parent.mkdir(parents=True, exist_ok=True)
    (folder / "results" / "runs").write_text("a file where the folder should be")
    with pytest.raises(ReproduceError, match=r"^cannot write .*: Not a directory; make .*runs writable before"):
        train_run(RUN, launch=ONE_THREAD)
    assert list((folder / "scratch").rglob("*.pt")) == []


@pytest.mark.parametrize("golden_too", [False, True])
def test_a_configuration_changed_while_it_trained_is_refused(folder, monkeypatch, golden_too):
    def change():
        path = folder / "experiments" / "tiny" / "study.yaml"
        path.write_text(STUDY.replace("momentum: 0.9", "momentum: 0.8"))
        if golden_too:
            write_golden(folder)

    after_updates(monkeypatch, 5, change)
    with pytest.raises(ReproduceError, match=f"of {RUN} changed while it trained; train it again"):
        train_run(RUN, launch=ONE_THREAD)
    assert not places.found_at(RUN).exists()


@pytest.mark.parametrize("name", ["experiments/tiny/golden/small.json", "results/data/cifar10/manifest.json"])
def test_golden_file_and_data_manifest_are_compared_at_the_end(folder, monkeypatch, name):
    changed = json.dumps(json.loads((folder / name).read_text()) | {"other": 1})
    after_updates(monkeypatch, 5, lambda: (folder / name).write_text(changed))
    with pytest.raises(ReproduceError, match="changed while it trained"):
        train_run(RUN, launch=ONE_THREAD)


@pytest.mark.parametrize("name", ["experiments/tiny/golden/small.json", "results/data/cifar10/manifest.json"])
def test_what_decides_the_run_must_be_there(folder, name):
    (folder / name).unlink()
    with pytest.raises(ReproduceError, match=rf"{Path(name).name} is missing; (record|run) .*`python -m reproduce"):
        train_run(RUN, launch=ONE_THREAD)


def test_a_checkpoint_of_another_configuration_is_not_taken_up(folder, monkeypatch):
    with monkeypatch.context() as patched:
        after_updates(patched, 20, lambda: os.kill(os.getpid(), signal.SIGTERM))
        with pytest.raises(InterruptedRunError):
            train_run(RUN, launch=ONE_THREAD)
    (folder / "experiments" / "tiny" / "study.yaml").write_text(STUDY.replace("momentum: 0.9", "momentum: 0.8"))
    with pytest.raises(ReproduceError, match=r"golden/small\.json is of another configuration"):
        train_run(RUN, launch=ONE_THREAD)
    write_golden(folder)
    place = train_run(RUN, launch=ONE_THREAD)
    assert json.loads((place / "run.json").read_text())["interruptions"] == 0


def test_unwritable_folders_are_one_line_errors(folder, monkeypatch):
    (folder / "file").write_text("")
    with monkeypatch.context() as patched:
        patched.setenv("REPRODUCE_SCRATCH", str(folder / "file" / "scratch"))
        with pytest.raises(ReproduceError, match=r"cannot create .*set REPRODUCE_SCRATCH to a writable folder$"):
            train_run(RUN, launch=ONE_THREAD)
    with pytest.raises(ReproduceError, match=r"^cannot write .*file/run: Not a directory; make .*file writable before"):
        train_run(RUN, folder / "file" / "run", ONE_THREAD)
    assert checkpoints(folder) == []  # nothing was trained


def test_a_folder_that_cannot_be_written_at_the_end_leaves_the_checkpoint(folder, monkeypatch):
    after_updates(monkeypatch, 5, lambda: (folder / "place").write_text("a file where the folder should be"))
    with pytest.raises(ReproduceError, match=r"^cannot write .*place/run: Not a directory; free space or choose"):
        train_run(RUN, folder / "place" / "run", ONE_THREAD)
    assert len(checkpoints(folder)) == 1  # the training is not lost


def test_a_run_that_diverges_publishes_nothing(folder, monkeypatch):
    def lose_weights():
        with torch.no_grad():
            trainers[-1].update.parameters[0].fill_(float("nan"))

    trainers, create = [], run_module.Trainer
    monkeypatch.setattr(run_module, "Trainer", lambda *settings: trainers.append(create(*settings)) or trainers[-1])
    advance = create.advance
    monkeypatch.setattr(create, "advance", lambda s: (s.state.step == 3 and lose_weights()) or advance(s))
    with pytest.raises(ReproduceError, match=r"the loss became nan in epoch 1, update 4 \(step 4 of the run\)"):
        train_run(RUN, launch=ONE_THREAD)
    assert not places.found_at(RUN).exists()


def test_devices_that_are_absent_are_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == choose_device("cpu") == torch.device("cpu")
    with pytest.raises(ReproduceError, match="no CUDA device is available to torch here; use --device cpu"):
        choose_device("cuda")


def test_every_process_needs_a_gpu_of_its_own(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(
        ReproduceError, match=r"process 2 of this machine has no GPU of its own: torch sees 2; start one"
    ):
        choose_device("auto")
    chosen = []
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert choose_device("cuda") == torch.device("cuda", 1) and chosen == [torch.device("cuda", 1)]
