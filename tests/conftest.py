"""Fixtures shared by the tests of models and training."""

import pytest
import torch


@pytest.fixture
def one_thread():
    """Compute on one thread: tiny work, the same bits in every run, no waiting for a busy second core."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
