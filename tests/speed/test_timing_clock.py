"""Clocks, threads, and the work of other programs."""

import operator
import time
from collections import namedtuple
from types import SimpleNamespace

import pytest
import torch

from reproduce.speed.timing import clock
from reproduce.speed.timing.clock import OtherWork, Stopwatch, gpu_load_percent, seconds_per_call, threads_set

pytestmark = pytest.mark.usefixtures("one_thread")
CPU = torch.device("cpu")


def test_the_clock_counts_calls():
    called = []
    seconds = seconds_per_call(lambda: called.append(time.sleep(0.01)), 4, CPU)
    assert len(called) == 4 and 0.01 <= seconds < 0.2
    watch = Stopwatch(CPU)
    for _ in range(3):
        watch.mark()
    assert len(watch.intervals()) == 2


class FakeEvent:
    """A CUDA event on a device whose clock goes on 5 ms with every kernel, long after the host queued them."""

    device_ms = 0.0

    def __init__(self, enable_timing):
        assert enable_timing

    def record(self, stream):
        assert stream == "stream of cuda:1"
        self.at = FakeEvent.device_ms

    def elapsed_time(self, end):
        return end.at - self.at


def test_a_gpu_is_timed_by_its_own_events_after_waiting_for_it(monkeypatch):
    """No GPU is needed: what matters is which clock is read, on which device, and that it has finished."""
    waited = []
    monkeypatch.setattr(torch.cuda, "Event", FakeEvent)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: f"stream of {device}")
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: waited.append(str(device)))

    def kernel():
        FakeEvent.device_ms += 5.0

    assert seconds_per_call(kernel, 4, torch.device("cuda:1")) == pytest.approx(0.005)
    assert waited == ["cuda:1", "cuda:1"]  # what was queued before, and what was timed
    watch = Stopwatch(torch.device("cuda:1"))
    watch.mark()
    kernel()
    watch.mark()
    kernel()
    kernel()
    watch.mark()
    assert watch.intervals() == pytest.approx([0.005, 0.010])


def test_the_load_of_gpus_is_that_of_the_busiest_and_none_where_nothing_tells(monkeypatch):
    loads = {torch.device("cuda:0"): 3, torch.device("cuda:1"): 80}
    monkeypatch.setattr(torch.cuda, "utilization", loads.__getitem__)
    assert gpu_load_percent(["cpu", "cuda:0", "cuda:1"]) == 80.0
    assert gpu_load_percent(["cpu"]) is None

    def no_package(device):
        raise ModuleNotFoundError("nvidia-ml-py does not seem to be installed")

    monkeypatch.setattr(torch.cuda, "utilization", no_package)
    assert gpu_load_percent(["cpu", "cuda:0"]) is None


def test_threads_hold_inside_the_block_only():
    with threads_set(2):
        assert torch.get_num_threads() == 2
    assert torch.get_num_threads() == 1


MachineTimes = namedtuple("MachineTimes", ["user", "system", "idle", "iowait", "steal", "guest"])
OwnTimes = namedtuple("OwnTimes", ["user", "system"])


def readings(*values):
    """Return a function that returns one value after the other."""
    return iter(values).__next__


@pytest.mark.parametrize(
    ("machine", "own", "expected"),
    [
        (MachineTimes(9.0, 1.0, 30.0, 0.0, 0.0, 0.0), OwnTimes(7.0, 1.0), 5.0),  # 8 of the 10 busy seconds are ours
        # User, system and stolen time are busy, 20 s. The time of guests is part of the user time.
        (MachineTimes(15.0, 3.0, 18.0, 2.0, 2.0, 4.0), OwnTimes(0.0, 0.0), 50.0),
    ],
)
def test_work_of_other_programs_is_seen_and_our_own_is_not(monkeypatch, machine, own, expected):
    """Ten seconds pass on four processors, whose times count from an earlier start."""
    before, own_before = MachineTimes(500.0, 100.0, 4000.0, 50.0, 5.0, 20.0), OwnTimes(30.0, 6.0)
    after, own_after = map(operator.add, before, machine), map(operator.add, own_before, own)
    process = SimpleNamespace(cpu_times=readings(own_before, OwnTimes(*own_after)))
    times = readings(before, MachineTimes(*after))
    monkeypatch.setattr(clock, "psutil", SimpleNamespace(cpu_times=times, Process=lambda: process, cpu_count=lambda: 4))
    monkeypatch.setattr(clock, "time", SimpleNamespace(perf_counter=readings(100.0, 110.0)))
    assert OtherWork().percent() == pytest.approx(expected)
