"""Environment variables of this project: names, folders and switches."""

import pytest

from reproduce.base.environment import check_variables
from reproduce.base.errors import ReproduceError


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("REPRODUCE_PLACEE", "x", "no setting is named 'REPRODUCE_PLACEE'; did you mean REPRODUCE_PLACE"),
        ("REPRODUCE_PLACE", "~nobody_at_all/x", "REPRODUCE_PLACE names '~nobody_at_all/x'"),
        ("REPRODUCE_PLACE", "/" + "d" * 300, "File name too long; set it to a folder, or unset it"),
        ("REPRODUCE_PLACE", "/dev/null/x", "Not a directory"),
        ("REPRODUCE_FAST", "yes", "REPRODUCE_FAST is 'yes', neither 0 nor 1"),
    ],
)
def test_a_setting_that_means_nothing_is_named(monkeypatch, name, value, said):
    _only(monkeypatch, name, value)
    with pytest.raises(ReproduceError) as caught:
        check_variables({"REPRODUCE_PLACE"}, {"REPRODUCE_FAST"})
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"), [("REPRODUCE_PLACE", "/made/later"), ("REPRODUCE_PLACE", ""), ("REPRODUCE_FAST", "0")]
)
def test_folders_that_are_not_there_yet_and_empty_settings_pass(monkeypatch, name, value):
    _only(monkeypatch, name, value)
    check_variables({"REPRODUCE_PLACE"}, {"REPRODUCE_FAST"})


def _only(monkeypatch, name, value):
    monkeypatch.delenv("REPRODUCE_SCRATCH", raising=False)
    monkeypatch.setenv(name, value)
