import os
import signal

import pytest

from reproduce.base.errors import ReproduceError
from reproduce.data.ilsvrc.workers import available_cores, finished_tasks


def _where(number: int) -> tuple[int, int]:
    return number * number, os.getpid()


def _refuse_three(number: int) -> int:
    if number == 3:
        raise ReproduceError("three is refused")
    return number


def _die(number: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_tasks_come_with_their_results_from_other_processes_or_from_this_one():
    for workers in (1, 2):
        done = dict(finished_tasks(_where, range(6), workers))
        assert {task: square for task, (square, _) in done.items()} == {n: n * n for n in range(6)}
        assert ({pid for _, pid in done.values()} == {os.getpid()}) is (workers == 1)
    assert available_cores() >= 1


@pytest.mark.parametrize("workers", [1, 2])
def test_a_tasks_error_comes_through(workers):
    with pytest.raises(ReproduceError, match="^three is refused$"):
        list(finished_tasks(_refuse_three, range(6), workers))


def test_a_killed_worker_is_one_line_that_says_what_to_do():
    with pytest.raises(ReproduceError, match="a worker process was killed, .* run again with fewer --workers"):
        list(finished_tasks(_die, range(3), 2))
