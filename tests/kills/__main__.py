"""Kills of commands that write, at exact events: ``make kills`` or ``python -m kills [--kills 100] [--place WORD]``.

Prints progress while it works and a table at the end; the exit status is 1 if any kill changed or left anything.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when torch is imported: the same bits in every run

from kills.driver import Outcome, kill_at, share_of
from kills.places import Place
from tabulate import tabulate

from reproduce.base.progress import Progress


def main() -> int:
    """Kill, repeat, compare; return the exit status."""
    parser = argparse.ArgumentParser(prog="kills", description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100, help="in all, at least one per place (100)")
    parser.add_argument("--place", default="", help="only the places in whose name this stands")
    arguments = parser.parse_args()
    shares = {place: kills for place, kills in share_of(arguments.kills).items() if arguments.place in place.name}
    outcomes = []
    with Progress("kills", sum(shares.values()), "kill") as progress, tempfile.TemporaryDirectory() as base:
        for number, (place, kills) in enumerate(shares.items()):
            killed = lambda place=place: progress.update(1, place.name)  # noqa: E731
            outcomes.append(_tried(place, kills, Path(base) / str(number), killed))
            print(_row(outcomes[-1]), *outcomes[-1].problems, sep="\n", flush=True)
    print(table(outcomes))
    return int(any(outcome.problems for outcome in outcomes))


def _tried(place: Place, kills: int, base: Path, killed: Callable[[], None]) -> Outcome:
    """Return what became of the place's kills; where they cannot be tried, that is its problem, and the rest go on."""
    try:
        return kill_at(place, kills, base, killed)
    except AssertionError as error:
        return Outcome(place.name, problems=[f"{place.name}: {error}"])


def _row(outcome: Outcome) -> str:
    return (
        f"{outcome.place}: {outcome.kills} kills, {outcome.same} with the same bytes, {outcome.clean} with no leftovers"
    )


def table(outcomes: list[Outcome]) -> str:
    """Return one row per place and the sum, and below it what was wrong."""
    rows = [(each.place, each.kills, each.same, each.kills - each.clean, each.busy) for each in outcomes]
    rows.append(("all", *(sum(column) for column in list(zip(*rows, strict=True))[1:])))
    headers = ["place", "kills", "same bytes", "with leftovers", "told to wait"]
    return "\n".join([tabulate(rows, headers), *(problem for each in outcomes for problem in each.problems)])


if __name__ == "__main__":
    sys.exit(main())
