"""Listing the images of an edition wherever the user has them. Nothing is read but names and archive headers.

Names do not depend on the layout (``n01440764/n01440764_18.JPEG``, ``ILSVRC2012_val_00000001.JPEG``), so every layout
gives the same order and, packed, the same bytes. A class's label is its place among the sorted WordNet ids of the
training images; the contest's own numbering is used only to read its ground-truth file.
"""

import csv
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from reproduce.data.ilsvrc.editions import Edition
from reproduce.errors import ReproduceError

WNID = re.compile(r"n\d{8}")
_SUFFIXES = (".jpeg", ".jpg", ".png")
_KAGGLE_IMAGES = Path("ILSVRC", "Data", "CLS-LOC")
_KAGGLE_SOLUTION = "LOC_val_solution.csv"


class Entry(NamedTuple):
    """One image: its name, its class, and its place: ``size`` bytes of ``path`` from ``offset``, or (-1) all of it."""

    name: str
    wnid: str
    path: str
    offset: int = 0
    size: int = -1


@dataclass(frozen=True)
class Listing:
    """The images of each split, sorted by name, and the classes in the order of their labels."""

    classes: list[str]
    splits: dict[str, list[Entry]]


def list_source(source: Path, edition: Edition, subset: bool = False) -> Listing:
    """List the images below ``source``: official archives, torchvision's folders or Kaggle's.

    Args:
        source: the folder the user names.
        edition: what it must hold.
        subset: accept any number of images and classes; images of classes without training images are left out.

    Raises:
        ReproduceError: the layout is unknown, something is missing or damaged, or the counts are not the official ones.
    """
    if not source.is_dir():
        raise ReproduceError(f"{source} is not a folder; set {edition.variable} to the folder with {edition.title}")
    splits = _read_layout(source, edition)
    classes = sorted({entry.wnid for entry in splits["train"]})
    if subset:
        known = set(classes)
        splits = {split: [entry for entry in entries if entry.wnid in known] for split, entries in splits.items()}
    splits = {split: sorted(entries) for split, entries in splits.items()}
    for split, entries in splits.items():
        if not entries:
            raise ReproduceError(f"{source} holds no {split} images of {edition.title}; complete it")
    if not subset:
        _check_counts(source, edition, classes, splits)
    return Listing(classes, splits)


def _check_counts(source: Path, edition: Edition, classes: list[str], splits: dict[str, list[Entry]]) -> None:
    advice = "complete it, or pass --subset to work with what is there"
    for split, expected in edition.images.items():
        if len(splits[split]) != expected:
            found = f"{len(splits[split]):,} {split} images"
            raise ReproduceError(f"{source} has {found}, {edition.title} has {expected:,}; {advice}")
    if len(classes) != edition.classes:
        raise ReproduceError(
            f"{source} has {len(classes):,} classes, {edition.title} has {edition.classes:,}; {advice}"
        )
    known = set(classes)
    strangers = (entry for entries in splits.values() for entry in entries if entry.wnid not in known)
    if stranger := next(strangers, None):
        raise ReproduceError(f"{stranger.name} in {source} is of class {stranger.wnid}, which has no training images")


def _read_layout(source: Path, edition: Edition) -> dict[str, list[Entry]]:
    from reproduce.data.ilsvrc.archives import TRAINING_ARCHIVE, list_archives

    official = edition.year == 2012
    if official and (source / TRAINING_ARCHIVE).is_file():
        return list_archives(source)
    if official and (source / _KAGGLE_IMAGES / "train").is_dir():
        return _kaggle_folders(source)
    if (source / "train").is_dir():
        return {split: list(_class_folders(source / split, split)) for split in edition.images}
    tree = ", ".join(f"{split}/<class>/*.JPEG" for split in edition.images)
    known = f"{TRAINING_ARCHIVE}, {_KAGGLE_IMAGES}/train or {tree}" if official else tree
    raise ReproduceError(f"{source} holds none of the known layouts of {edition.title}: {known}")


def _class_folders(folder: Path, split: str) -> Iterator[Entry]:
    """Yield the images of ``folder``/<class>/; training names carry their class, others are unique as they are."""
    if not folder.is_dir():
        raise ReproduceError(f"{folder} is missing; it should hold one folder a class")
    with os.scandir(folder) as classes:
        for place in classes:
            if WNID.fullmatch(place.name) and place.is_dir():
                prefix = f"{place.name}/" if split == "train" else ""
                for file in _images(Path(place.path)):
                    yield Entry(prefix + file.name, place.name, file.path)


def _images(folder: Path) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as files:
        for file in files:
            if file.name.lower().endswith(_SUFFIXES) and not file.name.startswith("."):
                yield file


def _kaggle_folders(source: Path) -> dict[str, list[Entry]]:
    """List Kaggle's layout: class folders for training, one flat folder and a CSV file for validation."""
    images, solution = source / _KAGGLE_IMAGES, source / _KAGGLE_SOLUTION
    try:
        with solution.open(newline="", encoding="utf-8") as stream:
            wnids = {row["ImageId"]: row["PredictionString"].split()[0] for row in csv.DictReader(stream)}
    except (OSError, KeyError, IndexError, ValueError) as error:
        raise ReproduceError(f"cannot read {solution} ({error!r}); put the contest's file there") from error
    validation = []
    for file in _images(images / "val"):
        if Path(file.name).stem not in wnids:
            raise ReproduceError(f"{solution} has no line for {file.name}; put the contest's file there")
        validation.append(Entry(file.name, wnids[Path(file.name).stem], file.path))
    return {"train": list(_class_folders(images / "train", "train")), "val": validation}
