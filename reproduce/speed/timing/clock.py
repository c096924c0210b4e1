"""Clocks for a CPU and for CUDA devices, and settings that hold inside a block.

``torch.utils.benchmark.Timer`` is not used: it repeats one statement until it has enough samples. Pieces of work could
then not take turns, and a drift of the machine's speed would distort one of them. ``Timer`` also cannot mark moments
inside a pass, which the timing of layers needs.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import psutil
import torch


class Stopwatch:
    """Marks moments of the work given to a device, on CUDA by events in its stream.

    If the host queues kernels more slowly than the device runs them, the time between two events includes idling. For
    short kernels that time is therefore the host's.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._marks: list[float | torch.cuda.Event] = []

    def mark(self) -> None:
        """Mark the end of all work given to the device so far."""
        if self._device.type != "cuda":
            self._marks.append(time.perf_counter())
            return
        event = torch.cuda.Event(enable_timing=True)
        event.record(torch.cuda.current_stream(self._device))
        self._marks.append(event)

    def intervals(self) -> list[float]:
        """Wait for the device and return the seconds between neighboring marks."""
        pairs = zip(self._marks, self._marks[1:], strict=False)
        if self._device.type != "cuda":
            return [end - begin for begin, end in pairs]
        torch.cuda.synchronize(self._device)
        return [begin.elapsed_time(end) / 1e3 for begin, end in pairs]  # the events count milliseconds


def seconds_per_call(call: Callable[[], object], repeats: int, device: torch.device) -> float:
    """Return the mean seconds of ``repeats`` calls in a row on a synchronized device."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    watch = Stopwatch(device)
    watch.mark()
    for _ in range(repeats):
        call()
    watch.mark()
    return watch.intervals()[0] / repeats


def seconds_on_cpu(call: Callable[[], object], repeats: int) -> float:
    """Return the seconds of ``repeats`` calls in a row on the CPU, all together."""
    return repeats * seconds_per_call(call, repeats, torch.device("cpu"))


@contextmanager
def threads_set(threads: int) -> Iterator[None]:
    """Compute on ``threads`` CPU threads inside the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def gpu_load_percent(devices: Sequence[str]) -> float | None:
    """Return the load of the busiest GPU among ``devices`` in the last moments, in percent. Call this before timing.

    None if the load is unknown: without a GPU, without the package nvidia-ml-py, or if the driver does not answer.
    """
    loads = []
    for name in devices:
        if torch.device(name).type == "cuda":
            try:
                loads.append(float(torch.cuda.utilization(torch.device(name))))
            except (ModuleNotFoundError, RuntimeError):  # no package; no answer from the driver
                return None
    return max(loads, default=None)


class OtherWork:
    """Watches the share of processor time that other programs use, from the moment it is made."""

    def __init__(self) -> None:
        self._started, self._before = time.perf_counter(), self._busy_seconds()

    @staticmethod
    def _busy_seconds() -> float:
        """Return the processor seconds that other programs have used so far: all busy or stolen time minus our own."""
        machine, own = psutil.cpu_times(), psutil.Process().cpu_times()
        idle = machine.idle + getattr(machine, "iowait", 0.0)
        counted = sum(machine) - getattr(machine, "guest", 0.0) - getattr(machine, "guest_nice", 0.0)  # summed twice
        return counted - idle - own.user - own.system

    def percent(self) -> float:
        """Return the share of all processors' time that other programs used, in percent."""
        elapsed = (time.perf_counter() - self._started) * (psutil.cpu_count() or 1)
        return max(0.0, 100 * (self._busy_seconds() - self._before) / elapsed) if elapsed else 0.0
