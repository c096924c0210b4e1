"""The stages of an ILSVRC study, run by DVC on a miniature in the official archives: packed, trained, published."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ilsvrc_samples import SIX_WNIDS, Miniature
from ilsvrc_training_support import STUDY
from pipeline_support import environment, make_clone, run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

STAGES = "experiments/miniature/dvc.yaml"
# "steady" is interrupted at its first line of progress, which comes after 5 s: 24 epochs take 3 s on a fast machine.
LISTS = """profiles:
  standard:
    brief: {epochs: 1, seeds: [1, 2]}
    steady: {epochs: 80, seeds: [1]}
ensembles:
  pair:
    variant: brief
    seeds: [[1, 2]]
"""
DEADLINE_SECONDS = 400


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """Return a clone with a committed study of the miniature, its stages written by the command."""
    folder = make_clone(tmp_path_factory.mktemp("stages"))
    sample = Miniature(per_class=12, validation=24, smallest=230, wnids=SIX_WNIDS)
    sample.write_archives(folder.parent / "source")
    study = folder / "experiments" / "miniature" / "study.yaml"
    study.parent.mkdir()
    study.write_text(STUDY[: STUDY.index("profiles:")] + LISTS)
    run([sys.executable, "-m", "reproduce", "report", "pipeline"], folder)
    run(["git", "add", "--all"], folder)
    run(["git", "-c", "user.name=A", "-c", "user.email=a@b.c", "commit", "--quiet", "-m", "A miniature"], folder)
    return folder


def repro(folder, *arguments):
    return run(["dvc", "repro", *arguments, STAGES], folder, REPRODUCE_ILSVRC2012=str(folder.parent / "source")).stdout


def interrupted_while_training(folder, stage):
    """Start the stages, interrupt DVC and its command as Ctrl-C does once ``stage`` trains; return the output."""
    variables = environment(folder) | {"REPRODUCE_ILSVRC2012": str(folder.parent / "source"), "PYTHONUNBUFFERED": "1"}
    output = folder.parent / "output.txt"
    with output.open("w") as stream:
        process = subprocess.Popen(
            ["dvc", "repro", STAGES], cwd=folder, env=variables, stdout=stream, stderr=stream, start_new_session=True
        )
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not re.search(rf"miniature/{stage}: .* left", output.read_text()):  # the first line of progress
            assert process.poll() is None and time.monotonic() < deadline, output.read_text()
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(DEADLINE_SECONDS) != 0
    return output.read_text()


def trainings(output: str) -> set[str]:
    """Return the training commands that DVC says it runs."""
    return set(re.findall(r"^> (python -m reproduce train .*)$", output, re.MULTILINE))


def record(folder: Path, place: str) -> dict:
    return json.loads((folder / place / "run.json").read_text())


def test_an_interrupted_pipeline_goes_on_to_published_runs(clone):
    """One command packs, trains, averages and publishes; what was done before the interruption is not done again."""
    first = interrupted_while_training(clone, "steady/epochs80/seed1")
    assert "reproduce data ilsvrc2012 --subset" in first
    second = repro(clone)
    (interrupted,) = trainings(first) & trainings(second)
    assert "miniature steady" in interrupted and "reproduce publish miniature" in second
    published = clone / "results" / "external" / "miniature"
    made = sorted(path.parent.relative_to(published).as_posix() for path in published.rglob("run.json"))
    assert made == ["brief/epochs1/seed1", "brief/epochs1/seed2", "pair/epochs1/seed1", "steady/epochs80/seed1"]
    assert record(published, "steady/epochs80/seed1")["interruptions"] == 1
    assert record(published, "pair/epochs1/seed1")["ensemble_of"] == [
        "miniature/brief/epochs1/seed1",
        "miniature/brief/epochs1/seed2",
    ]
    third = repro(clone)  # the images lie outside the repository, so packing is asked every time
    assert "reproduce data" in third and "reproduce train" not in third and "reproduce publish" not in third
    assert "ilsvrc" not in run(["dvc", "repro", "--dry", "--allow-missing"], clone).stdout
