"""Verbs of a command line: functions, registered with their help and options. A failure prints one line."""

import argparse
import os
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from reproduce.base.arguments import Parser
from reproduce.base.errors import ElsewhereError, ReproduceError, one_line, system_reason
from reproduce.base.lacks import lack_message
from reproduce.base.streams import say_error

Run = Callable[[argparse.Namespace], None]
INTERRUPTED, PIPE_CLOSED = 130, 141  # as the shell says of a program ended by SIGINT or SIGPIPE


class Option(NamedTuple):
    """One argument of a verb, as argparse takes it."""

    name: str
    settings: dict[str, Any]


def option(name: str, **settings: Any) -> Option:
    """Return an argument with the settings of ``ArgumentParser.add_argument``."""
    return Option(name, settings)


class _Verb(NamedTuple):
    run: Run
    help: str
    options: tuple[Option, ...]


class Verbs:
    """The verbs of a program, in the order in which they are registered."""

    def __init__(self) -> None:
        self._known: dict[str, _Verb] = {}

    def verb(self, text: str, *options: Option) -> Callable[[Run], Run]:
        """Register the decorated function as the verb of its name, with a line of help and its options."""

        def register(function: Run) -> Run:
            self._known[function.__name__.strip("_")] = _Verb(function, text, options)
            return function

        return register

    def parser(self, **settings: Any) -> Parser:
        """Return the parser with every verb; ``settings`` are those of ``ArgumentParser``."""
        parser = Parser(formatter_class=argparse.RawDescriptionHelpFormatter, **settings)
        added = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
        for name, verb in self._known.items():
            description = f"{verb.help[0].upper()}{verb.help[1:]}."
            subparser = added.add_parser(name, help=verb.help, description=description)
            for each in verb.options:
                subparser.add_argument(each.name, **each.settings)
        return parser

    def run(self, arguments: argparse.Namespace) -> None:
        """Call the function of the verb that was given."""
        self._known[arguments.verb].run(arguments)


def exit_status(action: Callable[[], None]) -> int:
    """Run ``action`` and return the exit status: 0, or that of its error, which is printed as one line."""
    try:
        action()
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough, as `head` has
        _discard_output()
        return PIPE_CLOSED
    except ReproduceError as error:
        if not isinstance(error, ElsewhereError):
            say_error(f"error: {one_line(error)}")
        return error.exit_code
    except OSError as error:  # one that the code which reads or writes does not handle
        place = "standard output or shared memory (/dev/shm)" if error.filename is None else error.filename
        reason = f"{place}: {system_reason(error)}; free space there, make it writable, or name another place"
        say_error(f"error: {one_line(reason)}")
        if error.filename is None:
            _discard_output()
        return ReproduceError.exit_code
    except (MemoryError, ImportError, RuntimeError) as error:
        lacking = lack_message(error)
        if lacking is None:
            raise
        say_error(f"error: {lacking}")
        return ReproduceError.exit_code
    except KeyboardInterrupt:
        say_error("error: interrupted")
        return INTERRUPTED
    return 0


def _discard_output() -> None:
    """Discard the rest of the output, since Python would fail again on writing it at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
