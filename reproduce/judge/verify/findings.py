"""The outcome of all checks of ``verify``."""

from dataclasses import dataclass, field

_MOST_NAMED = 3


@dataclass
class Findings:
    """Everything found, one line each.

    Attributes:
        problems: faults; any of them fails the command.
        skipped: checks that could not be made here, with the reason.
        notes: changes that may be intended, such as an edited page of prose.
        line_endings: files that differ from their records by carriage returns alone.
        held: files and folders whose bytes some check compared.
        runs, recorded, remade: numbers of runs checked, of files and folders compared with a dvc.lock, and of files
            made again.
    """

    problems: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    line_endings: set[str] = field(default_factory=set)
    held: set[str] = field(default_factory=set)
    runs: int = 0
    recorded: int = 0
    remade: int = 0

    def all_problems(self) -> list[str]:
        """Return the problems; changed line endings come first, as one fault however many files have them."""
        if not self.line_endings:
            return self.problems
        line = (
            f"line endings were changed to CRLF in {names(sorted(self.line_endings))}; nothing else in them differs. "
            "Run `git config core.autocrlf false`, delete these files and restore them with git"
        )
        return [line, *self.problems]


def names(paths: list[str]) -> str:
    """Return the first few of ``paths`` in words, and the number of the others."""
    more = len(paths) - _MOST_NAMED
    return ", ".join(paths[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
