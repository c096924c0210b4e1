"""Running a package client that is itself silent: a line every few seconds, and its complaint in one line."""

import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from reproduce.base.progress import format_duration
from reproduce.data.official import SourceError

_SECONDS_BETWEEN_LINES = 10


def run_client(name: str, command: Sequence[str], folder: Path, gist: Callable[[str], str]) -> None:
    """Run ``command`` in ``folder`` until it ends; it ends with this process.

    Args:
        name: what messages call it, such as ``npm pack``.
        command: program and arguments.
        folder: where it runs.
        gist: gives the reason in one line from what the client wrote on stderr.

    Raises:
        SourceError: its exit status is not 0.
    """
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        try:
            errors = _wait_aloud(name, process)
        except BaseException:
            process.kill()
            raise
    if process.returncode != 0:
        raise SourceError(f"`{name}` failed: {gist(errors)}")


def _wait_aloud(name: str, process: subprocess.Popen[str]) -> str:
    """Wait for the client and return what it wrote on stderr."""
    started = time.monotonic()
    while True:
        try:
            return process.communicate(timeout=_SECONDS_BETWEEN_LINES)[1]
        except subprocess.TimeoutExpired:
            print(f"{name}: {format_duration(time.monotonic() - started)} so far", flush=True)
