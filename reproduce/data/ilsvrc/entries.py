"""One image of a source, named the same in every layout."""

import re
from typing import NamedTuple

WNID = re.compile(r"n\d{8}")


class Entry(NamedTuple):
    """One image: its name, its class, and its place: ``size`` bytes of ``path`` from ``offset``, or (-1) all of it."""

    name: str
    wnid: str
    path: str
    offset: int = 0
    size: int = -1
