"""Trains runs side by side, each in a process of its own, and prints their lines in one stream."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed

from reproduce.base.errors import InterruptedRunError, ReproduceError
from reproduce.base.paths import REPO_ROOT
from reproduce.study.run_id import RunId
from reproduce.study.study import Study


def train_side_by_side(study: Study, runs: list[RunId], jobs: int, threads: int) -> None:
    """Train ``runs``, ``jobs`` at a time, each on ``threads`` threads, and print their lines as they come.

    On an interrupt every run at work saves its checkpoint and stops, and no further run starts.

    Raises:
        InterruptedRunError: SIGINT or SIGTERM came; the same command goes on.
        ReproduceError: a run failed. The others were trained all the same.
    """
    commands = {run: command_of(study, run) for run in runs}
    at_work = _AtWork(threads)
    with _stopped_by_signals(at_work), ThreadPoolExecutor(jobs) as pool:
        started = {pool.submit(_follow, commands[run], at_work): run for run in runs}
        failed = [str(started[ended]) for ended in as_completed(started) if ended.result() != 0]
    if at_work.is_stopping:
        raise InterruptedRunError("stopped; the same command goes on with what is missing")
    if failed:
        raise ReproduceError(f"{len(failed)} of {len(runs)} runs failed; each says why above: {', '.join(failed)}")


def command_of(study: Study, run: RunId) -> list[str]:
    """Return the command that trains a run: its DVC stage where it has one, so that DVC records it, else ``train``."""
    if run in study.stages():
        stage = f"experiments/{study.study}/dvc.yaml:{study.stage_name(run.variant, run.epochs)}@{run.seed}"
        return [sys.executable, "-m", "dvc", "--wait-for-lock", "repro", "-s", stage]
    length = ["--epochs", str(run.epochs), "--seed", str(run.seed)]
    return [sys.executable, "-m", "reproduce", "train", run.study, run.variant, *length]


class _AtWork:
    """The processes at work; once they are told to stop, no further one starts."""

    def __init__(self, threads: int) -> None:
        self.is_stopping = False
        self._environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
        self._lock = threading.RLock()  # a second signal may come while the first is handled
        self._processes: list[subprocess.Popen[str]] = []

    def start(self, command: list[str]) -> subprocess.Popen[str] | None:
        """Return the command's process, or None after ``stop``.

        The process writes to a pipe, so its progress is plain lines: bars of several runs would overwrite each other.
        It has a process group of its own, so that an interrupt reaches DVC, and the trainer that DVC started, once.
        """
        with self._lock:
            if self.is_stopping:
                return None
            process = subprocess.Popen(
                command,
                cwd=REPO_ROOT,
                env=self._environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                start_new_session=True,
            )
            self._processes.append(process)
            return process

    def stop(self) -> None:
        """Interrupt every process at work; each saves what it has."""
        with self._lock:
            self.is_stopping = True
            for process in self._processes:
                if process.poll() is None:
                    with contextlib.suppress(ProcessLookupError):  # it ended just now
                        os.killpg(process.pid, signal.SIGINT)


def _follow(command: list[str], at_work: _AtWork) -> int:
    """Run a command to its end and print its lines as they come; return its exit status, or 0 if it was not started."""
    process = at_work.start(command)
    if process is None:
        return 0
    try:
        for line in process.stdout:
            print(line, end="", flush=True)
    except BaseException:  # our output is closed: stop the runs, which would wait for a reader
        at_work.stop()
        process.communicate()
        raise
    return process.wait()


@contextlib.contextmanager
def _stopped_by_signals(at_work: _AtWork) -> Iterator[None]:
    """Stop the runs at work on an interrupt, or on SIGTERM, which schedulers send."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    previous = {number: signal.signal(number, lambda *_: at_work.stop()) for number in numbers}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
