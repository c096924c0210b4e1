"""The scratch folder: where it is without a setting, and one line where there is no place for it."""

from pathlib import Path

import pytest

from reproduce.base.errors import ReproduceError
from reproduce.base.paths import scratch_folder


@pytest.mark.parametrize(
    ("home", "cache", "expected"),
    [
        ("/home/x", None, "/home/x/.cache/alexnet-reproduction"),
        ("/home/x", "/fast", "/fast/alexnet-reproduction"),
        ("/home/x", "", "/home/x/.cache/alexnet-reproduction"),
        ("/home/x", "relative", "/home/x/.cache/alexnet-reproduction"),
        ("relative", "/fast", "/fast/alexnet-reproduction"),
    ],
)
def test_it_is_in_the_user_s_cache_folder(monkeypatch, home, cache, expected):
    _set(monkeypatch, home, cache)
    assert scratch_folder() == Path(expected)


def test_a_home_that_depends_on_the_working_folder_is_refused(monkeypatch):
    _set(monkeypatch, "relative", None)
    with pytest.raises(ReproduceError, match="HOME is 'relative', no absolute path; set REPRODUCE_SCRATCH to a folder"):
        scratch_folder()


def test_without_any_home_the_setting_is_named(monkeypatch):
    _set(monkeypatch, None, None)
    monkeypatch.setattr("os.path.expanduser", lambda path: path)  # as for a user whom the system does not know
    with pytest.raises(ReproduceError, match="there is no home folder here; set REPRODUCE_SCRATCH"):
        scratch_folder()


def _set(monkeypatch, home, cache):
    monkeypatch.delenv("REPRODUCE_SCRATCH", raising=False)
    for name, value in (("HOME", home), ("XDG_CACHE_HOME", cache)):
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
