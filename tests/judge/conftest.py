"""The small repository in which everything agrees, made once and copied for each test."""

import shutil

import pytest
from verify_support import make_repository


@pytest.fixture(scope="session")
def made_repository(tmp_path_factory):
    return make_repository(tmp_path_factory.mktemp("made") / "repository")


@pytest.fixture
def root(made_repository, tmp_path):
    return shutil.copytree(made_repository, tmp_path / "repository")
