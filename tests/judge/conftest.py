"""The small repository in which everything agrees."""

import pytest
from verify_support import make_repository


@pytest.fixture
def root(tmp_path):
    return make_repository(tmp_path / "repository")
