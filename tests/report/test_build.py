"""``python -m reproduce report`` writes and says nothing that does not belong to the name it is given."""

import json
import pkgutil

import pytest
import yaml
from report_support import make_records

from reproduce import cli
from reproduce.base.errors import ReproduceError
from reproduce.base.paths import EXPERIMENTS, REPO_ROOT
from reproduce.base.validation import read_yaml
from reproduce.report import build, notebooks, studies
from reproduce.report.studies.common import common_figures
from reproduce.study.study import load_study


@pytest.fixture
def loaded(tmp_path):
    """The tables of ``report_support``, before any run."""
    return make_records(tmp_path, trained=False)


def test_a_study_without_a_module_gets_the_common_figures_that_it_has_something_for(loaded):
    study = load_study("cifar10_nets").model_copy(update={"study": "nets"})
    every = ["nets_learning_curves", "nets_verdicts", "nets_precision"]
    assert list(common_figures(study, loaded)) == every
    others = [comparison for comparison in study.comparisons if not comparison.id.startswith("bf16")]
    assert list(common_figures(study.model_copy(update={"comparisons": others}), loaded)) == every[:2]
    assert list(common_figures(load_study("teaching_alexnet"), loaded)) == ["teaching_alexnet_learning_curves"]


def test_the_stage_of_a_study_without_a_module_writes_both_kinds_of_file(tmp_path, loaded):
    paths = build.study_stage("teaching_alexnet", tmp_path / "figures", loaded)
    assert [path.name for path in paths] == [f"teaching_alexnet_learning_curves.{kind}" for kind in ("png", "svg")]
    assert sorted(paths) == sorted((tmp_path / "figures").iterdir())


def test_every_module_belongs_to_a_study_and_its_figures_are_outs_of_its_stage():
    stages = yaml.safe_load((REPO_ROOT / "dvc.yaml").read_text())["stages"]
    names = {module.name for module in pkgutil.iter_modules(studies.__path__)} - {"common"}
    assert names
    for name in names:
        outs = [next(iter(out)) for out in stages[f"figures_{name}"]["outs"]]
        stems = studies.study_module(name).FIGURES
        assert outs == [f"results/figures/{stem}.{kind}" for stem in stems for kind in ("png", "svg")]
        assert stages[f"figures_{name}"]["cmd"] == f"python -m reproduce report study {name}"


def test_no_two_studies_share_a_figure_or_a_block():
    modules = [studies.study_module(path.name) for path in EXPERIMENTS.iterdir() if path.is_dir()]
    for kind in ("FIGURES", "BLOCKS"):
        named = [name for module in modules if module for name in getattr(module, kind)]
        assert len(named) == len(set(named)) > 0


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
    page = build.pages()[1]
    changed = [page]
    monkeypatch.setattr(build, "update_page", lambda readme, numbers, loaded: readme in changed)
    assert cli.main(["report", "pages"]) == 0
    assert capsys.readouterr().out == f"wrote {page.relative_to(build.REPO_ROOT)}\n"
    changed.clear()
    assert cli.main(["report", "pages"]) == 0
    assert capsys.readouterr().out == "nothing to write: all is up to date\n"


def test_every_generated_page_is_made_by_the_stage_of_pages():
    """So that the error on a page that is out of date, which names `dvc repro`, is true."""
    stage = read_yaml(REPO_ROOT / "dvc.yaml")["stages"]["pages"]
    made = [path for out in stage["outs"] for path in out]
    assert sorted(made) == sorted(page.relative_to(REPO_ROOT).as_posix() for page in build.pages())
