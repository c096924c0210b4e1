"""Two of one command at once: both end well, or one of them says one clear line and has changed nothing."""

import os
import shutil
import subprocess
import sys

import pytest
import training_support
from kills import commands
from kills.sandbox import contents, variables

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.usefixtures("one_thread")]
LONG = ["train", "tiny", "long", "--epochs", "60", "--seed", "1", "--threads", "1"]
TINY = [sys.executable, "-m", "kills.commands", "tiny", "."]
MINIATURE = [sys.executable, "-m", "kills.commands", "miniature", "."]
DVC = [sys.executable, "-m", "dvc", "repro"]


def written(folder, write):
    """Fill a folder in a process of its own, which may patch what it likes."""
    script = f"import sys; from pathlib import Path; from kills import commands, sandbox; here = Path(sys.argv[1]); \
sandbox.enter(here); commands.{write.__name__}(here)"
    subprocess.run([sys.executable, "-c", script, str(folder)], env=environment(folder), check=True)


def environment(folder):
    paths = os.pathsep.join(path for path in sys.path if path)
    return os.environ | variables(folder) | {"PYTHONPATH": paths}


def at_once(folder, command, count=2):
    """Start the command ``count`` times at once; return exit status and output of each, the successful first."""
    options = {"cwd": folder, "env": environment(folder), "text": True}
    started = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options) for _ in range(count)
    ]
    outputs = [process.communicate()[0] for process in started]
    ended = sorted(zip((process.returncode for process in started), outputs, strict=True))
    assert ended[0][0] == 0, ended
    assert not [output for _, output in ended if "Traceback" in output]
    return ended


def errors(output):
    return [line for line in output.splitlines() if line.lower().startswith("error")]


def test_of_two_trainers_of_one_run_the_second_says_who_is_at_work(tmp_path):
    written(tmp_path, commands.write_tiny)
    (_, trained), (status, refused) = at_once(tmp_path, [*TINY, *LONG])
    assert status == 2 and "written to" in trained
    assert refused.startswith("error: another trainer is at work on tiny/long/epochs60/seed1; wait for it or stop it")
    assert refused.count("\n") == 1
    place = tmp_path / "results" / "runs" / "tiny" / "long" / "epochs60" / "seed1"
    together = contents(tmp_path)
    place.rename(tmp_path / "together")
    subprocess.run([*TINY, *LONG], cwd=tmp_path, env=environment(tmp_path), check=True, capture_output=True)
    assert training_support.results(tmp_path / "together") == training_support.results(place)
    assert contents(tmp_path)["weights.json"] == together["weights.json"]
    assert [path.name for path in (tmp_path / "scratch" / "checkpoints").iterdir() if path.suffix != ".lock"] == []


def test_of_two_dvc_repro_one_does_the_work(tmp_path):
    written(tmp_path, commands.write_pipeline)
    ended = at_once(tmp_path, DVC)
    if ended[1][0]:
        (line,) = errors(ended[1][1])
        assert "lock" in line or "busy" in line
    again = subprocess.run(DVC, cwd=tmp_path, env=environment(tmp_path), check=True, capture_output=True, text=True)
    assert "Running stage" not in again.stdout
    left = [name for name in contents(tmp_path) if name.endswith((".part", ".old", ".pt"))]
    assert left == []


def test_two_publications_end_well_or_one_says_that_it_waits(tmp_path):
    written(tmp_path, commands.write_trained)
    for _ in range(2):
        for status, output in at_once(tmp_path, [*MINIATURE, "publish", "miniature"]):
            if status:
                assert status == 2
                assert output.startswith("error: another publication holds ") and output.count("\n") == 1
        trained, published = (
            contents(tmp_path / place) for place in ("data/runs/miniature", "results/external/miniature")
        )
        assert published == trained and "brief/epochs1/seed1/run.json" in published
        shutil.rmtree(tmp_path / "results" / "external")


def test_two_preparations_of_kernels_leave_one_library(tmp_path):
    """Two runs of different seeds, the first on this machine: each builds, and what is kept is whole."""
    written(tmp_path, commands.write_tiny_without_kernels)
    seeds = [[*TINY, *commands.TINY[:-4], "--seed", seed, "--threads", "1"] for seed in ("1", "2")]
    started = [subprocess.Popen(command, cwd=tmp_path, env=environment(tmp_path)) for command in seeds]
    assert [process.wait() for process in started] == [0, 0]
    assert [path.suffix for path in (tmp_path / "scratch" / "kernels").iterdir()] == [".so"]
