"""Stopped runs are told from leftovers that no planned run takes up."""

import os
import signal

import pytest
from training_support import after_updates, checkpoints, tiny_study, use_own_folder

from reproduce.base.errors import InterruptedRunError
from reproduce.study.run_id import RunId
from reproduce.train.launch import Launch
from reproduce.train.run import train_run
from reproduce.train.unfinished import find_unfinished

pytestmark = pytest.mark.usefixtures("one_thread")

PLANNED = RunId("tiny", "small", 2, 1)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    use_own_folder(tmp_path, monkeypatch)
    return tmp_path


def stop(run, monkeypatch, place=None):
    with monkeypatch.context() as patched:
        after_updates(patched, 3, lambda: os.kill(os.getpid(), signal.SIGINT))
        with pytest.raises(InterruptedRunError):
            train_run(run, place, launch=Launch(threads=1))


def test_without_a_scratch_folder_nothing_is_unfinished(folder):
    unfinished = find_unfinished([tiny_study(folder)])
    assert (unfinished.resumable, unfinished.leftovers, unfinished.leftover_bytes()) == ([], [], 0)


def test_a_stopped_run_can_go_on_and_a_stopped_rerun_is_a_leftover(folder, monkeypatch):
    stop(PLANNED, monkeypatch)
    stop(PLANNED, monkeypatch, folder / "again")
    unfinished = find_unfinished([tiny_study(folder)])
    assert unfinished.resumable == [PLANNED]
    (left,) = unfinished.leftovers
    assert left in checkpoints(folder) and unfinished.leftover_bytes() == left.stat().st_size > 1000
    train_run(PLANNED, launch=Launch(threads=1))
    assert find_unfinished([tiny_study(folder)]).resumable == []


def test_steps_of_another_configuration_are_a_leftover_and_counted_whole(folder, monkeypatch):
    stop(PLANNED, monkeypatch)
    steps = checkpoints(folder)[0].with_name(f"{'0' * 24}.steps")
    (steps / "inner").mkdir(parents=True)
    (steps / "inner" / "sift.features").write_bytes(bytes(5000))
    changed = tiny_study(folder).variants["small"].model_copy(update={"batch_size": 20})
    study = tiny_study(folder).model_copy(update={"variants": {"small": changed}})
    unfinished = find_unfinished([study])
    assert unfinished.resumable == []
    assert steps in unfinished.leftovers and len(unfinished.leftovers) == 2
    assert unfinished.leftover_bytes() > 5000
