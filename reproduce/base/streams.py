"""Standard input, output and error, made usable where the caller closed them or their encoding lacks a character."""

import contextlib
import io
import os
import sys

_STREAMS = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))
_LAST = len(_STREAMS) - 1


def settle_streams() -> None:
    """Open the closed standard streams on the null device, and let output take any text.

    If one stayed closed, the next file opened would get its number, and a child process or a library would print into
    that file. A character that the output's encoding lacks is printed as its escape.
    """
    handle = os.open(os.devnull, os.O_RDWR)
    while handle <= _LAST:  # each opening takes the lowest number that is free
        os.set_inheritable(handle, True)
        handle = os.open(os.devnull, os.O_RDWR)
    os.close(handle)
    for name, mode in _STREAMS:
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115 - open to the end
        elif mode == "w" and isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def say_error(line: str) -> None:
    """Print a line on standard error; do nothing where it cannot be written."""
    with contextlib.suppress(OSError):
        print(line, file=sys.stderr, flush=True)
