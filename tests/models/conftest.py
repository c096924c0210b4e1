"""Fixtures of the tests of layers."""

import pytest

from reproduce.models import kernels


@pytest.fixture(params=["kernels", "torch"])
def implementation(request, monkeypatch):
    """Run with the compiled kernels and with the fallback."""
    if request.param == "torch":
        monkeypatch.setattr(kernels, "library", lambda: None)
    elif kernels.library() is None:
        pytest.skip("no C compiler here")
    return request.param
