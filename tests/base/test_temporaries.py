"""Temporary files and folders vanish with their owner, and after its kill with the next owner's coming."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from reproduce.base import temporaries
from reproduce.base.files import atomic_path, write_text
from reproduce.base.temporaries import TemporaryFolder, clear_abandoned, temporary_file

KILLED_WHILE_WRITING = """
import os, signal, sys
from pathlib import Path
from reproduce.base.files import atomic_path
from reproduce.base.temporaries import TemporaryFolder
place = Path(sys.argv[1])
if sys.argv[2] == "file":
    with atomic_path(place / "a.txt") as temporary:
        temporary.write_text("half")
        os.kill(os.getpid(), signal.SIGKILL)
with TemporaryFolder("notebook-", place) as folder:
    (Path(folder) / "deep").mkdir()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def killed(place: Path, kind: str) -> None:
    command = [sys.executable, "-c", KILLED_WHILE_WRITING, str(place), kind]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert len(list(place.iterdir())) == 1


def test_the_next_writer_of_a_file_clears_what_a_killed_one_left(tmp_path):
    killed(tmp_path, "file")
    write_text(tmp_path / "a.txt", "whole")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_the_next_folder_of_that_prefix_clears_what_a_killed_owner_left(tmp_path):
    killed(tmp_path, "folder")
    with TemporaryFolder("notebook-", tmp_path) as folder:
        assert list(tmp_path.iterdir()) == [Path(folder)]
    assert list(tmp_path.iterdir()) == []


def test_those_at_work_are_left_alone(tmp_path):
    with atomic_path(tmp_path / "a.txt") as first, atomic_path(tmp_path / "a.txt") as second:
        first.write_text("1")
        assert first != second and first.exists()
    with TemporaryFolder("notebook-", tmp_path) as folder, TemporaryFolder("notebook-", tmp_path):
        assert Path(folder).is_dir()
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_other_names_are_left_alone(tmp_path):
    for name in (".b.txt.abcdefgh.part", "a.txt", ".a.txt.abcdefgh.part.kept"):
        (tmp_path / name).touch()
    clear_abandoned(tmp_path, ".a.txt.", ".part")
    assert len(list(tmp_path.iterdir())) == 3


def test_without_locks_nothing_is_taken_for_abandoned(tmp_path, monkeypatch):
    def no_locks(*arguments):
        raise OSError(95, "Operation not supported")

    (tmp_path / ".a.txt.abcdefgh.part").touch()
    monkeypatch.setattr(temporaries.fcntl, "flock", no_locks)
    write_text(tmp_path / "a.txt", "whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".a.txt.abcdefgh.part", "a.txt"]


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_clearing_between_making_and_locking_is_survived(tmp_path, monkeypatch, kind):
    """Another process clears what this one has just made and not locked yet: it makes a second one."""
    lock, made = temporaries._locked_or_closed, []

    def quicker(handle):
        made.append(handle)
        if len(made) == 1:
            clear_abandoned(tmp_path, ".a.", ".part" if kind == "file" else "")
        return lock(handle)

    monkeypatch.setattr(temporaries, "_locked_or_closed", quicker)
    opened = len(list(Path("/proc/self/fd").iterdir()))
    with temporary_file(tmp_path, ".a.", ".part") if kind == "file" else TemporaryFolder(".a.", tmp_path) as left:
        assert len(made) == 2 and [str(path) for path in tmp_path.iterdir()] == [str(left)]
    assert list(tmp_path.iterdir()) == []
    assert len(list(Path("/proc/self/fd").iterdir())) - opened <= 1  # a folder's lock goes with the object
