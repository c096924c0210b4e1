"""The command line: help a newcomer can follow, one-line errors, exit statuses."""

import argparse
import errno
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from training_support import use_own_folder

from reproduce import cli
from reproduce.base.errors import ElsewhereError, InterruptedRunError, ReproduceError
from reproduce.base.paths import REPO_ROOT
from reproduce.speed.timing import cells
from reproduce.speed.timing import run as timing_run
from reproduce.speed.timing.timing_rows import TIMING_FOLDER
from reproduce.train import golden, several

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    use_own_folder(tmp_path, monkeypatch)
    monkeypatch.setattr(golden, "load_study", cli.load_study)
    return tmp_path


def error_line(capsys, *arguments, status=2):
    assert cli.main(list(arguments)) == status
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.startswith("error: ") and captured.err.count("\n") == 1
    return captured.err


def test_help_names_every_verb_and_where_to_start():
    done = subprocess.run([sys.executable, "-m", "reproduce", "--help"], capture_output=True, text=True, check=True)
    for verb in (
        "data",
        "train",
        "evaluate",
        "collect",
        "verify",
        "bench",
        "time",
        "estimate",
        "quick",
        "rerun",
        "golden",
        "report",
        "cite",
        "plan",
        "publish",
        "ensemble",
        "doctor",
    ):
        assert f"\n    {verb} " in done.stdout
    assert "python -m reproduce quick" in done.stdout


def test_every_verb_has_help(capsys):
    (verbs,) = (a for a in cli.build_parser()._actions if isinstance(a, argparse._SubParsersAction))
    for verb in verbs.choices:
        with pytest.raises(SystemExit, match="0"):
            cli.main([verb, "--help"])
        assert f"usage: python -m reproduce {verb}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "tiny"], "name a variant with --epochs and --seed, or a --profile"),
        (["train", "tiny", "small", "--seed", "1"], "name a variant with --epochs and --seed"),
        (["train", "none", "small", "--epochs", "6", "--seed", "1"], "there is no study 'none'; known: tiny"),
        (["train", "tiny", "large", "--epochs", "6", "--seed", "1"], "study tiny has no variant 'large'; it has small"),
        (["train", "tiny", "small", "--epochs", "1", "--seed", "1"], "1 epochs cannot hold 2 phases"),
        (["train", "tiny", "--profile", "full"], "study tiny has no profile 'full'; it has smoke"),
        (["rerun", "tiny/small"], "'tiny/small' does not name a run"),
        (["time", "--tabulate", "--budget", "60"], "leave out --quick, --budget and --out"),
        (["golden", "check", "tiny", "smal"], "study tiny has no variant 'smal'; did you mean small?"),
        (["golden", "record", "tiny", "smal", "--reason", "typed"], "did you mean small?"),
        (["golden", "check", "tiny", "small", "--reason", "typed"], "needs no reason; leave out --reason"),
        (["report", "literature", "tiny"], "report literature takes no name; leave out 'tiny'"),
        (["report", "study"], "report study needs a name"),
    ],
)
def test_mistakes_are_one_line_with_status_2(folder, capsys, arguments, message):
    assert message in error_line(capsys, *arguments)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], (cells.FULL, TIMING_FOLDER)),
        (["--quick"], (cells.QUICK, timing_run.QUICK_FOLDER)),
        (["--budget", "90", "--out", "here"], (replace(cells.FULL, budget_seconds=90), Path("here"))),
        (["--quick", "--budget", "20"], (replace(cells.QUICK, budget_seconds=20), timing_run.QUICK_FOLDER)),
    ],
)
def test_timings_get_their_budget_and_folder(monkeypatch, options, expected):
    asked = []
    monkeypatch.setattr(timing_run, "run_timing", lambda *arguments: asked.append(arguments))
    assert cli.main(["time", *options]) == 0
    assert asked == [expected]


def test_the_argument_of_cite_is_explained(capsys):
    with pytest.raises(SystemExit):
        cli.main(["cite", "--help"])
    assert "id of a number in results/numbers.json" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "status"),
    [(ReproduceError("wrong"), 2), (InterruptedRunError("stopped"), 75), (KeyboardInterrupt(), 130)],
)
def test_exit_statuses(folder, capsys, monkeypatch, error, status):
    def fail(run, launch):
        raise error

    monkeypatch.setattr(several, "train_run", fail)
    error_line(capsys, "train", "tiny", "small", "--epochs", "6", "--seed", "1", status=status)


def test_an_error_that_another_process_reports_is_not_said_again(folder, capsys, monkeypatch):
    def fail(run, launch):
        raise ElsewhereError(75)

    monkeypatch.setattr(several, "train_run", fail)
    assert cli.main(["train", "tiny", "small", "--epochs", "6", "--seed", "1"]) == 75
    assert capsys.readouterr() == ("", "")


def test_golden_check_lists_every_difference_and_fails(folder, capsys, monkeypatch):
    monkeypatch.setattr(golden, "check_golden", lambda study, name: ["fp32 update_rule conv1: differs", "more"])
    assert cli.main(["golden", "check", "tiny", "small"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[:2] == ["small: fp32 update_rule conv1: differs", "small: more"]
    assert lines[2].startswith("error: 2 differences from tiny's golden files")
    monkeypatch.setattr(golden, "check_golden", lambda study, name: [])
    assert cli.main(["golden", "check", "tiny", "small"]) == 0
    assert "1 of 1 golden files hold" in capsys.readouterr().out


def test_golden_record_without_a_reason_is_refused(folder, capsys):
    assert "--reason is empty" in error_line(capsys, "golden", "record", "tiny", "small")


def test_a_reader_that_stops_early_gets_no_traceback():
    command = f"{sys.executable} -m reproduce cite small-lrn-top1 | head -n 1"
    done = subprocess.run(["bash", "-c", command], cwd=REPO_ROOT, capture_output=True, text=True)
    assert done.stdout.startswith("small-lrn-top1: ") and done.stdout.count("\n") == 1
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.EROFS, "Read-only file system"), "standard output or shared memory (/dev/shm): Read-only"),
        (OSError(errno.ENOSPC, "No space left on device", "/a/b"), "/a/b: No space left on device; free space"),
    ],
)
def test_an_error_of_the_system_that_nobody_foresaw_is_one_line(monkeypatch, capsys, error, said):
    """As two workers meet where /dev/shm is read-only, or where the disk behind standard output is full."""

    def fail(arguments):
        raise error

    monkeypatch.setattr(sys.stdout, "fileno", lambda: os.open(os.devnull, os.O_WRONLY), raising=False)
    known = cli._VERBS._known
    monkeypatch.setitem(known, "doctor", known["doctor"]._replace(run=fail))
    assert said in error_line(capsys, "doctor")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_behind_standard_output_is_one_line():
    command = [sys.executable, "-m", "reproduce", "cite", "parameters-60-million"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "standard output" in done.stderr and "No space left on device" in done.stderr


def test_another_program_s_backend_of_matplotlib_does_not_matter(tmp_path):
    """As in a terminal of a notebook server, whose backend may not be installed here."""
    imports = "from reproduce import cli; cli._settle_environment(); import matplotlib; print(matplotlib.get_backend())"
    environment = os.environ | {"MPLBACKEND": "module_of_somebody_else"}
    done = subprocess.run([sys.executable, "-c", imports], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip().lower()) == (0, "agg"), done.stderr
