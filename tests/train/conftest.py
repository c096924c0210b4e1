"""The tiny study of ``training_support``, written to a folder of its own."""

import pytest
from training_support import tiny_study, use_own_folder


@pytest.fixture
def folder(tmp_path, monkeypatch):
    use_own_folder(tmp_path, monkeypatch)
    return tmp_path


@pytest.fixture
def study(folder):
    return tiny_study(folder)
