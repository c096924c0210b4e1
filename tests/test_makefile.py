"""`make runs`: a study's missing runs as make's own jobs, side by side, through DVC where they are stages."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pipeline_support import make_clone, run

from reproduce.config import load_study
from reproduce.paths import REPO_ROOT
from reproduce.train.run import is_up_to_date

FIRST, SECOND = "tiny/small/epochs6/seed1", "tiny/large/epochs12/seed3"
STUB = """\
#!/bin/sh
case "$*" in
  *--list) cat missing; exit "$(cat list_status)" ;;
esac
echo "start $OMP_NUM_THREADS $*" >> calls
sleep 0.5
echo "end" >> calls
test ! -t 2 && echo "progress is plain" >&2
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
    for name, text in (("missing", f"{FIRST}\n{SECOND}\n"), ("list_status", "0"), ("fails", "nothing fails")):
        (tmp_path / name).write_text(text)
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).touch()
    (tmp_path / ".venv" / ".installed").touch()
    return tmp_path


def make(folder, *arguments):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    command = ["make", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def calls(folder):
    return (folder / "calls").read_text().splitlines() if (folder / "calls").is_file() else []


def test_every_missing_run_is_a_job_and_two_jobs_run_at_once(folder):
    done = make(folder, "-j2", "runs", "STUDY=tiny", "PROFILE=full")
    assert done.returncode == 0, done.stderr
    train = "start 1 -m reproduce train tiny"
    expected = {f"{train} small --epochs 6 --seed 1", f"{train} large --epochs 12 --seed 3"}
    assert set(calls(folder)[:2]) == expected and calls(folder)[2:] == ["end", "end"]
    assert "progress is plain" in done.stdout


def test_without_j_runs_follow_one_another_in_the_order_of_the_study(folder):
    assert make(folder, "runs", "STUDY=tiny", "PROFILE=full", "THREADS=2").returncode == 0
    assert [line.split()[:2] for line in calls(folder)] == [["start", "2"], ["end"]] * 2
    assert "small" in calls(folder)[0]


def test_published_runs_are_stages_where_the_study_has_them(folder):
    stages = folder / "experiments" / "tiny" / "dvc.yaml"
    assert make(folder, "runs", "STUDY=tiny").returncode == 0
    assert "reproduce train" in calls(folder)[0]
    stages.parent.mkdir(parents=True)
    stages.touch()
    (folder / "calls").unlink()
    assert make(folder, "runs", "STUDY=tiny").returncode == 0
    assert calls(folder)[0] == "start 1 repro -s experiments/tiny/dvc.yaml:small@1"


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


def test_the_jobs_of_a_real_study_are_the_runs_it_lacks():
    study = load_study("relu_vs_tanh")
    missing = [name for name in study.runs("tuning") if not is_up_to_date(name)]
    assert missing, "tuning runs are not published"
    done = make(REPO_ROOT, "-n", "runs", "STUDY=relu_vs_tanh", "PROFILE=tuning", f"VENV={sys.prefix}")
    jobs = [line.split(" reproduce ")[1] for line in done.stdout.splitlines() if "OMP_NUM_THREADS=" in line]
    for job, name in zip(jobs, missing, strict=True):
        assert job.startswith(f"train {name.study} {name.variant} --epochs {name.epochs} --seed {name.seed} ")


@pytest.mark.slow
def test_two_stages_at_once_leave_dvc_satisfied(tmp_path):
    clone, lock = make_clone(tmp_path), Path("experiments/cifar10_nets/dvc.lock")
    study = clone / "experiments" / "cifar10_nets" / "study.yaml"
    text = study.read_text()
    shortened = "    80sec_bf16: {epochs: 1, seeds: [91, 92]}\n"
    line = next(line for line in text.splitlines(keepends=True) if line.startswith("    80sec_bf16: {epochs: 11"))
    study.write_text(text.replace(line, shortened, 1))
    run(["git", "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qam", "two short runs"], clone)
    run(["dvc", "repro", "-q", "data_cifar10"], clone)
    started = time.monotonic()
    done = run(["make", "-j2", "runs", "STUDY=cifar10_nets", f"VENV={sys.prefix}"], clone)
    assert time.monotonic() - started < 240
    assert done.stdout.count("Running stage") == 2
    for seed in (91, 92):
        stage = f"80sec_bf16@{seed}"
        assert stage in (clone / lock).read_text()
        assert run(["dvc", "status", f"{lock.with_suffix('.yaml')}:{stage}"], clone).stdout.count("changed") == 0
