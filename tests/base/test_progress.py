"""Durations in words, and the plain lines that stand for a bar where there is no terminal."""

import io

import pytest

from reproduce.base import progress
from reproduce.base.progress import Progress, format_duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (200, "3 min 20 s"),
        (3599.7, "1 h 00 min"),
        (7500, "2 h 05 min"),
    ],
)
def test_format_duration(seconds, text):
    assert format_duration(seconds) == text


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 100.0

        def monotonic(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def test_lines_come_seconds_apart_with_share_rate_and_time_left(clock):
    stream = io.StringIO()
    with Progress("training", total=1000, unit="img", stream=stream) as report:
        clock.now += 1
        report.update(50)
        assert stream.getvalue() == ""
        clock.now += 9
        report.update(150, note="epoch 1")
        assert stream.getvalue() == "training: 20 %, 20 img/s, 40 s left, epoch 1\n"
        clock.now += 1
        report.update(100)
        assert stream.getvalue().count("\n") == 1
        clock.now += 9
        report.update(100)
    assert stream.getvalue().splitlines()[1:] == ["training: 40 %, 20 img/s, 30 s left"]


@pytest.mark.parametrize(
    ("initial", "said"), [(0, "20 %, 0.25 step/s, 32 s left"), (5, "70 %, 0.25 step/s, 12 s left")]
)
def test_slow_work_has_a_rate_in_which_that_of_an_earlier_process_does_not_count(clock, initial, said):
    stream = io.StringIO()
    report = Progress("work", total=10, unit="step", initial=initial, stream=stream)
    clock.now += 8
    report.update(2)
    assert stream.getvalue() == f"work: {said}\n"


def test_a_terminal_gets_a_bar(clock):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    stream = Terminal()
    with Progress("training", total=10, unit="img", stream=stream) as report:
        report.update(10, note="done")
    assert "training: 100%" in stream.getvalue() and "\r" in stream.getvalue()
