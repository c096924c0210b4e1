"""The editions of the contest's classification data: what each must hold, and where it lies on this machine."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from reproduce.base.errors import ReproduceError
from reproduce.base.paths import DATA, RESULTS

PACKED_VARIABLE = "REPRODUCE_PACKED"
SIDE = 256  # pixels of an image as packed


@dataclass(frozen=True)
class Edition:
    """One year's data. ``images`` gives the official number of images of each split, training first."""

    year: int
    images: Mapping[str, int]
    classes: int = 1000

    @property
    def name(self) -> str:
        """Return the name used for folders and on the command line."""
        return f"ilsvrc{self.year}"

    @property
    def test_split(self) -> str:
        """Return the split that published figures are of: the test images where their labels are public."""
        return "test" if "test" in self.images else "val"

    @property
    def title(self) -> str:
        """Return the name used in print."""
        return f"ILSVRC-{self.year}"

    @property
    def variable(self) -> str:
        """Return the environment variable by which a user names the folder with archives or images."""
        return f"REPRODUCE_ILSVRC{self.year}"


# The paper tests on the test images of 2010, whose labels are public, and on the validation images of 2012 (section 2).
EDITIONS = {
    2010: Edition(2010, {"train": 1_261_406, "val": 50_000, "test": 150_000}),
    2012: Edition(2012, {"train": 1_281_167, "val": 50_000}),
}


def edition_of(year: int) -> Edition:
    """Return the edition of ``year``.

    Raises:
        ReproduceError: no such edition is used here.
    """
    if year not in EDITIONS:
        raise ReproduceError(f"ILSVRC-{year} is not used here; choose one of {', '.join(map(str, EDITIONS))}")
    return EDITIONS[year]


def packed_folder(edition: Edition, subset: bool = False) -> Path:
    """Return where the shards go: below ``$REPRODUCE_PACKED`` (a large, fast disk) or ``data/``."""
    named = os.environ.get(PACKED_VARIABLE)
    base = Path(named).expanduser().resolve() if named else DATA
    return base / (f"{edition.name}_subset" if subset else edition.name)


def statistics_folder(edition: Edition, subset: bool = False) -> Path:
    """Return where manifest and statistics go: committed for the whole edition, beside its shards for a subset."""
    return packed_folder(edition, subset) if subset else RESULTS / "data" / edition.name
