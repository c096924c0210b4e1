"""Features on the disk: reserved in full before the first is written, whatever the file system can."""

import errno
import fcntl
import os
import resource

import numpy as np
import pytest

from reproduce.base.errors import ReproduceError
from reproduce.features import kept_steps
from reproduce.features.kept_steps import KeptSteps

SHAPE = (1_000, 50)
BYTES = SHAPE[0] * SHAPE[1] * 4


def encoded(rows):
    return np.arange(rows.start, rows.stop, dtype=np.float32)[:, None].repeat(SHAPE[1], axis=1)


@pytest.fixture
def steps(tmp_path):
    return KeptSteps(tmp_path, "a run")


@pytest.fixture
def files_of_100_kb():
    """No file of this process may grow beyond 100 kB, as on a disk with so much room."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("files_of_100_kb")
def test_an_array_that_the_disk_cannot_hold_is_one_line_before_any_work(steps):
    with pytest.raises(
        ReproduceError, match=r"^cannot reserve 0\.0 GB for .*sift\.features: .*REPRODUCE_SCRATCH"
    ) as error:
        steps.features("sift", SHAPE, "float32", pytest.fail)
    assert "\n" not in str(error.value)
    assert not list(steps.folder.iterdir())


def test_all_bytes_are_on_the_disk_before_the_first_part_is_made(steps):
    allocated = []

    def encode(rows):
        allocated.append((steps.folder / "sift.features").stat().st_blocks * 512)
        return encoded(rows)

    found = steps.features("sift", SHAPE, "float32", encode)
    assert allocated[0] >= BYTES
    assert (found[:, 0] == np.arange(SHAPE[0])).all()


def test_a_file_system_that_cannot_reserve_is_used_all_the_same(steps, monkeypatch):
    def unknown(descriptor, *arguments):
        flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
        assert flags & os.O_ACCMODE == os.O_RDWR and not flags & os.O_APPEND  # else glibc answers EBADF
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr(os, "posix_fallocate", unknown)
    found = steps.features("sift", SHAPE, "float32", encoded)
    assert (found == encoded(range(SHAPE[0]))).all()


def test_rows_that_are_there_stay_when_the_file_is_reserved_again(steps, monkeypatch):
    monkeypatch.setattr(kept_steps, "_ROWS_AT_ONCE", 400)

    def dying(rows):
        if rows.start == 400:
            raise KeyboardInterrupt
        return encoded(rows)

    with pytest.raises(KeyboardInterrupt):
        steps.features("sift", SHAPE, "float32", dying)
    made = []
    found = steps.features("sift", SHAPE, "float32", lambda rows: made.append(rows) or encoded(rows))
    assert made == [range(400, 800), range(800, 1_000)]
    assert (found == encoded(range(SHAPE[0]))).all()
