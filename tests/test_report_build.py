"""What ``python -m reproduce report`` writes and says: nothing that does not belong to the name it is given."""

import json
import shutil

import pytest
from report_support import claims, make_records

from reproduce import cli
from reproduce.base.errors import ReproduceError
from reproduce.report import build, notebooks, records
from reproduce.study.study import load_study


@pytest.fixture
def written(tmp_path, monkeypatch):
    """The stems of the figures that a study gets, by the tables of ``report_support``, under the name they have."""
    make_records(tmp_path, trained=False)
    monkeypatch.setattr(records, "load_claims", claims)

    def names(study):
        paths = build.study_stage(study, tmp_path / "figures", tmp_path / "tables")
        assert sorted(paths) == sorted((tmp_path / "figures").iterdir())
        shutil.rmtree(tmp_path / "figures")
        return [path.name for path in paths if path.suffix == ".png"]

    return names


def test_a_study_gets_the_figures_that_it_has_something_for(written):
    study = load_study("cifar10_nets").model_copy(update={"study": "nets"})
    every = ["nets_learning_curves.png", "nets_verdicts.png", "nets_precision.png"]
    assert written(study) == every
    others = [comparison for comparison in study.comparisons if not comparison.id.startswith("bf16")]
    assert written(study.model_copy(update={"comparisons": others})) == every[:2]
    assert written(load_study("teaching_alexnet")) == ["teaching_alexnet_learning_curves.png"]


@pytest.mark.parametrize(
    ("study", "part"),
    [
        ("why_ports_stall", "stalls"),
        ("relu_vs_tanh", "relu_vs_tanh"),
        ("alexnet_small", "alexnet_small"),
        ("lrn_confound", "lrn_confound"),
    ],
)
def test_a_study_with_a_part_of_its_own_is_left_to_it(tmp_path, study, part):
    with pytest.raises(ReproduceError, match=f"run `python -m reproduce report {part}`$"):
        build.study_stage(load_study(study), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("part", ["literature", "readme", "architectures"])
def test_a_name_that_nothing_would_come_of_is_an_error(part):
    with pytest.raises(ReproduceError, match=f"^report {part} takes no name; leave out 'foo'"):
        build.write_part(part, "foo")


@pytest.mark.parametrize("part", ["study", "notebook"])
def test_a_missing_and_an_unknown_name_are_errors(part):
    with pytest.raises(ReproduceError, match=f"^report {part} needs a name$"):
        build.write_part(part)
    with pytest.raises(ReproduceError, match=f"^there is no {part} 'foo'.*; known: .*cifar10_nets"):
        build.write_part(part, "foo")


def test_the_command_says_what_it_wrote(tmp_path, capsys, monkeypatch):
    sources = tmp_path / "sources"
    sources.mkdir()
    (sources / "a.ipynb").write_text(json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    monkeypatch.setattr(build, "NOTEBOOK_SOURCES", sources)
    monkeypatch.setattr(build, "NOTEBOOKS", tmp_path / "executed")
    assert cli.main(["report", "notebook", "a"]) == 0
    assert capsys.readouterr().out == f"wrote {tmp_path / 'executed' / 'a.ipynb'}\n"
    assert notebooks.read_notebook(tmp_path / "executed" / "a.ipynb").cells == []


def test_pages_that_are_up_to_date_are_not_said_to_be_written(capsys, monkeypatch):
    page = build.PAGES[1]
    changed = [page]
    monkeypatch.setattr(build, "readme_stage", lambda readme, check_only: readme in changed)
    assert cli.main(["report", "readme"]) == 0
    assert capsys.readouterr().out == f"wrote {page.relative_to(build.REPO_ROOT)}\n"
    changed.clear()
    assert cli.main(["report", "readme"]) == 0
    assert capsys.readouterr().out == "nothing to write: all is up to date\n"
