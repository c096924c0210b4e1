"""The script for a few minutes on a GPU: its steps and commands, and that no training is lost when the time is over."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import training_support
from training_support import write_study

from reproduce import cli
from reproduce.base.paths import REPO_ROOT
from reproduce.study.run_id import RunId
from reproduce.study.study import load_study

SCRIPT = REPO_ROOT / "experiments" / "gpu_session.sh"
FIRST, SECOND = "tiny/small/epochs6/seed1", "tiny/small/epochs6/seed2"
# A made-up Python: notes its arguments, and trains for $TRAINS seconds. When stopped, the first run of all has made 100
# updates and others $UPDATES; one that was stopped before makes $UPDATES more.
FAKE = """\
#!/usr/bin/env bash
echo "$*" >> "$NOTES/calls"
case "$*" in
"- "*) cat > /dev/null; [[ -z ${NO_GPU:-} ]] || { echo "error: no CUDA device" >&2; exit 2; }; echo "a GPU" ;;
"-m pytest"*) echo "== 3 passed =="; exit "${TESTS:-0}" ;;
"-m reproduce train"*)
    run="$4/$5/epochs$7/seed$9"; name="$NOTES/${run//\\//-}"
    if [[ -f $name ]]; then from=$(cat "$name"); echo "$run: going on from step $from"; step=$((from + UPDATES))
    elif [[ -n $(ls "$NOTES" | grep tiny) ]]; then step=$UPDATES
    else step=100; fi
    trap 'rm "$NOTES/at-work-$$"; echo "error: $run stopped at step $step; the same command goes on" >&2; exit 75' INT
    echo $step > "$name"; touch "$NOTES/at-work-$$"
    ls "$NOTES" | grep -c at-work >> "$NOTES/at_once"
    if [[ $5 == broken ]]; then rm "$NOTES/at-work-$$"; echo "error: no variant" >&2; exit 2; fi
    for ((i = 0; i < 20 * TRAINS; i++)); do sleep 0.05; done
    mkdir -p "trained/$run"; echo "{}" > "trained/$run/run.json"; rm "$NOTES/at-work-$$"
    echo "$run: written to trained/$run" ;;
*) echo "done: $3" ;;
esac
"""

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("bash", "timeout", "realpath"))), reason="no bash or GNU coreutils here"
)


@pytest.fixture
def tree(tmp_path):
    """A tree that holds the script alone, with short pauses, and the made-up Python."""
    script = SCRIPT.read_text()
    for name, seconds in {"FOR_THE_END": 1, "FROM_STOP_TO_KILL": 5, "OF_A_TRIAL": 1}.items():
        script, count = re.subn(rf"SECONDS_{name}=\d+", f"SECONDS_{name}={seconds}", script)
        assert count == 1
    for name, text in {"experiments/gpu_session.sh": script, "python": FAKE}.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "calls").touch()
    return tmp_path


def session(tree, budget, runs, *options, **variables):
    """Run the script's copy for so many seconds; return its exit status, what it printed, and the calls of Python."""
    process = started(tree, budget, runs, *options, **variables)
    text, _ = process.communicate(timeout=250)
    return process.returncode, text, (tree / "notes" / "calls").read_text().splitlines()


def started(tree, budget, runs, *options, **variables):
    """Start the script's copy as the leader of a process group, as a terminal does."""
    (tree / "runs").write_text("# the runs\n" + "".join(f"{' '.join(numbers(run))}\n" for run in runs))
    command = ["bash", str(tree / "experiments" / "gpu_session.sh"), "out", str(budget), "--runs", "runs", *options]
    made_up = {"PYTHON": str(tree / "python"), "NOTES": str(tree / "notes"), "TRAINS": "0", "UPDATES": "20"}
    environment = os.environ | made_up | {name: str(value) for name, value in variables.items()}
    printed = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(command, cwd=tree, env=environment, start_new_session=True, **printed)


def interrupted(tree, runs, is_time, *options, **variables):
    """Start the script's copy, interrupt it as Ctrl-C does once ``is_time()``, and return what it printed."""
    process = started(tree, 120, runs, *options, **variables)
    deadline = time.monotonic() + 110
    while not is_time():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    text, _ = process.communicate(timeout=60)
    assert process.returncode == 0, text
    return text


def numbers(run):
    study, variant, epochs, seed = run.split("/")
    return study, variant, epochs.removeprefix("epochs"), seed.removeprefix("seed")


def parsed(calls, verb):
    return [cli.build_parser().parse_args(c.split()[2:]) for c in calls if c.startswith(f"-m reproduce {verb}")]


def test_every_test_that_needs_a_gpu_is_run():
    waiting = re.compile(r"skipif\(\s*not torch\.cuda\.is_available\(\).*?\)\n(?:def (\w+))?")
    named = SCRIPT.read_text()
    found = 0
    for path in sorted((REPO_ROOT / "tests").rglob("test_*.py")):
        for match in waiting.finditer(path.read_text()):
            found += 1
            assert (f"{path.name}::{match[1]}" if match[1] else f"tests/{path.name} ") in named
    assert found >= 3


def test_the_runs_are_the_long_nets_at_2012s_length():
    text = re.search(r'^RUNS="\\\n(.*?)"$', SCRIPT.read_text(), re.DOTALL | re.MULTILINE)[1]
    runs = [RunId(study, variant, int(n), int(seed)) for study, variant, n, seed in map(str.split, text.splitlines())]
    assert len(set(runs)) == len(runs)
    nets = {run for run in runs if run.study == "cifar10_nets"}
    assert {run.variant for run in nets} == {"conv_local_11pct", "conv_local_11pct_no_normalization"}
    known = load_study("cifar10_nets").variants
    assert {run.epochs for run in nets} == {known["conv_local_11pct"].full_epochs()}
    bodies = {run for run in runs if run not in nets}
    planned = {(run.variant, run.epochs, run.seed) for run in load_study("lrn_confound").runs("full")}
    assert {(run.variant, run.epochs) for run in bodies} == {("body11_normalized", 160), ("body11", 160)}
    assert {(run.variant, run.epochs, run.seed) for run in bodies} <= planned


def test_steps_follow_one_another_and_finished_runs_are_brought_back(tree):
    status, text, calls = session(tree, 20, [FIRST, SECOND])
    assert status == 0, text
    kinds = [" ".join(call.split()[:3]) for call in calls]
    assert kinds[:4] == ["- cuda", "-m reproduce data", "-m pytest -p", "-m reproduce time"]
    (timing,) = parsed(calls, "time")
    assert (timing.budget, timing.out) == (5, tree / "out" / "timing")  # a fifth of the time, and a second
    trained = parsed(calls, "train")
    assert [(t.study, *t.variants, t.epochs, t.seed, t.device) for t in trained] == [
        ("tiny", "small", 6, 1, "cuda"),
        ("tiny", "small", 6, 2, "cuda"),
    ]
    assert {run for run in (FIRST, SECOND) if (tree / "out" / "runs" / run / "run.json").is_file()} == {FIRST, SECOND}
    for line in ("device: a GPU", "tests: == 3 passed ==", f"{FIRST}: finished", "2 of the 2 runs wanted are finished"):
        assert line in text and line in (tree / "out" / "session.log").read_text()


def test_what_is_published_or_finished_is_not_trained_again(tree):
    (tree / "results" / "runs" / FIRST).mkdir(parents=True)
    status, text, calls = session(tree, 20, [FIRST, SECOND])
    assert status == 0 and [t.seed for t in parsed(calls, "train")] == [2]
    status, text, again = session(tree, 20, [FIRST, SECOND])
    assert status == 0 and parsed(again[len(calls) :], "train") == []
    assert "training: 0 of the 0 runs wanted are finished" in text


def test_runs_are_stopped_in_time_and_later_ones_not_begun(tree):
    status, text, calls = session(tree, 4, [FIRST, SECOND], "--jobs", "1", TRAINS=60)
    assert status == 0, text
    assert [t.seed for t in parsed(calls, "train")] == [1]
    assert f"{FIRST}: stopped: {FIRST} stopped at step 100; the same command goes on" in text
    assert "0 of the 2 runs wanted are finished" in text and not (tree / "out" / "runs" / FIRST).exists()


def test_ctrl_c_stops_the_runs_and_begins_no_more(tree):
    text = interrupted(tree, [FIRST, SECOND], (tree / "notes" / "at_once").exists, "--jobs", "1", TRAINS=60)
    assert f"{FIRST}: stopped: {FIRST} stopped at step 100" in text and SECOND not in text
    assert "0 of the 2 runs wanted are finished" in text


@pytest.mark.slow
@pytest.mark.parametrize(("updates", "at_once"), [(30, 4), (20, 1)])
def test_a_trial_decides_how_many_run_at_once(tree, updates, at_once):
    """One run makes 100 updates by itself; then four make 4 x 30 together, which is more, or 4 x 20."""
    runs = [f"tiny/small/epochs6/seed{seed}" for seed in range(1, 6)]
    status, text, _ = session(tree, 14, runs, TRAINS=60, UPDATES=updates)
    assert status == 0, text
    expected = f"trial of 1 s: 100 updates by one run, {4 * updates} by up to 4; {at_once} at once now"
    assert expected in text
    in_the_trial, after = 5, (tree / "notes" / "at_once").read_text().split()
    assert max(map(int, after[in_the_trial:])) == at_once


def test_failures_are_named_and_stop_nothing_else(tree):
    status, text, _ = session(tree, 20, ["tiny/broken/epochs6/seed1", SECOND], TESTS=1)
    assert status == 1
    assert "tiny/broken/epochs6/seed1: failed: no variant" in text and f"{SECOND}: finished" in text
    assert (tree / "out" / "logs" / "failed").read_text().split() == ["tests", "tiny/broken/epochs6/seed1"]


def test_without_a_gpu_nothing_begins(tree):
    status, text, calls = session(tree, 20, [FIRST], NO_GPU=1)
    assert (status, text, len(calls)) == (2, "error: no CUDA device\n", 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name a folder for the results"),
        (["out", "soon"], "SECONDS must be a positive whole number, not 'soon'"),
        (["out", "10", "20"], "'20' is one argument too many"),
        (["out", "--jobs"], "--jobs needs a value"),
        (["out", "--jobs", "0"], "--jobs must be a positive whole number, not '0'"),
        (["out", "--device", "tpu"], "--device is cuda or cpu, not 'tpu'"),
        (["out", "--runs", "nowhere"], "--runs: 'nowhere' holds no runs"),
        (["out", "--runs", "bad"], "seed of 'tiny small' must be a positive whole number, not ''"),
        (["out", "--quick", "1"], "there is no option '--quick'"),
    ],
)
def test_mistakes_are_one_line(tree, arguments, message):
    (tree / "bad").write_text("tiny small 6\n")
    command = ["bash", "experiments/gpu_session.sh", *arguments]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith(f"error: {message}") and done.stderr.count("\n") == 1
    assert not (tree / "out").exists()


@pytest.mark.slow
def test_runs_on_the_cpu_finish_stop_and_go_on(tree):
    """The real command line on the tiny study: one run ends in the session, the other goes on in the next one."""
    write_study(tree)
    commands = f"""\
#!/usr/bin/env bash
case "$*" in
"- "*) {{ echo 'import reproduce.base.provenance as made_from'
    echo 'made_from.git_state = lambda: {{"git_commit": "1", "git_dirty": bool("'$DIRTY'")}}'
    cat; }} | exec "{sys.executable}" "$@" ;;
"-m reproduce train"*) exec "{sys.executable}" "{training_support.__file__}" "{tree}" "${{@:3}}" ;;
*) echo done ;;
esac
"""
    (tree / "python").write_text(commands)
    variables = {"PYTHONPATH": f"{REPO_ROOT}:{Path(training_support.__file__).parent}", "DIRTY": ""}
    status, text, _ = session(tree, 60, [FIRST], "--device", "cpu", **variables | {"DIRTY": "yes"})
    assert (status, text) == (2, "error: reproduce/ or experiments/ has uncommitted changes; commit them first\n")
    never_done = "tiny/long/epochs200000/seed1"
    log = tree / "out" / "logs" / f"{never_done.replace('/', '-')}.log"

    def says(words):
        return log.is_file() and re.search(words, log.read_text())

    def stopped_once_it_says(words):
        return interrupted(tree, [FIRST, never_done], lambda: says(words), "--device", "cpu", **variables)

    text = stopped_once_it_says(f"{never_done}: .* left")  # its progress
    assert "device: no GPU; " in text and f"{FIRST}: finished" in text
    record = json.loads((tree / "out" / "runs" / FIRST / "run.json").read_text())
    assert record["status"] == "finished" and record["machine"]["device"] == "cpu"
    step = int(re.search(rf"{never_done} stopped at step (\d+)", text)[1])
    assert step > 0 and len(list((tree / "out" / "scratch" / "checkpoints").glob("*.pt"))) == 1
    stopped_once_it_says(f"{never_done}: going on from step {step}\n")
