"""Killing this process, or all it has started, at one exact event: the n-th file written, function called, or program.

An aim arms itself in the process that is to die. Counted to its end without a kill, it tells how many events there are.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_FILE_EVENTS = {"open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.chmod", "os.truncate"}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


@dataclass
class Trigger:
    """Counts events and sends SIGKILL at the event ``at`` (0: never), ``delay_seconds`` after it.

    ``group`` kills the whole process group, as a scheduler or a closed terminal does, otherwise this process alone.
    """

    at: int
    group: bool = False
    delay_seconds: float = 0.0
    events: int = 0

    def __call__(self) -> None:
        """Count one event."""
        self.events += 1
        if self.events == self.at:
            timer = threading.Timer(self.delay_seconds, self._kill)
            timer.daemon = True
            timer.start() if self.delay_seconds else self._kill()

    def _kill(self) -> None:
        os.killpg(0, signal.SIGKILL) if self.group else os.kill(os.getpid(), signal.SIGKILL)


def at_file_events(trigger: Trigger, *places: Path) -> None:
    """Count each change of a file or folder at or below one of ``places``, right before it happens.

    These are opening for writing, renaming, removing, making and permissions, as Python's audit events report them.
    """
    roots = [os.fspath(place) for place in places]

    def look(event: str, arguments: tuple[Any, ...]) -> None:
        if event not in _FILE_EVENTS or (event == "open" and not arguments[2] & _WRITING):
            return
        path = _path_of(arguments)
        if any(path == root or path.startswith(f"{root}/") for root in roots):
            trigger()

    sys.addaudithook(look)


def _path_of(arguments: tuple[Any, ...]) -> str:
    """Return the absolute path that a file event is about; where it is relative to an open folder, by Linux's /proc."""
    named = arguments[0]
    if not isinstance(named, str | bytes | os.PathLike):
        return ""  # an open file
    path = os.fsdecode(named)
    folder = arguments[-1]  # dir_fd, in the events of shutil.rmtree
    if not path.startswith("/") and isinstance(folder, int) and folder > 2:
        path = f"{Path(f'/proc/self/fd/{folder}').readlink()}/{path}"
    return os.path.abspath(path)  # noqa: PTH100  (Path.resolve would follow links)


def at_programs(trigger: Trigger, name: str) -> None:
    """Count each start of a program in whose command line ``name`` stands."""

    def look(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "subprocess.Popen" and name in f"{arguments[0]} {arguments[1]}":
            trigger()

    sys.addaudithook(look)


def at_calls(trigger: Trigger, owner: object, name: str) -> None:
    """Count each call of the function or method ``name`` of ``owner``, right before it."""
    setattr(owner, name, counted(trigger, getattr(owner, name)))


def counted(trigger: Trigger, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``function`` with each call counted."""

    def call(*arguments: Any, **options: Any) -> Any:
        trigger()
        return function(*arguments, **options)

    return call
