"""Runs side by side: two at once, through DVC where they are stages, interrupted together."""

import os
import pty
import signal
import subprocess
import sys
import time

import jobs_support
import pytest
from jobs_support import FIRST, SECOND, THIRD, calls, stub_command
from pipeline_support import make_clone, run
from training_support import STUDY, write_study

from reproduce import cli
from reproduce.base.errors import ReproduceError
from reproduce.study.run_id import RunId
from reproduce.study.study import RunList, load_study
from reproduce.train import jobs


def test_two_runs_are_at_work_at_once_and_no_more(tmp_path, monkeypatch):
    monkeypatch.setattr(jobs, "command_of", stub_command(tmp_path, seconds=1.5))
    jobs.train_side_by_side(None, [FIRST, SECOND, THIRD], jobs=2, threads=3)
    begun_and_ended = [line.split()[0] for line in calls(tmp_path)]
    assert begun_and_ended == ["start", "start", "end", "start", "end", "end"] or begun_and_ended == [
        *("start", "start", "end", "end", "start", "end")  # the first two ended at the same moment
    ]
    assert set(calls(tmp_path)[:2]) == {"start seed1 3", "start seed2 3"}


def test_progress_is_plain_lines_since_bars_would_write_over_one_another(tmp_path, monkeypatch, capfd):
    terminal, end = pty.openpty()
    monkeypatch.setattr(jobs, "command_of", stub_command(tmp_path))
    with os.fdopen(end, "w") as stream, monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", stream)
        jobs.train_side_by_side(None, [FIRST, SECOND], jobs=2, threads=1)
    said = os.read(terminal, 4096).decode()
    os.close(terminal)
    assert said.count("plain lines") == 2 and "a bar" not in said


def test_a_run_that_fails_is_named_and_the_others_are_trained(tmp_path, monkeypatch):
    monkeypatch.setattr(jobs, "command_of", stub_command(tmp_path, failing=[FIRST]))
    with pytest.raises(ReproduceError, match="1 of 3 runs failed; each says why above: tiny/small/epochs2/seed1"):
        jobs.train_side_by_side(None, [FIRST, SECOND, THIRD], jobs=1, threads=1)
    assert [line.split()[1] for line in calls(tmp_path)] == ["seed1", "seed1", "seed2", "seed2", "seed3", "seed3"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["interrupt", "terminate"])
def test_a_signal_lets_runs_save_and_say_so(tmp_path, number):
    # Tests started in a shell's background inherit that interrupts are ignored.
    driver = subprocess.Popen(
        [sys.executable, jobs_support.__file__, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    deadline = time.monotonic() + 120
    while len(calls(tmp_path)) < 2:
        assert driver.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    driver.send_signal(number)
    said, _ = driver.communicate(timeout=60)
    assert driver.returncode == 75 and "error: stopped; the same command goes on" in said
    assert [line.split()[0] for line in calls(tmp_path)[2:]] == ["saved", "saved"] and said.count("said last") == 2


def test_dvc_trains_what_is_a_stage():
    study = load_study("cifar10_nets")
    stage, other = study.stages()[0], RunId("cifar10_nets", "80sec", 2, 91)
    assert jobs.command_of(study, stage)[1:] == [
        *("-m", "dvc", "--wait-for-lock", "repro", "-s"),
        f"experiments/cifar10_nets/dvc.yaml:{stage.variant}@{stage.seed}",
    ]
    lengths = study.profiles["standard"] | {"80sec": [RunList(epochs=11, seeds=[1]), RunList(epochs=2, seeds=[91])]}
    longer = study.model_copy(update={"profiles": {"standard": lengths}})
    assert jobs.command_of(longer, other)[-1] == "experiments/cifar10_nets/dvc.yaml:80sec-epochs2@91"
    assert jobs.command_of(study, other)[1:] == [
        *("-m", "reproduce", "train", "cifar10_nets", "80sec", "--epochs", "2", "--seed", "91")
    ]


def test_options_that_a_job_cannot_take_are_refused(tmp_path, monkeypatch, capsys):
    write_study(tmp_path)
    monkeypatch.setattr(cli, "load_study", lambda name: load_study(name, tmp_path / "experiments"))
    assert cli.main(["train", "tiny", "--profile", "smoke", "--jobs", "2", "--device", "cpu"]) == 2
    assert "with --jobs, leave out --device" in capsys.readouterr().err
    assert "smoke" in STUDY


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
    run(["python", "-m", "reproduce", "data", "cifar10"], clone)
    train = ["python", "-m", "reproduce", "train", "cifar10_nets", "80sec_bf16", "--profile", "standard", "--jobs", "2"]
    done = run(train, clone)
    assert "2 of 2 runs are missing" in done.stdout and done.stdout.count("Running stage") == 2
    for seed in (91, 92):
        assert (clone / f"{runs}{seed}" / "made").is_file()
        stage = f"80sec_bf16@{seed}"
        assert stage in (folder / "dvc.lock").read_text()
        assert "changed" not in run(["dvc", "status", f"experiments/cifar10_nets/dvc.yaml:{stage}"], clone).stdout
