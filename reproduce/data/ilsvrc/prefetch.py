"""Working ahead in a thread: the next items are made while the present one is used, in the same order."""

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")
_SECONDS_BETWEEN_LOOKS = 0.1
_END = object()


def prefetched(make: Callable[[Item], Made], items: Iterable[Item], depth: int = 4) -> Iterator[Made]:
    """Yield ``make(item)`` for each item in order, made up to ``depth`` ahead in one thread.

    The thread ends after the last item, at an error (raised here when its item's turn comes), or when the iterator is
    closed. ``make(item)`` must not depend on the time of the call, so that ``depth`` and timing change no result.
    """
    ready: queue.Queue[tuple[Made | object, BaseException | None]] = queue.Queue(maxsize=depth)
    closed = threading.Event()
    worker = threading.Thread(target=_fill, args=(make, items, ready, closed), daemon=True, name="prefetch")
    worker.start()
    try:
        while True:
            made, error = ready.get()
            if error is not None:
                raise error
            if made is _END:
                return
            yield made
    finally:
        closed.set()
        worker.join()


def _fill(make: Callable[[Item], Made], items: Iterable[Item], ready: queue.Queue, closed: threading.Event) -> None:
    try:
        for item in items:
            if closed.is_set() or not _put(ready, (make(item), None), closed):
                return
        _put(ready, (_END, None), closed)
    except BaseException as error:
        _put(ready, (None, error), closed)


def _put(ready: queue.Queue, content: object, closed: threading.Event) -> bool:
    while not closed.is_set():
        try:
            ready.put(content, timeout=_SECONDS_BETWEEN_LOOKS)
            return True
        except queue.Full:
            continue
    return False
