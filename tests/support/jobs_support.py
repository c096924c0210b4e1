"""Stand-ins for trainings side by side. Run as a script, ``jobs_support.py FOLDER``, this module runs two of them."""

import sys
from collections.abc import Callable, Collection
from pathlib import Path

from reproduce.base.errors import ReproduceError
from reproduce.study.run_id import RunId
from reproduce.train import jobs

FIRST, SECOND, THIRD = (RunId("tiny", "small", 2, seed) for seed in (1, 2, 3))
# It notes when it begins and ends, and saves when it is interrupted: FOLDER NAME SECONDS STATUS.
_STUB = """
import os, signal, sys, time
folder, name, seconds, status = sys.argv[1:]
def note(text):
    with open(f"{folder}/calls", "a") as stream:
        print(text, name, os.environ["OMP_NUM_THREADS"], file=stream)
def save(*_):
    note("saved")
    print(f"{name} said last", file=sys.stderr)
    sys.exit(75)
signal.signal(signal.SIGINT, save)
note("start")
time.sleep(float(seconds))
print("a bar" if sys.stderr.isatty() else "plain lines", file=sys.stderr)
note("end")
sys.exit(int(status))
"""


def stub_command(folder: Path, seconds: float = 0.2, failing: Collection[RunId] = ()) -> Callable[..., list[str]]:
    """Return a stand-in for ``jobs.command_of``, whose runs only sleep, and fail if they are in ``failing``."""

    def command_of(study: object, run: RunId) -> list[str]:
        status = "2" if run in failing else "0"
        return [sys.executable, "-c", _STUB, str(folder), f"seed{run.seed}", str(seconds), status]

    return command_of


def calls(folder: Path) -> list[str]:
    """Return the notes of all runs, one line each: what, name, threads."""
    path = folder / "calls"
    return path.read_text().splitlines() if path.is_file() else []


if __name__ == "__main__":
    jobs.command_of = stub_command(Path(sys.argv[1]), seconds=60)
    try:
        jobs.train_side_by_side(None, [FIRST, SECOND], jobs=2, threads=1)
    except ReproduceError as error:
        print(f"error: {error}")
        sys.exit(error.exit_code)
