"""Spreading independent tasks over processes. The number of processes is a launch setting: it changes no result."""

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from reproduce.base.errors import ReproduceError

Task = TypeVar("Task")
Result = TypeVar("Result")


def available_cores() -> int:
    """Return the cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def worker_pool(workers: int) -> ProcessPoolExecutor:
    """Return a pool of worker processes with one thread each, which end with this process and hold none of its locks.

    Raises:
        ReproduceError: the shared memory in which processes wait for one another cannot be written.
    """
    fresh = multiprocessing.get_context("spawn")  # a fork would keep the parent's lock files open
    try:
        return ProcessPoolExecutor(workers, mp_context=fresh, initializer=_follow_parent)
    except OSError as error:
        reason = error.strerror or error
        raise ReproduceError(
            f"{workers} worker processes need shared memory, and /dev/shm cannot be written ({reason}); mount it "
            "writable, or give --workers 1"
        ) from error


def finished_tasks(
    work: Callable[[Task], Result], tasks: Iterable[Task], workers: int
) -> Iterator[tuple[Task, Result]]:
    """Yield each task with its result as it finishes, in any order; with one worker, this process does the work.

    ``work`` must be importable by name. Workers end with their parent, however it ends, and hold none of its locks.

    Raises:
        ReproduceError: a task's first error, raised when the tasks under way have ended; or a worker was killed.
    """
    tasks = list(tasks)
    if workers == 1 or len(tasks) < 2:
        yield from ((task, work(task)) for task in tasks)
        return
    with worker_pool(min(workers, len(tasks))) as pool:
        futures = {pool.submit(work, task): task for task in tasks}
        try:
            for future in as_completed(futures):
                yield futures.pop(future), future.result()
        except BrokenProcessPool as error:
            message = "a worker process was killed, perhaps for lack of memory; run again with fewer --workers"
            raise ReproduceError(message) from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _follow_parent() -> None:
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = "1"  # read when the task's module imports numpy: one thread per worker
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends a worker silently; the parent reports it
    threading.Thread(target=_exit_after_parent, daemon=True).start()


def _exit_after_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)
