"""The one exception a user is meant to see, and putting its message on one line."""

import difflib
import re
from collections.abc import Collection

_MOST_OF_A_WORD, _MOST_OF_A_LINE = 300, 2_000  # characters; every list of names and every path here is shorter


class ReproduceError(Exception):
    """Bad input or a failed check, with a one-line message that names the value, the file and what to do.

    The command line prints the message without a traceback and exits with ``exit_code``.
    """

    exit_code = 2


class InterruptedRunError(ReproduceError):
    """A run that was stopped before its end; its checkpoint is kept and the same command resumes it."""

    exit_code = 75  # EX_TEMPFAIL: DVC and schedulers must not take an interrupted run for a finished one


class ElsewhereError(ReproduceError):
    """An error that another process of the same training prints; this one prints nothing and exits with its status."""

    def __init__(self, exit_code: int) -> None:
        super().__init__("another process of this training failed; its error says why")
        self.exit_code = exit_code


def near_or_all(name: str, known: Collection[str], introduction: str = "it has") -> str:
    """Return the end of an error on an unknown name: similar known names, or all known names where none is similar.

    ``introduction`` stands before the full list.
    """
    near = difflib.get_close_matches(name, known)
    return f"did you mean {' or '.join(near)}?" if near else f"{introduction} {', '.join(known)}"


def shortened(value: object) -> str:
    """Return ``repr(value)`` as an error shows it, cut where it is longer than 80 characters."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}... ({len(text):,} characters)"


def system_reason(error: OSError) -> str:
    """Return the system's reason for an error; for ``shutil.Error``, which lists several files, the first reason."""
    listed = error.args[0] if error.args and not error.strerror else None
    if isinstance(listed, list) and listed:
        return re.sub(r"^\[Errno \d+\] |: '.*$", "", str(listed[0][-1]))
    return error.strerror or str(error)


def one_line(message: object) -> str:
    """Return ``message`` as it is printed: on one line, without control characters, nothing absurdly long in it.

    Messages quote values from command lines, files and environment variables, which may be anything.
    """
    text = " ".join("".join(c if c.isprintable() else " " for c in str(message)).split())
    text = re.sub(rf"\S{{{_MOST_OF_A_WORD + 1},}}", lambda word: _cut(word[0], 80), text)
    return text if len(text) <= _MOST_OF_A_LINE else _cut(text, _MOST_OF_A_LINE // 2)


def _cut(text: str, kept: int) -> str:
    """Return the first and the last ``kept`` characters. The last are kept because a message ends with what to do."""
    return f"{text[:kept]}... ({len(text):,} characters) ...{text[-kept:]}"
