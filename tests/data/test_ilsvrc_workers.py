import os
import shutil
import subprocess
import sys

import ilsvrc_training_support
import pytest
from ilsvrc_samples import Miniature
from ilsvrc_training_support import variables, write_miniature
from worker_tasks import die, refuse_three, where

from reproduce.base.errors import ReproduceError
from reproduce.data.ilsvrc.workers import available_cores, finished_tasks


def test_tasks_come_with_their_results_from_other_processes_or_from_this_one():
    for workers in (1, 2):
        done = dict(finished_tasks(where, range(6), workers))
        assert {task: square for task, (square, _) in done.items()} == {n: n * n for n in range(6)}
        assert ({pid for _, pid in done.values()} == {os.getpid()}) is (workers == 1)
    assert available_cores() >= 1


@pytest.mark.parametrize("workers", [1, 2])
def test_a_tasks_error_comes_through(workers):
    with pytest.raises(ReproduceError, match="^three is refused$"):
        list(finished_tasks(refuse_three, range(6), workers))


def test_a_killed_worker_is_one_line_that_says_what_to_do():
    with pytest.raises(ReproduceError, match="a worker process was killed, .* run again with fewer --workers"):
        list(finished_tasks(die, range(3), 2))


_READ_ONLY = 'mount -t tmpfs -o ro tmpfs /dev/shm && exec "$@"'


@pytest.fixture
def read_only_shared_memory():
    """The words before a command that runs it where /dev/shm is a read-only disk, in a mount namespace of its own."""
    words = ["unshare", "--mount", "sh", "-c", _READ_ONLY, "sh"]
    if not shutil.which("unshare") or subprocess.run([*words, "true"], capture_output=True).returncode:
        pytest.skip("this machine lets no test mount a read-only /dev/shm in a namespace of its own")
    return words


def test_two_workers_without_shared_memory_are_one_line_and_one_worker_does_without(read_only_shared_memory, tmp_path):
    write_miniature(tmp_path, Miniature())
    environment = os.environ | variables(tmp_path)

    def packed(workers: int) -> subprocess.CompletedProcess:
        words = ["data", "ilsvrc2012", "--subset", "--workers", str(workers)]
        command = [*read_only_shared_memory, sys.executable, ilsvrc_training_support.__file__, str(tmp_path), *words]
        return subprocess.run(command, env=environment, capture_output=True, text=True)

    done = packed(2)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert "2 worker processes need shared memory, and /dev/shm cannot be written (Read-only file system)" in line
    assert line.endswith("mount it writable, or give --workers 1")
    assert not list(tmp_path.rglob("manifest.json"))
    assert packed(1).returncode == 0
