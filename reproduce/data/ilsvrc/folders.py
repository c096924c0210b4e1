"""Images that were unpacked: torchvision's folders, one a class, and Kaggle's."""

import csv
import os
from collections.abc import Iterator
from pathlib import Path

from reproduce.base.errors import ReproduceError
from reproduce.data.ilsvrc.entries import WNID, Entry

KAGGLE_IMAGES = Path("ILSVRC", "Data", "CLS-LOC")
_KAGGLE_SOLUTION = "LOC_val_solution.csv"
_SUFFIXES = (".jpeg", ".jpg", ".png")


def class_folder_images(folder: Path, split: str) -> Iterator[Entry]:
    """Yield the images of ``folder``/<class>/; training names carry their class, others are unique as they are."""
    for place in _scanned(folder):
        if WNID.fullmatch(place.name) and place.is_dir():
            prefix = f"{place.name}/" if split == "train" else ""
            for file in _images(Path(place.path)):
                yield Entry(prefix + file.name, place.name, file.path)


def _images(folder: Path) -> Iterator[os.DirEntry[str]]:
    for file in _scanned(folder):
        if file.name.lower().endswith(_SUFFIXES) and not file.name.startswith("."):
            yield file


def _scanned(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except OSError as error:
        raise ReproduceError(f"cannot read the images in {folder}: {error.strerror}; complete the source") from error


def list_kaggle_folders(source: Path) -> dict[str, list[Entry]]:
    """List Kaggle's layout: class folders for training, one flat folder and a CSV file for validation."""
    images, solution = source / KAGGLE_IMAGES, source / _KAGGLE_SOLUTION
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
    return {"train": list(class_folder_images(images / "train", "train")), "val": validation}
