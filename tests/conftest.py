"""Fixtures shared by the tests of models and training, of verdicts, of times, and of what is published by hand."""

import signal
from functools import partial

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
