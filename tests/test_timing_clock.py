"""Clocks, threads, and the work of other programs."""

import subprocess
import sys
import time

import pytest
import torch

from reproduce.timing.clock import OtherWork, Stopwatch, seconds_per_call, threads_set

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


def test_threads_hold_inside_the_block_only():
    with threads_set(2):
        assert torch.get_num_threads() == 2
    assert torch.get_num_threads() == 1


def test_work_of_other_programs_is_seen_and_our_own_is_not():
    watch = OtherWork()
    quiet_until = time.perf_counter() + 0.3
    while time.perf_counter() < quiet_until:
        pass
    ours = watch.percent()
    watch = OtherWork()
    busy = "import time; end = time.time() + 0.6\nwhile time.time() < end: pass"
    subprocess.run([sys.executable, "-c", busy], check=True)
    assert watch.percent() > 20  # half of two processors, less on more
    assert ours <= 101
