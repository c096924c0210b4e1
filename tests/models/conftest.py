"""Fixtures of the tests of layers."""

import pytest
import torch

from reproduce.models import kernels


@pytest.fixture(params=["kernels", "torch"])
def implementation(request, monkeypatch):
    """Run with the compiled kernels and with the fallback."""
    if request.param == "torch":
        monkeypatch.setattr(kernels, "library", lambda: None)
    elif kernels.library() is None:
        pytest.skip("no C compiler here")
    return request.param


@pytest.fixture
def default_bf16():
    """Let torch make tensors of bf16 where no precision is named."""
    torch.set_default_dtype(torch.bfloat16)
    yield
    torch.set_default_dtype(torch.float32)
