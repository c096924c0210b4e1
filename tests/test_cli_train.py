"""The verb ``train``: which runs are trained, which are skipped, and what reaches the trainer."""

import json
import re

import pytest
import training_support
from collect_support import run_record
from training_support import RUN

from reproduce import cli
from reproduce.base.errors import ReproduceError
from reproduce.runs import places
from reproduce.train import run as run_module
from reproduce.train import several
from reproduce.train.launch import Launch

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    training_support.use_own_folder(tmp_path, monkeypatch)
    return tmp_path


def test_train_writes_the_run_and_says_where(folder, capsys):
    assert cli.main(["train", "tiny", "small", "--epochs", "6", "--seed", "1", "--threads", "1"]) == 0
    assert f"{RUN}: written to " in capsys.readouterr().out
    assert json.loads((places.found_at(RUN) / "run.json").read_text())["status"] == "finished"


def test_a_profile_takes_any_number_of_variants(folder):
    def chosen(*arguments):
        arguments = cli.build_parser().parse_args(["train", "tiny", *arguments])
        study = training_support.tiny_study(folder)
        runs = several.chosen_runs(study, arguments.variants, arguments.profile, arguments.epochs, arguments.seed)
        return [str(run) for run in runs]

    both = ["tiny/small/epochs2/seed1", "tiny/small/epochs2/seed2"]
    assert chosen("--profile", "smoke") == chosen("small", "--profile", "smoke") == both
    assert chosen("small", "long", "--profile", "smoke") == both
    assert chosen("long", "--profile", "smoke") == []
    with pytest.raises(ReproduceError, match="name a variant with --epochs and --seed"):
        chosen("small", "long", "--epochs", "6", "--seed", "1")


def write_finished(folder, run, **changes):
    """Write the record of a run made from today's inputs, or with ``changes`` to them."""
    places.found_at(run).mkdir(parents=True, exist_ok=True)
    made_from = run_module.inputs_of(training_support.tiny_study(folder), run) | changes
    (places.found_at(run) / "run.json").write_text(json.dumps(run_record(run, **made_from)))


def test_a_profile_trains_what_is_missing(folder, capsys, monkeypatch):
    trained = []
    monkeypatch.setattr(several, "train_run", lambda run, launch: trained.append(run) or places.found_at(run))
    first, second = (type(RUN)("tiny", "small", 2, seed) for seed in (1, 2))
    write_finished(folder, first)
    assert cli.main(["train", "tiny", "--profile", "smoke"]) == 0
    assert trained == [second]
    assert f"{first} is finished and up to date; skipped" in capsys.readouterr().out
    write_finished(folder, first, config_sha256="of an earlier configuration")
    assert cli.main(["train", "tiny", "--profile", "smoke"]) == 0
    assert trained == [second, first, second]


def test_what_a_kill_left_beside_a_finished_run_is_cleared_when_it_is_skipped(folder, capsys, monkeypatch):
    """The kill came after the new folder took its place, and before the old one and the checkpoint were removed."""
    command = ["train", "tiny", "--profile", "smoke", "--threads", "1"]
    monkeypatch.setattr(run_module.Path, "unlink", lambda *arguments, **options: None)  # not yet
    assert cli.main(command) == 0
    monkeypatch.undo()
    training_support.use_own_folder(folder, monkeypatch)
    place = places.found_at(type(RUN)("tiny", "small", 2, 1))
    place.with_name(".seed1.old").mkdir()
    assert len(training_support.checkpoints(folder)) == 2
    capsys.readouterr()
    assert cli.main(command) == 0
    assert capsys.readouterr().out.count("skipped") == 2
    assert training_support.checkpoints(folder) == []
    assert sorted(path.name for path in place.parent.iterdir()) == ["seed1", "seed2"]


def test_a_run_that_another_process_trains_is_not_settled(folder):
    run = type(RUN)("tiny", "small", 2, 1)
    inputs = run_module.inputs_of(training_support.tiny_study(folder), run)
    checkpoint = run_module.checkpoint_of(run, places.found_at(run), inputs)
    with run_module.exclusive_lock(checkpoint.with_suffix(".lock"), "busy"):
        checkpoint.touch()
        run_module.settle_run(run)
        assert checkpoint.exists()
    run_module.settle_run(run)
    assert not checkpoint.exists()


def test_the_list_of_a_profile_names_what_is_missing_and_trains_nothing(folder, capsys, monkeypatch):
    monkeypatch.setattr(several, "train_run", lambda run, launch: pytest.fail("trained"))
    first, second = (type(RUN)("tiny", "small", 2, seed) for seed in (1, 2))
    assert cli.main(["train", "tiny", "--profile", "smoke", "--list"]) == 0
    assert capsys.readouterr().out == f"{first}\n{second}\n"
    write_finished(folder, first)
    assert cli.main(["train", "tiny", "--profile", "smoke", "--list"]) == 0
    assert capsys.readouterr().out == f"{second}\n"


def test_tuning_goes_on_where_the_table_of_what_was_seen_ends(folder, capsys, monkeypatch):
    """Tuning runs are not published, so a clone has none of their folders."""
    trained = []
    monkeypatch.setattr(several, "train_run", lambda run, launch: trained.append(run) or places.found_at(run))
    study = folder / "experiments" / "tiny" / "study.yaml"
    study.write_text(f"{study.read_text()}  tuning:\n    small: {{epochs: 6, seeds: [1, 2]}}\n")
    second, digest = type(RUN)("tiny", "small", 6, 2), training_support.tiny_study(folder).config_digest(RUN)
    table = study.with_name("tuning.csv")
    table.write_text(f"variant,epochs,seed,config_sha256,git_commit\nsmall,6,1,{digest},{'a' * 40}\n")
    assert cli.main(["train", "tiny", "--profile", "tuning", "--list"]) == 0
    assert capsys.readouterr().out == f"{second}\n"
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
    monkeypatch.setattr(several, "train_run", lambda run, launch: launches.append(launch) or places.found_at(run))
    arguments = ["train", "tiny", "small", "--epochs", "6", "--seed", "1"]
    cli.main([*arguments, "--device", "cpu", "--threads", "3", "--seconds-between-checkpoints", "7.5"])
    cli.main([*arguments, "--images-per-pass", "16"])
    cli.main(arguments)
    passes = Launch(images_per_pass=16)
    assert launches == [Launch("cpu", 3, 7.5), passes, Launch("auto", None, 30.0)]
    assert all(launch.require_clean_tree for launch in launches)
