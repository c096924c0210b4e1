"""Where runs are trained to, published to and found at, for both ways of publishing."""

from types import SimpleNamespace

import pytest

from reproduce.base import paths
from reproduce.runs import places
from reproduce.study.run_id import RunId

RUN = RunId("nets", "80sec", 11, 3)
STAGED = SimpleNamespace(is_trained_by_stages=True)
BY_HAND = SimpleNamespace(is_trained_by_stages=False)


@pytest.fixture
def house(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(paths, "DATA", tmp_path / "data")
    return tmp_path


def test_stages_train_to_the_published_place(house):
    published = house / "results/runs/nets/80sec/epochs11/seed3"
    assert places.trained_to(STAGED, RUN) == places.published_to(STAGED, RUN) == places.found_at(RUN) == published


def test_runs_published_by_hand_wait_beside_the_data(house):
    assert places.trained_to(BY_HAND, RUN) == house / "data/runs/nets/80sec/epochs11/seed3"
    published = house / "results/external/nets/80sec/epochs11/seed3"
    assert places.published_to(BY_HAND, RUN) == published
    assert places.found_at(RUN) != published  # it is not there yet
    published.mkdir(parents=True)
    assert places.found_at(RUN) == places.found_at(str(RUN)) == published


@pytest.mark.parametrize("name", ["runs", "external"])
def test_a_run_is_published_once_its_record_is_there(tmp_path, name):
    folder = tmp_path / name / str(RUN)
    folder.mkdir(parents=True)
    assert not places.is_published(RUN, tmp_path / "runs")
    (folder / "run.json").write_text("{}")
    assert places.is_published(RUN, tmp_path / "runs")


def test_statistics_lie_beside_the_runs(house):
    assert places.statistics_folder("cifar10") == house / "results/data/cifar10"
    assert places.statistics_folder("cifar10", house / "elsewhere/runs") == house / "elsewhere/data/cifar10"
