"""Reading a command line: the parser whose mistakes are one line, and the types of its numbers."""

import argparse
import math
import os
from typing import NoReturn

from reproduce.base.errors import one_line, shortened


class Parser(argparse.ArgumentParser):
    """An argument parser that says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        """Print ``message`` and where help is, and exit with status 2."""
        self.exit(2, f"error: {one_line(message)}; see `{self.prog} --help`\n")


def positive(text: str) -> int:
    """Return ``text`` as a positive whole number below 2**63.

    Raises:
        argparse.ArgumentTypeError: ``text`` is no such number.
    """
    if not (text.isascii() and text.isdecimal()) or len(text) > 19 or not 0 < int(text) < 2**63:
        raise argparse.ArgumentTypeError(f"{shortened(text)} is not a positive whole number below 2**63")
    return int(text)


def most_threads() -> int:
    """Return the largest number of threads that may be asked for on this machine: four per core."""
    return 4 * (os.cpu_count() or 1)


def threads(text: str) -> int:
    """Return ``text`` as a number of threads, at most ``most_threads()``.

    Raises:
        argparse.ArgumentTypeError: ``text`` is not a positive whole number, or is larger than that.
    """
    if positive(text) > most_threads():
        most = most_threads()
        raise argparse.ArgumentTypeError(f"{shortened(text)} threads are too many for this machine: at most {most}")
    return int(text)


def seconds(text: str) -> float:
    """Return ``text`` as a finite number of seconds, zero or more.

    Raises:
        argparse.ArgumentTypeError: ``text`` is no such number.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{shortened(text)} is not a finite number of seconds, zero or more")
    return value
