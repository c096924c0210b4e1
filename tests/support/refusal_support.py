"""Refusing sources of ImageNet images in one line, in tests."""

from pathlib import Path

import pytest
from ilsvrc_layouts import SAMPLE

from reproduce.base.errors import ReproduceError
from reproduce.data.ilsvrc.sources import list_source

MODES = pytest.mark.parametrize("subset", [False, True], ids=["whole", "subset"])


def refused(source: Path, message: str, subset: bool = False) -> str:
    """Return the one line with which a source is refused, which ``message`` must match."""
    with pytest.raises(ReproduceError, match=message) as caught:
        list_source(source, SAMPLE.edition, subset)
    assert "\n" not in str(caught.value)
    return str(caught.value)
