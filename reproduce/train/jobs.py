"""Runs side by side: each in a process of its own, those that DVC records through DVC, their lines in one stream."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager

from reproduce.base.errors import InterruptedRunError, ReproduceError
from reproduce.base.paths import REPO_ROOT
from reproduce.study.run_id import RunId
from reproduce.study.study import Study


def train_side_by_side(study: Study, runs: list[RunId], jobs: int, threads: int) -> None:
    """Train ``runs``, ``jobs`` at a time, each on ``threads`` threads; what they say comes out line by line.

    An interrupt reaches every run at work, which saves its checkpoint, and starts no further run.

    Raises:
        InterruptedRunError: SIGINT or SIGTERM came; the same command goes on.
        ReproduceError: a run failed. The others were trained all the same.
    """
    commands = {run: command_of(study, run) for run in runs}
    at_work: list[subprocess.Popen[str]] = []
    pool = ThreadPoolExecutor(jobs)
    try:
        with _sigterm_as_interrupt():
            started = {pool.submit(_follow, commands[run], threads, at_work): run for run in runs}
            failed = [str(started[ended]) for ended in as_completed(started) if ended.result() != 0]
    except KeyboardInterrupt:
        _interrupt(at_work)
        raise InterruptedRunError("stopped; the same command goes on with what is missing") from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    if failed:
        raise ReproduceError(f"{len(failed)} of {len(runs)} runs failed; each says why above: {', '.join(failed)}")


def command_of(study: Study, run: RunId) -> list[str]:
    """Return the command that trains a run: its own stage where it has one, so that DVC records it, else ``train``."""
    if run in study.stages():
        stage = f"experiments/{study.study}/dvc.yaml:{run.variant}@{run.seed}"
        return [sys.executable, "-m", "dvc", "--wait-for-lock", "repro", "-s", stage]
    length = ["--epochs", str(run.epochs), "--seed", str(run.seed)]
    return [sys.executable, "-m", "reproduce", "train", run.study, run.variant, *length]


def _follow(command: list[str], threads: int, at_work: list[subprocess.Popen[str]]) -> int:
    """Run a command to its end, printing its lines as they come; return its exit status.

    It writes to a pipe, so its progress is plain lines: bars of several runs would overwrite each other. It has a
    process group of its own, so that an interrupt reaches DVC and its trainer alike, once.
    """
    process = subprocess.Popen(
        command,
        cwd=REPO_ROOT,
        env=os.environ | {"OMP_NUM_THREADS": str(threads)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    at_work.append(process)
    for line in process.stdout:
        print(line, end="", flush=True)
    return process.wait()


def _interrupt(processes: list[subprocess.Popen[str]]) -> None:
    for process in processes:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)


@contextmanager
def _sigterm_as_interrupt() -> Iterator[None]:
    """Let SIGTERM, by which schedulers stop a job, do what an interrupt does."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
