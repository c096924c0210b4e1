"""Environment variables of this project: names, folders and switches."""

import pytest

from reproduce.base.environment import check_variables


@pytest.mark.parametrize(
    ("name", "value"), [("REPRODUCE_PLACE", "/made/later"), ("REPRODUCE_PLACE", ""), ("REPRODUCE_FAST", "0")]
)
def test_folders_that_are_not_there_yet_and_empty_settings_pass(monkeypatch, name, value):
    _only(monkeypatch, name, value)
    check_variables({"REPRODUCE_PLACE"}, {"REPRODUCE_FAST"})


def _only(monkeypatch, name, value):
    monkeypatch.delenv("REPRODUCE_SCRATCH", raising=False)
    monkeypatch.setenv(name, value)
