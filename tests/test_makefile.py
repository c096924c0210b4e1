"""`make runs`: a study's missing runs as make's own jobs, side by side, through DVC where they are stages."""

import os
import pty
import re
import signal
import subprocess
import sys
import time

import pytest
from pipeline_support import make_clone, run

from reproduce.base.paths import REPO_ROOT
from reproduce.runs.tuning import recorded_runs
from reproduce.study.study import load_study
from reproduce.train.run import is_up_to_date

INSTALLED = f"{sys.prefix}/.installed"
FIRST, SECOND = "run/tiny/small/epochs6/seed1", "run/tiny/large/epochs12/seed3"
STUB = """\
#!/bin/sh
case "$*" in
  *--list) cat missing; exit "$(cat list_status)" ;;
esac
trap 'sleep 0.3; echo "saved" >> calls; echo "said last" >&2; exit 75' INT
echo "start $OMP_NUM_THREADS $*" >> calls
sleep "$(cat seconds)"
echo "end" >> calls
if test -t 2; then echo "a bar" >&2; else echo "plain lines" >&2; fi
case "$*" in *"$(cat fails)"*) exit 75 ;; esac
"""


@pytest.fixture
def folder(tmp_path):
    """A folder with the Makefile and an environment whose programs write down how they are called."""
    (tmp_path / "Makefile").write_text((REPO_ROOT / "Makefile").read_text())
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("python", "dvc"):
        (programs / name).write_text(STUB)
        (programs / name).chmod(0o755)
    for name, text in (
        ("missing", f"{FIRST}\n{SECOND}\n"),
        ("list_status", "0"),
        ("fails", "nothing"),
        ("seconds", "0.5"),
    ):
        (tmp_path / name).write_text(text)
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).touch()
    (tmp_path / ".venv" / ".installed").touch()
    return tmp_path


def outside_make():
    return {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}


def make(folder, *arguments):
    command = ["make", *arguments]
    return subprocess.run(command, cwd=folder, env=outside_make(), capture_output=True, text=True, check=False)


def calls(folder):
    return (folder / "calls").read_text().splitlines() if (folder / "calls").is_file() else []


def test_every_missing_run_is_a_job_and_two_jobs_run_at_once(folder):
    (folder / "seconds").write_text("1.5")  # so that even on a busy machine the second starts before the first ends
    done = make(folder, "-j2", "runs", "STUDY=tiny", "PROFILE=full")
    assert done.returncode == 0, done.stderr
    train = "start 1 -m reproduce train tiny"
    expected = {f"{train} small --epochs 6 --seed 1", f"{train} large --epochs 12 --seed 3"}
    assert set(calls(folder)[:2]) == expected and calls(folder)[2:] == ["end", "end"]


def test_without_j_runs_follow_one_another_in_the_order_of_the_study(folder):
    assert make(folder, "runs", "STUDY=tiny", "PROFILE=full", "THREADS=2").returncode == 0
    assert [line.split()[:2] for line in calls(folder)] == [["start", "2"], ["end"]] * 2
    assert "small" in calls(folder)[0]


def test_a_stage_is_made_by_dvc(folder):
    (folder / "missing").write_text(FIRST.replace("run/", "stage/", 1))
    assert make(folder, "runs", "STUDY=tiny").returncode == 0
    assert calls(folder)[0] == "start 1 --wait-for-lock repro -s experiments/tiny/dvc.yaml:small@1"


def test_on_a_terminal_progress_is_plain_lines_since_bars_would_write_over_one_another(folder):
    terminal, end = pty.openpty()
    job = ["make", "runs", "STUDY=tiny", "PROFILE=full"]
    done = subprocess.run(job, cwd=folder, env=outside_make(), stdout=end, stderr=end, check=False)
    os.close(end)
    assert done.returncode == 0
    said = os.read(terminal, 4096).decode()
    os.close(terminal)
    assert said.count("plain lines") == 2 and "a bar" not in said


def test_an_interrupt_lets_runs_save_what_they_have_and_say_so(folder):
    (folder / "seconds").write_text("60")  # of work that the interrupt ends
    job = ["make", "-j2", "runs", "STUDY=tiny", "PROFILE=full"]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "start_new_session": True}
    # Tests started in a shell's background inherit that interrupts are ignored, and so would make.
    options["preexec_fn"] = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    started = subprocess.Popen(job, cwd=folder, env=outside_make(), **options)
    deadline = time.monotonic() + 60
    while len(calls(folder)) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(started.pid, signal.SIGINT)
    said, _ = started.communicate(timeout=60)
    assert started.returncode != 0
    assert calls(folder)[2:] == ["saved", "saved"] and said.count("said last") == 2


def test_a_run_that_fails_fails_the_command_and_the_rest_goes_on_with_k(folder):
    (folder / "fails").write_text("small")
    assert make(folder, "runs", "STUDY=tiny", "PROFILE=full").returncode != 0
    assert len(calls(folder)) == 2
    assert make(folder, "-k", "runs", "STUDY=tiny", "PROFILE=full").returncode != 0
    assert len(calls(folder)) == 2 + 4


def test_nothing_missing_no_study_and_a_wrong_one_are_said(folder):
    (folder / "missing").write_text("")
    done = make(folder, "runs", "STUDY=tiny")
    assert (done.returncode, calls(folder)) == (0, []) and "tiny lacks no run of profile standard" in done.stdout
    assert "name a study: make -j2 runs STUDY=" in make(folder, "runs").stderr
    (folder / "list_status").write_text("2")
    assert make(folder, "runs", "STUDY=tiny").returncode != 0


def test_the_jobs_of_a_study_are_the_runs_it_lacks():
    study = load_study("alexnet_small")
    tuning = [name for name in study.runs("tuning") if name not in recorded_runs(study)]
    missing = [name for name in study.runs("full") + tuning if not is_up_to_date(name)]
    if not missing:
        pytest.skip("every run of alexnet_small is here")
    jobs = []
    for profile in ("full", "tuning"):
        settings = ["STUDY=alexnet_small", f"PROFILE={profile}", f"VENV={sys.prefix}"]
        done = make(REPO_ROOT, "-n", "-o", INSTALLED, "runs", *settings)
        jobs += re.findall(r"-m reproduce train (\S+) (\S+) \\\n--epochs (\d+) --seed (\d+) ", done.stdout)
        assert "pip install" not in done.stdout
    assert jobs == [(name.study, name.variant, str(name.epochs), str(name.seed)) for name in missing]


@pytest.mark.slow
def test_two_stages_at_once_leave_dvc_satisfied(tmp_path):
    """DVC itself, in a clone; the stage's command is one that only leaves a file: training is tested elsewhere."""
    clone = make_clone(tmp_path)
    folder, runs = clone / "experiments" / "cifar10_nets", "results/runs/cifar10_nets/80sec_bf16/epochs2/seed"
    study, stages = (folder / "study.yaml").read_text(), (folder / "dvc.yaml").read_text()
    listed = next(line for line in study.splitlines() if line.startswith("    80sec_bf16: {epochs: 11"))
    (folder / "study.yaml").write_text(study.replace(listed, "    80sec_bf16: {epochs: 2, seeds: [91, 92]}", 1))
    command = next(line for line in stages.splitlines() if line.startswith("    cmd: ") and " 80sec_bf16 " in line)
    made = f"    cmd: sleep 2 && mkdir -p {runs}${{item.seed}} && touch {runs}${{item.seed}}/made"
    (folder / "dvc.yaml").write_text(stages.replace(command, made, 1))
    # The clone is newer than the environment, which must not be installed again from there.
    done = run(["make", "-o", INSTALLED, "-j2", "runs", "STUDY=cifar10_nets", f"VENV={sys.prefix}"], clone)
    assert "pip install" not in done.stdout
    assert done.stdout.count("Running stage") == 2
    for seed in (91, 92):
        assert (clone / f"{runs}{seed}" / "made").is_file()
        stage = f"80sec_bf16@{seed}"
        assert stage in (folder / "dvc.lock").read_text()
        assert "changed" not in run(["dvc", "status", f"experiments/cifar10_nets/dvc.yaml:{stage}"], clone).stdout
