"""Listing the images of an edition wherever the user has them. Nothing is read but names and archive headers.

Names do not depend on the layout (``n01440764/n01440764_18.JPEG``, ``ILSVRC2012_val_00000001.JPEG``), so every layout
gives the same order and, packed, the same bytes. A class's label is its place among the sorted WordNet ids of the
training images.
"""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from reproduce.base.errors import ReproduceError
from reproduce.data.ilsvrc.archive_sums import check_size
from reproduce.data.ilsvrc.archives import archive_images
from reproduce.data.ilsvrc.editions import Edition
from reproduce.data.ilsvrc.entries import Entry, is_official, official_example
from reproduce.data.ilsvrc.folders import folder_content, folder_images
from reproduce.data.ilsvrc.label_files import SOLUTION, Labels, check_known_sum, labels_by_split, with_classes
from reproduce.data.ilsvrc.layouts import Layout, Place, counted_names, find_layout

_NAMES_SHOWN = 6
_ADVICE = "complete it, or pass --subset to work with what is there"


@dataclass(frozen=True)
class Listing:
    """The images of each split, sorted by name, the classes in the order of their labels, and where each split lies."""

    classes: list[str]
    splits: dict[str, list[Entry]]
    places: dict[str, Path] = field(default_factory=dict)

    @property
    def archives(self) -> list[Path]:
        """Return the archives that are read whole."""
        return [path for path in self.places.values() if path.is_file()]

    def lines(self) -> Iterator[str]:
        """Yield one line per split for people to read."""
        for split, place in self.places.items():
            classes = len({entry.wnid for entry in self.splits[split]})
            yield f"{split}: {len(self.splits[split]):,} images of {classes:,} classes from {place}"


def list_source(source: Path, edition: Edition, subset: bool = False) -> Listing:
    """List the images in ``source``, in any of the known layouts.

    Args:
        source: the folder the user names.
        edition: what it must hold.
        subset: accept any number of images and classes; images of classes without training images are left out.

    Raises:
        ReproduceError: something is missing, damaged or contradictory, or the counts are not the official ones.
    """
    layout, places, labels = _find(source, edition)
    splits = {split: _entries(split, place, layout, labels.get(split), edition) for split, place in places.items()}
    classes = sorted({entry.wnid for entry in splits["train"]})
    if subset:
        known = set(classes)
        splits = {split: [entry for entry in entries if entry.wnid in known] for split, entries in splits.items()}
    else:
        _check_whole(source, edition, classes, splits, places)
        for place in places.values():
            check_size(place.path, edition)
    for split, entries in splits.items():
        if not entries:
            raise ReproduceError(f"{places[split].path} holds no {split} images of the classes in train; complete it")
    return Listing(classes, splits, {split: place.path for split, place in places.items()})


def survey_source(source: Path, edition: Edition, subset: bool = False) -> list[str]:
    """Return what a source holds, one line per split, without opening its large archives.

    Raises:
        ReproduceError: as for ``list_source``, except for faults inside those archives.
    """
    layout, places, labels = _find(source, edition)
    lines, splits = [], {}
    for split, place in places.items():
        told = f", classes from {labels[split].path.name}" if split in labels else ""
        if place.is_archive:
            if split != "train" and split not in labels:
                raise ReproduceError(f"no file names the classes of the images in {place.path}; {_remedy(edition)}")
            if not subset:
                check_size(place.path, edition)
            lines.append(f"{split}: {place.path}, {place.path.stat().st_size:,} bytes{told}")
            continue
        splits[split] = _entries(split, place, layout, labels.get(split), edition)
        classes = len({entry.wnid for entry in splits[split]})
        lines.append(f"{split}: {len(splits[split]):,} images of {classes:,} classes in {_shown(place.path)}{told}")
    if not subset:
        for split, entries in splits.items():
            _check_count(source, edition, split, entries, places[split])
    return lines


def _find(source: Path, edition: Edition) -> tuple[Layout, dict[str, Place], dict[str, Labels]]:
    """Return the layout of ``source``, the place of every split, and the labels of each split that files give."""
    if not source.is_dir():
        raise ReproduceError(f"{source} is not a folder; set {edition.variable} to the folder with {edition.title}")
    layout = find_layout(Path(os.path.abspath(source)), edition)  # noqa: PTH100 - links stay as the user names them
    labels = labels_by_split(layout.labels, edition)
    places = {split: layout.place(split, split in labels) for split in edition.images}
    missing = [split for split, place in places.items() if place is None]
    if missing:
        found = [f"{split} images in {_shown(place.path)}" for split, place in places.items() if place is not None]
        found += [_shown(path) for path in layout.strange[:_NAMES_SHOWN]]
        if len(layout.strange) > _NAMES_SHOWN:
            found.append(f"{len(layout.strange) - _NAMES_SHOWN:,} more")
        expected = "; ".join(f"for {split}, {_expected(split, edition)}" for split in missing)
        raise ReproduceError(
            f"{source} holds no {' and no '.join(missing)} images of {edition.title}; found: "
            f"{', '.join(found) or 'nothing'}; expected: {expected}; complete it"
        )
    return layout, places, labels


def _shown(path: Path) -> str:
    return f"{path} ({counted_names(path)})" if path.is_dir() else str(path)


def _expected(split: str, edition: Edition) -> str:
    if split == "train":
        return f"{edition.archive(split)} or train/ with <WordNet id>/*.JPEG or <WordNet id>.tar"
    return f"{edition.archive(split)} or {split}/ with <WordNet id>/*.JPEG, or either unsorted with {told_by(edition)}"


def told_by(edition: Edition) -> str:
    """Return in words the files that name the classes of unsorted images."""
    if edition.year == 2012:
        return f"{edition.development_kit} or Kaggle's {SOLUTION}"
    return f"{edition.development_kit} and ILSVRC{edition.year}_test_ground_truth.txt"


def _remedy(edition: Edition) -> str:
    return f"put {told_by(edition)} beside them, or sort them into folders named by WordNet ids"


def _entries(split: str, place: Place, layout: Layout, labels: Labels | None, edition: Edition) -> list[Entry]:
    """Return the images of one split with their classes, sorted by name."""
    try:
        read = archive_images if place.is_archive else folder_images
        entries = list(read(place.path, edition, split))
    except ReproduceError as error:
        others = [other.path for other in sorted(layout.images[split]) if other != place]
        if place.is_archive and others:
            raise ReproduceError(f"{error}, or move it away to use {others[0]}") from error
        raise
    if layout.patches:
        better = {entry.name: entry for entry in archive_images(layout.patches, edition, split)}
        entries = [better.get(entry.name, entry)._replace(wnid=entry.wnid) for entry in entries]
    entries = sorted(with_classes(entries, labels, place.path, _remedy(edition)))
    for entry, other in pairwise(entries):
        if entry.name == other.name:
            both = " and ".join(dict.fromkeys((entry.path, other.path)))
            raise ReproduceError(f"{entry.name} is there twice, in {both}; remove one")
    check_known_sum(edition, split, entries, place.path)
    return entries


def _check_whole(
    source: Path, edition: Edition, classes: list[str], splits: dict[str, list[Entry]], places: dict[str, Place]
) -> None:
    """Compare a listing with the edition's numbers and names."""
    for split, entries in splits.items():
        _check_count(source, edition, split, entries, places[split])
    if len(classes) != edition.classes:
        raise ReproduceError(
            f"{source} has {len(classes):,} classes, {edition.title} has {edition.classes:,}; {_ADVICE}"
        )
    known = set(classes)
    for split, entries in splits.items():
        for entry in entries:
            if entry.wnid not in known:
                raise ReproduceError(
                    f"{entry.name} in {source} is of class {entry.wnid}, which has no training images; {_ADVICE}"
                )
            if not is_official(edition, split, Path(entry.name).name):
                raise ReproduceError(
                    f"{entry.name} in {source} is not named like the images of {edition.title} "
                    f"({official_example(edition, split)}), so that their order is not known; get the official names"
                )


def _check_count(source: Path, edition: Edition, split: str, entries: list[Entry], place: Place) -> None:
    expected = edition.images[split]
    if len(entries) == expected:
        return
    numbers = Counter(entry.wnid for entry in entries)
    empty = [] if place.is_archive else [name for name in folder_content(place.path).classes if name not in numbers]
    details = f"{len(numbers):,} classes"
    if numbers:
        fewest = min(numbers, key=numbers.__getitem__)
        details += f", fewest images ({numbers[fewest]:,}) in {fewest}"
    if empty:
        details += f", {len(empty):,} class folders without images (one is {empty[0]})"
    raise ReproduceError(
        f"{source} has {len(entries):,} {split} images, {edition.title} has {expected:,}; found: {details} in "
        f"{place.path}; {_ADVICE}"
    )
