"""Figures and parts of pages that belong to one study: one module per study, found by the study's name.

A module defines two dictionaries of functions that take the tables. ``FIGURES`` names each by the stem of the file that
it draws, ``BLOCKS`` by the marker on a page whose Markdown it gives. A study without a module has common figures.
"""

import importlib
import importlib.util
from collections.abc import Callable
from types import ModuleType

from reproduce.base.errors import ReproduceError
from reproduce.base.paths import EXPERIMENTS
from reproduce.report.records import Records


def study_module(study: str) -> ModuleType | None:
    """Return the module of the study's name, or None if there is none."""
    name = f"{__name__}.{study}"
    is_study = study in {path.parent.name for path in EXPERIMENTS.glob("*/README.md")}
    return importlib.import_module(name) if is_study and importlib.util.find_spec(name) else None


def own_blocks() -> dict[str, Callable[[Records], str]]:
    """Return the functions that give the blocks of all studies, by marker.

    Raises:
        ReproduceError: two studies have a block of the same name.
    """
    found: dict[str, Callable[[Records], str]] = {}
    for folder in sorted(path for path in EXPERIMENTS.iterdir() if path.is_dir()):
        blocks = module.BLOCKS if (module := study_module(folder.name)) else {}
        if twice := found.keys() & blocks.keys():
            raise ReproduceError(f"two studies have a block {min(twice)!r}; rename that of {folder.name}")
        found |= blocks
    return found
