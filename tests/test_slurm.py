"""The SLURM script: its commands are commands of this project, and it queues again what it was asked to stop."""

import os
import re
import shutil
import signal
import subprocess
import time

import pytest

from reproduce import cli
from reproduce.base.paths import REPO_ROOT

SCRIPT = REPO_ROOT / "experiments" / "ilsvrc2012" / "slurm.sh"
RUN = ["ilsvrc2012", "paper", "--epochs", "95", "--seed", "1"]
FAKES = {
    # a scheduler of two nodes that writes down what it is asked for
    "scontrol": 'echo "$@" >> "$NOTES/scontrol"; [[ $1 == show ]] && printf "node7\\nnode8\\n"; exit 0',
    "srun": '[[ $1 == --kill-on-bad-exit=1 ]] && shift; exec "$@"',
    # a trainer that ends with $STATUS, or, when that is 75, once it is asked to stop
    "python": 'printf "%s\\n" "$@" > "$NOTES/arguments"; '
    'if [[ $STATUS == 75 ]]; then trap "exit 1" TERM; touch "$NOTES/started"; while :; do sleep 0.05; done; fi; '
    'exit "$STATUS"',
}

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")


@pytest.fixture
def started(tmp_path):
    """Return a function that starts the script on a made-up cluster; what is asked of it is noted in ``tmp_path``."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, body in FAKES.items():
        (programs / name).write_text(f"#!/usr/bin/env bash\n{body}\n")
        (programs / name).chmod(0o755)
    job = {"SLURM_JOB_ID": "123456", "SLURM_JOB_NODELIST": "node[7-8]", "SLURM_NNODES": "2", "SLURM_GPUS_ON_NODE": "4"}
    folders = {"REPRODUCE_PACKED": "packed", "REPRODUCE_SCRATCH": "scratch", "NOTES": str(tmp_path)}
    path = {"PATH": f"{programs}:{os.environ['PATH']}", "PYTHON": str(programs / "python")}

    def start(status, **changes):
        variables = os.environ | job | folders | path | {"STATUS": str(status)} | changes
        command = ["bash", str(SCRIPT), *RUN]
        return subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    return start


def option(arguments, name):
    return arguments[arguments.index(name) + 1]


def test_the_script_is_well_formed():
    subprocess.run(["bash", "-n", str(SCRIPT)], check=True)


def test_torchrun_gets_the_jobs_nodes_and_the_command_is_one_of_ours(started, tmp_path):
    process = started(0)
    assert process.wait(30) == 0
    arguments = (tmp_path / "arguments").read_text().splitlines()
    assert arguments[:2] == ["-m", "torch.distributed.run"]
    assert (option(arguments, "--nnodes"), option(arguments, "--nproc-per-node")) == ("2", "4")
    assert option(arguments, "--rdzv-endpoint") == "node7:23456"
    assert option(arguments, "--rdzv-id") == "123456-0"
    ours = arguments[arguments.index("reproduce") + 1 :]
    assert ours == ["train", *RUN]
    assert cli.build_parser().parse_args(ours).epochs == 95
    assert (tmp_path / "scontrol").read_text() == "show hostnames node[7-8]\n"


def test_the_commands_in_its_head_are_commands_of_ours():
    commands = re.findall(r"^#   sbatch .*slurm\.sh (.+)$", SCRIPT.read_text(), re.MULTILINE)
    assert len(commands) == 2
    for command in commands:
        parsed = cli.build_parser().parse_args(["train", *command.split()])
        assert (parsed.study, parsed.epochs, parsed.seed) == ("ilsvrc2012", 95, 1)


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGTERM])
def test_a_job_that_is_asked_to_stop_is_queued_again(started, tmp_path, number):
    process = started(75)
    deadline = time.monotonic() + 30
    while not (tmp_path / "started").exists():
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.02)
    process.send_signal(number)
    assert process.wait(30) == 75
    assert (tmp_path / "scontrol").read_text().splitlines()[1:] == ["requeue 123456"]


def test_a_job_that_fails_is_not_queued_again(started, tmp_path):
    assert started(3).wait(30) == 3
    assert "requeue" not in (tmp_path / "scontrol").read_text()


@pytest.mark.parametrize("name", ["REPRODUCE_PACKED", "REPRODUCE_SCRATCH"])
def test_what_must_be_set_is_named(started, name):
    process = started(0, **{name: ""})
    output, _ = process.communicate(timeout=30)
    assert process.returncode != 0 and f"{name}: set it to " in output
