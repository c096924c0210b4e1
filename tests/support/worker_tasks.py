"""Tasks for worker processes, which import this module alone: one that imports torch takes seconds to start."""

import os
import signal

from reproduce.base.errors import ReproduceError


def where(number: int) -> tuple[int, int]:
    """Return the number's square and the process that computed it."""
    return number * number, os.getpid()


def refuse_three(number: int) -> int:
    """Return the number, unless it is three.

    Raises:
        ReproduceError: it is three.
    """
    if number == 3:
        raise ReproduceError("three is refused")
    return number


def die(number: int) -> None:
    """Kill the process."""
    os.kill(os.getpid(), signal.SIGKILL)
