"""Parsing the command line so that a mistake is one line."""

import argparse
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, as every other error here."""

    def error(self, message: str) -> NoReturn:
        """Print ``message`` and where help is, and exit with status 2."""
        self.exit(2, f"error: {message}; see `{self.prog} --help`\n")


def positive(text: str) -> int:
    """Return the positive whole number that ``text`` is.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive whole number")
    return int(text)
