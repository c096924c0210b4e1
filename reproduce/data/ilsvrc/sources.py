"""Listing the images of an edition wherever the user has them. Nothing is read but names and archive headers.

Names do not depend on the layout (``n01440764/n01440764_18.JPEG``, ``ILSVRC2012_val_00000001.JPEG``), so every layout
gives the same order and, packed, the same bytes. A class's label is its place among the sorted WordNet ids of the
training images; the contest's own numbering is used only to read its ground-truth file.
"""

from dataclasses import dataclass
from pathlib import Path

from reproduce.base.errors import ReproduceError
from reproduce.data.ilsvrc.archives import TRAINING_ARCHIVE, list_archives
from reproduce.data.ilsvrc.editions import Edition
from reproduce.data.ilsvrc.entries import Entry
from reproduce.data.ilsvrc.folders import KAGGLE_IMAGES, class_folder_images, list_kaggle_folders


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
    official = edition.year == 2012
    if official and (source / TRAINING_ARCHIVE).is_file():
        return list_archives(source)
    if official and (source / KAGGLE_IMAGES / "train").is_dir():
        return list_kaggle_folders(source)
    if (source / "train").is_dir():
        return {split: list(class_folder_images(source / split, split)) for split in edition.images}
    tree = ", ".join(f"{split}/<class>/*.JPEG" for split in edition.images)
    known = f"{TRAINING_ARCHIVE}, {KAGGLE_IMAGES}/train or {tree}" if official else tree
    raise ReproduceError(f"{source} holds none of the known layouts of {edition.title}: {known}")
