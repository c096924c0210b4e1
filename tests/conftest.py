"""Fixtures shared by the tests of models and training, of verdicts, of times, and of what is published by hand."""

import signal
from collections import Counter
from functools import partial
from pathlib import PurePosixPath

import pytest
import torch
from collect_support import make_arms
from external_support import prepare_miniature, use_external_study
from oracle.intervals import counted_errors
from oracle.kept import counted_kept, recorded_values
from timing_support import all_rows, timings_of

from reproduce.report.records import load_records

# A shell's background job ignores Ctrl-C, and so would every process that a test starts in order to interrupt it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Where files are run side by side, these begin first: a long one that began last would leave the other cores idle.
_LONGEST_FIRST = (
    "test_ilsvrc_end_to_end.py",
    "test_readme.py",
    "test_site_in_browser.py",
    "test_ilsvrc_stages.py",
    "test_full_disk.py",
    "test_run_kills.py",
    "test_archive.py",
    "test_golden.py",
    "test_verify_deposit.py",
    "test_pipeline.py",
    "test_gpu_session.py",
    "test_jobs.py",
    "test_at_once.py",
    "test_kills.py",
    "test_notebooks.py",
    "test_distributed.py",
    "test_kernels.py",
    "test_verify_tampering.py",
)
# Their tests share nothing that takes time to make, so that each may run beside the others.
_TESTS_APART = {"test_golden.py", "test_gpu_session.py", "test_at_once.py", "test_kills.py"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Put the longest files first, then those with the most tests."""
    sizes = Counter(item.path for item in items)
    ranks = {name: rank for rank, name in enumerate(_LONGEST_FIRST)}
    items.sort(key=lambda item: (ranks.get(item.path.name, len(ranks)), -sizes[item.path], item.path))


@pytest.hookimpl(optionalhook=True)  # only pytest-xdist asks
def pytest_xdist_make_scheduler(config, log):
    """Give each process a file at a time, or of some files a test at a time; None where another way is asked for."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid):
            file = super()._split_scope(nodeid)
            return nodeid if PurePosixPath(file).name in _TESTS_APART else file

    return Scheduling(config, log)


@pytest.fixture
def one_thread():
    """Compute on one thread: tiny work, the same bits in every run, no waiting for a busy second core."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def packed_miniature(tmp_path_factory):
    """The folder of packed data, with a part of ILSVRC-2012: 8 training and 20 validation images of 4 classes."""
    base = tmp_path_factory.mktemp("miniature")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REPRODUCE_SCRATCH", str(base / "scratch"))
        patch.setenv("REPRODUCE_PACKED", str(base / "packed"))
        prepare_miniature(base)
    return base / "packed"


@pytest.fixture
def external_folder(tmp_path, packed_miniature, monkeypatch):
    """A folder with the study of ``external_support``, which the package reads there, on the packed miniature."""
    monkeypatch.setenv("REPRODUCE_SCRATCH", str(tmp_path / "scratch"))
    monkeypatch.setenv("REPRODUCE_PACKED", str(packed_miniature))
    use_external_study(tmp_path, monkeypatch.setattr)
    return tmp_path


@pytest.fixture
def make_runs(tmp_path):
    """``collect_support.make_arms`` in a folder of its own."""
    return partial(make_arms, tmp_path)


@pytest.fixture
def timed(tmp_path):
    """The timings of a made-up machine."""
    return timings_of(all_rows(), tmp_path)


@pytest.fixture
def untimed(tmp_path):
    """The same tables without any machine."""
    return timings_of(all_rows().iloc[:0], tmp_path / "untimed")


@pytest.fixture(scope="session")
def published_counts():
    """Every quantity of the published runs on CIFAR-10: counted from what they keep, the rest as they recorded it."""
    loaded = load_records()
    counted = counted_errors(loaded.runs).join(counted_kept(loaded.runs))
    return counted.join(recorded_values(counted.index).drop(columns=counted.columns, errors="ignore"))
