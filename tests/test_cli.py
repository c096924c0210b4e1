"""The command line: help a newcomer can follow, one-line errors, exit statuses."""

import argparse
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import training_support
from training_support import RUN, use_study, write_study

from reproduce import cli
from reproduce.base.errors import ElsewhereError, InterruptedRunError, ReproduceError
from reproduce.base.paths import REPO_ROOT
from reproduce.runs import places
from reproduce.speed.timing import cells
from reproduce.speed.timing import run as timing_run
from reproduce.train import golden
from reproduce.train import run as run_module
from reproduce.train.distributed import local_rank

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    write_study(tmp_path)
    use_study(tmp_path, monkeypatch.setattr)
    monkeypatch.setattr(golden, "load_study", cli.load_study)
    monkeypatch.setenv("REPRODUCE_SCRATCH", str(tmp_path / "scratch"))
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
        (["report", "literature", "tiny"], "report literature takes no name; leave out 'tiny'"),
        (["report", "study"], "report study needs a name"),
    ],
)
def test_mistakes_are_one_line_with_status_2(folder, capsys, arguments, message):
    assert message in error_line(capsys, *arguments)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], (False, None, cells.FULL)),
        (["--quick"], (True, None, cells.QUICK)),
        (["--budget", "90", "--out", "here"], (False, Path("here"), replace(cells.FULL, budget_seconds=90))),
        (["--quick", "--budget", "20"], (True, None, replace(cells.QUICK, budget_seconds=20))),
    ],
)
def test_timings_get_their_budget_and_folder(monkeypatch, options, expected):
    asked = []
    monkeypatch.setattr(timing_run, "run_timing", lambda *arguments: asked.append(arguments))
    assert cli.main(["time", *options]) == 0
    assert asked == [expected]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["tune"],
        ["train"],
        ["train", "tiny", "small", "--epochs", "0", "--seed", "1"],
        ["train", "tiny", "small", "--epochs", "6", "--seed", "-1"],
        ["train", "tiny", "small", "--epochs", "6", "--seed", "1", "--threads", "0"],
        ["train", "tiny", "small", "--epochs", "6", "--seed", "1", "--images-per-pass", "0"],
        ["train", "tiny", "small", "--epochs", "six", "--seed", "1"],
        ["train", "tiny", "--profile", "nightly"],
        *(
            ["rerun", str(RUN), "--seconds-between-checkpoints", value]
            for value in ("-1", "nan", "inf", "1e999", "soon")
        ),
    ],
)
def test_mistakes_of_form_are_one_line_too(folder, capsys, arguments):
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and "--help" in error


def test_without_arguments_train_asks_for_the_study_alone(capsys):
    with pytest.raises(SystemExit):
        cli.main(["train"])
    assert "the following arguments are required: study;" in capsys.readouterr().err


def test_the_argument_of_cite_is_explained(capsys):
    with pytest.raises(SystemExit):
        cli.main(["cite", "--help"])
    assert "id of a number in results/numbers.json" in capsys.readouterr().out


def test_train_writes_the_run_and_says_where(folder, capsys):
    assert cli.main(["train", "tiny", "small", "--epochs", "6", "--seed", "1", "--threads", "1"]) == 0
    assert f"{RUN}: written to " in capsys.readouterr().out
    assert json.loads((places.found_at(RUN) / "run.json").read_text())["status"] == "finished"


def test_a_profile_takes_any_number_of_variants(folder):
    def chosen(*arguments):
        arguments = cli.build_parser().parse_args(["train", "tiny", *arguments])
        runs = cli._chosen_runs(training_support.tiny_study(folder), arguments)
        return [str(run) for run in runs]

    both = ["tiny/small/epochs2/seed1", "tiny/small/epochs2/seed2"]
    assert chosen("--profile", "smoke") == chosen("small", "--profile", "smoke") == both
    assert chosen("small", "long", "--profile", "smoke") == both
    assert chosen("long", "--profile", "smoke") == []
    with pytest.raises(ReproduceError, match="name a variant with --epochs and --seed"):
        chosen("small", "long", "--epochs", "6", "--seed", "1")


def test_a_profile_trains_what_is_missing(folder, capsys, monkeypatch):
    trained = []
    monkeypatch.setattr(run_module, "train_run", lambda run, launch: trained.append(run) or places.found_at(run))
    first, second = (type(RUN)("tiny", "small", 2, seed) for seed in (1, 2))
    places.found_at(first).mkdir(parents=True)
    made_from = run_module.inputs_of(training_support.tiny_study(folder), first)
    (places.found_at(first) / "run.json").write_text(json.dumps(made_from))
    assert cli.main(["train", "tiny", "--profile", "smoke"]) == 0
    assert trained == [second]
    assert f"{first} is finished and up to date; skipped" in capsys.readouterr().out
    (places.found_at(first) / "run.json").write_text(
        json.dumps({**made_from, "config_sha256": "of an earlier configuration"})
    )
    assert cli.main(["train", "tiny", "--profile", "smoke"]) == 0
    assert trained == [second, first, second]


def test_the_list_of_a_profile_names_what_is_missing_and_trains_nothing(folder, capsys, monkeypatch):
    monkeypatch.setattr(run_module, "train_run", lambda run, launch: pytest.fail("trained"))
    first, second = (type(RUN)("tiny", "small", 2, seed) for seed in (1, 2))
    assert cli.main(["train", "tiny", "--profile", "smoke", "--list"]) == 0
    assert capsys.readouterr().out == f"run/{first}\nrun/{second}\n"
    places.found_at(first).mkdir(parents=True)
    made_from = run_module.inputs_of(training_support.tiny_study(folder), first)
    (places.found_at(first) / "run.json").write_text(json.dumps(made_from))
    assert cli.main(["train", "tiny", "--profile", "smoke", "--list"]) == 0
    assert capsys.readouterr().out == f"run/{second}\n"


def test_tuning_goes_on_where_the_table_of_what_was_seen_ends(folder, capsys, monkeypatch):
    """Tuning runs are not published, so a clone has none of their folders."""
    trained = []
    monkeypatch.setattr(run_module, "train_run", lambda run, launch: trained.append(run) or places.found_at(run))
    study = folder / "experiments" / "tiny" / "study.yaml"
    study.write_text(f"{study.read_text()}  tuning:\n    small: {{epochs: 6, seeds: [1, 2]}}\n")
    second, digest = type(RUN)("tiny", "small", 6, 2), training_support.tiny_study(folder).config_digest(RUN)
    table = study.with_name("tuning.csv")
    table.write_text(f"variant,epochs,seed,config_sha256,git_commit\nsmall,6,1,{digest},{'a' * 40}\n")
    assert cli.main(["train", "tiny", "--profile", "tuning", "--list"]) == 0
    assert capsys.readouterr().out == f"run/{second}\n"
    assert cli.main(["train", "tiny", "--profile", "tuning"]) == 0
    assert trained == [second]
    assert re.search(f"{RUN} is recorded in .*experiments/tiny/tuning.csv; skipped\n", capsys.readouterr().out)
    assert cli.main(["train", "tiny", "small", "--epochs", "6", "--seed", "1"]) == 0
    assert trained == [second, RUN], "a run named by its seed is trained"
    table.write_text(table.read_text().replace(digest, "of an earlier configuration"))
    assert cli.main(["train", "tiny", "--profile", "tuning"]) == 0
    assert trained == [second, RUN, RUN, second]


def test_launch_options_reach_the_trainer(folder, monkeypatch):
    launches = []
    monkeypatch.setattr(run_module, "train_run", lambda run, launch: launches.append(launch) or places.found_at(run))
    arguments = ["train", "tiny", "small", "--epochs", "6", "--seed", "1"]
    cli.main([*arguments, "--device", "cpu", "--threads", "3", "--seconds-between-checkpoints", "7.5"])
    cli.main([*arguments, "--images-per-pass", "16"])
    cli.main(arguments)
    passes = run_module.Launch(images_per_pass=16)
    assert launches == [run_module.Launch("cpu", 3, 7.5), passes, run_module.Launch("auto", None, 30.0)]
    assert all(launch.require_clean_tree for launch in launches)


@pytest.mark.parametrize(
    ("error", "status"),
    [(ReproduceError("wrong"), 2), (InterruptedRunError("stopped"), 75), (KeyboardInterrupt(), 130)],
)
def test_exit_statuses(folder, capsys, monkeypatch, error, status):
    def fail(run, launch):
        raise error

    monkeypatch.setattr(run_module, "train_run", fail)
    error_line(capsys, "train", "tiny", "small", "--epochs", "6", "--seed", "1", status=status)


def test_an_error_that_another_process_reports_is_not_said_again(folder, capsys, monkeypatch):
    def fail(run, launch):
        raise ElsewhereError(75)

    monkeypatch.setattr(run_module, "train_run", fail)
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
    assert "1 variants follow their golden files" in capsys.readouterr().out


def test_golden_record_without_a_reason_is_refused(folder, capsys):
    assert "--reason is empty" in error_line(capsys, "golden", "record", "tiny", "small")


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("--seed", str(2**70), f"'{2**70}' is not a positive whole number below 2**63"),
        ("--seed", "9" * 5000, "characters) is not a positive whole number below 2**63"),
        ("--epochs", "0", "'0' is not a positive whole number below 2**63"),
        ("--threads", "1000000", "'1000000' threads are too many for this machine: at most"),
    ],
)
def test_absurd_numbers_are_one_line(capsys, option, value, reason):
    with pytest.raises(SystemExit) as ended:
        cli.main(["train", "cifar10_nets", "80sec", option, value])
    error = capsys.readouterr().err
    assert ended.value.code == 2 and reason in error
    assert error.count("\n") == 1 and len(error) < 400


def test_torchruns_variables_must_be_numbers(capsys, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "abc")
    assert cli.main(["train", "cifar10_nets", "80sec", "--epochs", "2", "--seed", "1", "--device", "cpu"]) == 2
    assert capsys.readouterr().err == "error: WORLD_SIZE is 'abc', no whole number; start by torchrun, or unset it\n"
    monkeypatch.setenv("LOCAL_RANK", "-1")
    with pytest.raises(ReproduceError, match=r"^LOCAL_RANK is '-1', no whole number"):
        local_rank()


def test_a_reader_that_stops_early_gets_no_traceback():
    command = f"{sys.executable} -m reproduce cite small-lrn-top1 | head -n 1"
    done = subprocess.run(["bash", "-c", command], cwd=REPO_ROOT, capture_output=True, text=True)
    assert done.stdout.startswith("small-lrn-top1: ") and done.stdout.count("\n") == 1
    assert done.stderr == ""
