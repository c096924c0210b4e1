"""A study's tuning runs in one table: what is taken, what is kept, and that no test error gets in."""

import json
import shutil

import pandas as pd
import pytest
from collect_support import run_record
from training_support import tiny_study, use_own_folder

from reproduce.base.errors import ReproduceError
from reproduce.runs import places
from reproduce.runs.tuning import read_tuning, recorded_runs, tabulate_tuning
from reproduce.study.study import RunList

METRICS = {
    "test_top1_error_percent": 11.0,
    "test_center_top1_error_percent": 12.0,
    "test_images": 30,
    "views": 1,
    "epochs": 4,
    "updates": 99,
    "training_top1_error_percent": 20.5,
    "validation_top1_error_percent": 33.3,
    "epochs_to_25_percent_training_error": 3.5,
    "sift_test_top1_error_percent": 60.0,
}


@pytest.fixture
def study(tmp_path, monkeypatch):
    use_own_folder(tmp_path, monkeypatch)
    study = tiny_study(tmp_path)
    return study.model_copy(update={"profiles": {"tuning": {"small": RunList(epochs=6, seeds=[101, 102])}}})


def leave_run(study, run, config=None, **metrics):
    folder = places.trained_to(study, run)
    folder.mkdir(parents=True, exist_ok=True)
    digest = config or study.config_digest(run)
    (folder / "run.json").write_text(json.dumps(run_record(run, config_sha256=digest)))
    (folder / "metrics.json").write_text(json.dumps(METRICS | metrics))


def test_what_was_seen_in_training_is_kept_and_test_errors_are_not(study, capsys):
    first, _ = study.runs("tuning")
    leave_run(study, first)
    path = tabulate_tuning(study)
    (row,) = pd.read_csv(path).to_dict("records")
    assert (row["variant"], row["epochs"], row["seed"], row["trained_epochs"]) == ("small", 6, 101, 4)
    assert row["validation_top1_error_percent"] == 33.3 and row["epochs_to_25_percent_training_error"] == 3.5
    assert row["updates"] == 99 and row["git_commit"] == "a" * 40
    assert not [name for name in row if "test" in name] and "views" not in row
    assert "1 runs, 1 still to be made" in capsys.readouterr().out


def test_rows_of_runs_made_elsewhere_stay_while_the_configuration_does(study):
    first, second = study.runs("tuning")
    leave_run(study, first)
    tabulate_tuning(study)
    (places.trained_to(study, first) / "run.json").unlink()
    leave_run(study, second, training_top1_error_percent=7.0)
    tabulate_tuning(study)
    table = read_tuning(study)
    assert table["seed"].tolist() == [101, 102] and table["training_top1_error_percent"].tolist() == [20.5, 7.0]
    path = study.folder / "tuning.csv"
    path.write_text(path.read_text().replace(study.config_digest(first), "of another configuration"))
    (places.trained_to(study, second) / "run.json").unlink()
    with pytest.raises(ReproduceError, match="no tuning run of tiny is here; run `python -m reproduce train tiny"):
        tabulate_tuning(study)


def test_a_run_of_another_configuration_is_no_tuning_run(study):
    first, second = study.runs("tuning")
    leave_run(study, first, config="another")
    leave_run(study, second)
    tabulate_tuning(study)
    assert read_tuning(study)["seed"].tolist() == [102]


def test_recorded_are_the_rows_of_todays_configuration(study):
    first, second = study.runs("tuning")
    assert recorded_runs(study) == set(), "without a table nothing is recorded"
    leave_run(study, first)
    leave_run(study, second)
    tabulate_tuning(study)
    shutil.rmtree(places.trained_to(study, first).parent)
    assert recorded_runs(study) == {first, second}
    path = study.folder / "tuning.csv"
    path.write_text(path.read_text().replace(study.config_digest(first), "of another configuration", 1))
    assert recorded_runs(study) == {second}
    shorter = study.model_copy(update={"profiles": {"tuning": {"small": RunList(epochs=5, seeds=[102])}}})
    assert recorded_runs(shorter) == set(), "another length is another run"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "tuning.csv cannot be read"),
        ("variant,seed\n", "tuning.csv lacks the column 'epochs'; restore it with git"),
    ],
)
def test_a_damaged_table_is_one_line(study, content, message):
    (study.folder / "tuning.csv").write_text(content)
    with pytest.raises(ReproduceError, match=message):
        recorded_runs(study)


def test_a_missing_table_is_one_line(study):
    with pytest.raises(ReproduceError, match="tuning.csv is missing; run `python -m reproduce tuning tiny`"):
        read_tuning(study)
