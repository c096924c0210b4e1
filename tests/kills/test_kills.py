"""Kills at every fourth place, a hundred at all by `make kills`; and the driver, which must notice what is wrong."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from kills import sandbox
from kills.__main__ import table
from kills.aims import at_calls
from kills.driver import Outcome, kill_at, share_of
from kills.places import PLACES, Place

KILLED = """
import sys
from pathlib import Path
from kills.aims import Trigger, at_file_events
folder, at = Path(sys.argv[1]), int(sys.argv[2])
trigger = Trigger(at)
at_file_events(trigger, folder)
(folder / "a").write_text("1")
(folder / "a").read_text()
(folder / "a").rename(folder / "b")
(folder.parent / "elsewhere").write_text("")
(folder / "b").unlink()
print(trigger.events)
"""


@pytest.mark.parametrize(("at", "left"), [(1, []), (2, ["a"]), (3, ["b"])])
def test_a_process_dies_right_before_the_event_it_is_to_die_at(tmp_path, at, left):
    (tmp_path / "watched").mkdir()
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "watched"), str(at)], env=_environment())
    assert done.returncode == -9
    assert [path.name for path in (tmp_path / "watched").iterdir()] == left


def test_events_are_counted_where_nothing_dies(tmp_path):
    (tmp_path / "watched").mkdir()
    command = [sys.executable, "-c", KILLED, str(tmp_path / "watched"), "0"]
    assert subprocess.run(command, env=_environment(), capture_output=True, text=True, check=True).stdout == "3\n"


def _environment():
    return os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def test_every_place_gets_its_share_of_a_hundred():
    assert sum(place.kills for place in PLACES) == sum(share_of(100).values()) >= 100
    assert set(share_of(1).values()) == {1}
    assert len({place.name for place in PLACES}) == len(PLACES)


def test_contents_are_compared_without_clock_times(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "history.csv").write_text("epoch,seconds,test_error\n1,2.5,30\n")
    (tmp_path / "run.json").write_text('{"run_id": "a", "finished_utc": "now"}')
    expected = {"empty": b"", "history.csv": b"epoch,test_error\n1,30", "run.json": b'{"run_id": "a"}'}
    assert sandbox.contents(tmp_path) == expected


def test_the_table_sums_the_places_and_names_what_was_wrong():
    text = table([Outcome("here", 3, 2, 3, 0, ["here, event 1: not the same: a"]), Outcome("there", 2, 2, 1, 1)])
    assert text.splitlines()[-2].split() == ["all", "5", "4", "1", "1"]
    assert text.endswith("here, event 1: not the same: a")


# A command that is not safe: it writes in place, keeps a part, and goes on from what it finds


def write_nothing(folder: Path) -> None:
    """Leave the folder empty."""


def unsafe(folder: Path) -> int:
    """Write two files, the second as the first finds it."""
    for name in (f".{os.getpid()}.part", "result"):
        (folder / name).touch()
    with (folder / "result").open("a") as stream:
        stream.write("x")
    time.sleep(0)
    next(folder.glob(f".{os.getpid()}.part")).unlink()
    return 0


def calls_of_sleep(trigger, folder):
    at_calls(trigger, time, "sleep")


@pytest.mark.slow
def test_what_a_kill_changed_or_left_is_found(tmp_path):
    killed = []
    place = Place("unsafe", 2, write_nothing, unsafe, calls_of_sleep)
    outcome = kill_at(place, 2, tmp_path / "base", lambda: killed.append(1))
    assert (outcome.kills, outcome.same, outcome.clean, len(killed)) == (2, 0, 0, 2)
    assert len(outcome.problems) == 4
    assert outcome.problems[0] == "unsafe, event 1 of 1, 0 s after it: not the same: result"
    assert "unsafe, event 1 of 1, 0 s after it: left over: ." in outcome.problems[1]


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("place", PLACES[::4], ids=lambda place: place.name)  # `make kills` takes all
def test_a_killed_command_run_again_ends_as_if_unbroken(tmp_path, place):
    outcome = kill_at(place, 1, tmp_path / "base", lambda: None)
    assert outcome.problems == []
    assert (outcome.kills, outcome.same, outcome.clean) == (1, 1, 1)
