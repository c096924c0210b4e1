"""Runs each place's command unbroken, then again and again killed and repeated, and compares all that is left."""

import multiprocessing
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from kills.aims import Trigger
from kills.places import PLACES, Place
from kills.sandbox import contents, enter, renew

# Commands are children of a process that has imported everything and done nothing: torch loads once, not 200 times.
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["kills.places", "dvc.cli", "dvc.commands.repro", "reproduce.train.imports"])
_SECONDS_FOR_ORPHANS = 60
_TRIES_TO_HIT = 10
_SHORTEST_DELAY_SECONDS = 0.02
_NEVER = Trigger(0)


@dataclass
class Outcome:
    """Counts of one place's kills: those that ended with the same bytes, those that left nothing, those told to wait.

    ``problems`` has a line for each kill and each kind of thing that was wrong after it.
    """

    place: str
    kills: int = 0
    same: int = 0
    clean: int = 0
    busy: int = 0
    problems: list[str] = field(default_factory=list)

    def add(self, when: str, failed: list[str], changed: list[str], left: list[str], times_busy: int) -> None:
        """Count one kill: why its repetition failed, the files that were not the same, and those left over."""
        self.kills += 1
        self.same += not changed and not failed
        self.clean += not left
        self.busy += times_busy > 0
        kinds = {"failed": failed, "not the same": changed, "left over": left}
        self.problems += [f"{when}: {kind}: {', '.join(names)}" for kind, names in kinds.items() if names]


def share_of(kills: int) -> dict[Place, int]:
    """Return how many of ``kills`` each place gets, in proportion to its share and at least one."""
    total = sum(place.kills for place in PLACES)
    return {place: max(1, round(kills * place.kills / total)) for place in PLACES}


def kill_at(place: Place, kills: int, base: Path, killed: Callable[[], None]) -> Outcome:
    """Kill a place's command ``kills`` times in folders below ``base``, calling ``killed`` after each; compare."""
    folder, template = base / "work", base / "template"
    log, outcome = base / "log", Outcome(place.name)
    folder.mkdir(parents=True)
    _succeed(_started(place, folder, None, log), log)
    folder.rename(template)
    renew(folder, template)
    events = _events_of_unbroken(place, folder, log)
    unbroken = contents(folder)
    for number in range(kills):
        aim = _aim(place, number, kills, events)
        _kill(place, folder, template, aim, log)
        failed, times_busy = _repeat(place, folder, log)
        orphans = _orphans(folder)  # before anything is read: they may still be writing
        found = contents(folder)
        changed = sorted(name for name in unbroken if found.get(name) != unbroken[name])
        left = [*sorted(set(found) - set(unbroken)), *orphans]
        when = f"{place.name}, event {aim.at} of {events}, {aim.delay_seconds:g} s after it"
        outcome.add(when, failed, changed, left, times_busy)
        killed()
    shutil.rmtree(base)
    return outcome


def _aim(place: Place, number: int, kills: int, events: int) -> Trigger:
    """Spread the kills evenly over the events; take the delays, and process and group, in turn."""
    at = 1 + round(number * (events - 1) / max(1, kills - 1))
    delays = place.delays_seconds
    return Trigger(at, place.group and number % 2 == 1, delays[number % len(delays)])


def _events_of_unbroken(place: Place, folder: Path, log: Path) -> int:
    _succeed(_started(place, folder, _NEVER, log), log)
    events = int(_tally(log).read_text())
    assert events, f"{place.name}: no event to be killed at"
    return events


def _kill(place: Place, folder: Path, template: Path, aim: Trigger, log: Path) -> None:
    """Run the command afresh to its death; where it ends before the delay is over, again with half of it, then none."""
    for _ in range(_TRIES_TO_HIT):
        renew(folder, template)
        process = _started(place, folder, aim, log)
        process.join()
        if process.exitcode == -signal.SIGKILL:
            return
        aim.delay_seconds = aim.delay_seconds / 2 if aim.delay_seconds > _SHORTEST_DELAY_SECONDS else 0.0
    raise AssertionError(f"{place.name}: the command ended before its kill\n{log.read_text()}")


def _repeat(place: Place, folder: Path, log: Path) -> tuple[list[str], int]:
    """Run the command again; while what the killed one has started is at work, it may say so in one line and end.

    Returns:
        Why it failed, nothing where it did not; and the number of times that it was told to wait.
    """
    deadline = time.monotonic() + _SECONDS_FOR_ORPHANS
    times_busy = 0
    while True:
        process = _started(place, folder, _NEVER, log)
        process.join()
        said = log.read_text(errors="replace")
        if process.exitcode == 0:
            return [], times_busy
        if "another trainer is at work" not in said or time.monotonic() > deadline:
            return [f"exit status {process.exitcode}: {said[-2000:]}"], times_busy
        times_busy += 1
        time.sleep(0.5)


def _started(place: Place, folder: Path, trigger: Trigger | None, log: Path) -> multiprocessing.Process:
    process = _FORKS.Process(target=_work, args=(place, folder, trigger, log))
    process.start()
    return process


def _work(place: Place, folder: Path, trigger: Trigger | None, log: Path) -> None:
    """Fill the place's folder (no trigger), or run its command in it and leave the number of events beside the log."""
    os.setsid()
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(output, stream)
    enter(folder)
    if trigger is None:
        place.write(folder)
        return
    place.arm(trigger, folder)
    status = place.command(folder)
    _tally(log).write_text(str(trigger.events))
    raise SystemExit(status)


def _tally(log: Path) -> Path:
    return log.with_name("events")


def _succeed(process: multiprocessing.Process, log: Path) -> None:
    process.join()
    assert process.exitcode == 0, log.read_text(errors="replace")


def _orphans(folder: Path) -> list[str]:
    """Return the programs that still work in ``folder`` a while after the command has ended."""
    deadline = time.monotonic() + 10
    while (found := list(_programs_in(folder))) and time.monotonic() < deadline:
        time.sleep(0.2)
    return [f"process {' '.join(process.cmdline())[:80]}" for process in found]


def _programs_in(folder: Path) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        try:
            if process.environ().get("TMPDIR", "").startswith(str(folder)):
                yield process
        except psutil.Error:
            continue
