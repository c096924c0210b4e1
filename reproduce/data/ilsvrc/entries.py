"""One image of a source, named the same in every layout."""

import functools
import re
from typing import NamedTuple

from reproduce.base.errors import ReproduceError
from reproduce.data.ilsvrc.editions import Edition

WNID = re.compile(r"n\d{8}")
_ENDING = r"\.(?i:jpe?g|png)"
_ESCAPED_BYTES = re.compile("[\udc80-\udcff]")  # Python's escapes for bytes of a name that are not UTF-8
_TRAINING_STEM, _TRAINING_EXAMPLE = r"(n\d{8})_\d+", "n01440764_10026.JPEG"


class Entry(NamedTuple):
    """One image: its name, its class, and its place, ``size`` bytes of the file ``path`` from ``offset`` on.

    A size of -1 stands for the whole file. ``wnid``, the class's WordNet id, is empty until the class is known.
    """

    name: str
    wnid: str
    path: str
    offset: int = 0
    size: int = -1


def is_image(file_name: str) -> bool:
    """Return whether a file's name is that of an image; hidden files, such as macOS adds to others, do not count."""
    return not file_name.startswith(".") and re.search(rf"{_ENDING}$", file_name) is not None


@functools.cache
def _patterns(year: int, split: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return the patterns of an official name and of its stem; the name may have its class appended, as in copies."""
    stem = _TRAINING_STEM if split == "train" else rf"(?P<none>)ILSVRC{year}_{split}_\d{{8}}"
    return re.compile(rf"({stem})(?:_(n\d{{8}}))?{_ENDING}"), re.compile(stem)


def is_official(edition: Edition, split: str, file_name: str) -> bool:
    """Return whether a file has the name of an image of the split, as in the official archives or in known copies."""
    return _patterns(edition.year, split)[0].fullmatch(file_name) is not None


def official_example(edition: Edition, split: str) -> str:
    """Return an official name of an image of the split."""
    return _TRAINING_EXAMPLE if split == "train" else f"ILSVRC{edition.year}_{split}_00000001.JPEG"


def image_entry(edition: Edition, split: str, file_name: str, folder: str, path: str, *place: int) -> Entry:
    """Return the entry of an image.

    An official image gets its official name, whatever ending or suffix its file has. Another name is kept, since a
    subset may hold any. The name of a training image is ``<class>/<name>``.

    Args:
        edition, split: those that the image belongs to.
        file_name: its name without folders.
        folder: the class that its folder or archive is named after, or "".
        path: the file or the archive.
        *place: offset and size in the archive.

    Raises:
        ReproduceError: name and folder give different classes, or the name is a copy's or is not UTF-8.
    """
    whole, stem = _patterns(edition.year, split)
    found = whole.fullmatch(file_name)
    where = f"{path} holds {file_name}" if place else path
    if any(_ESCAPED_BYTES.search(name) for name in (file_name, folder)):
        raise ReproduceError(f"{where}: this name is not UTF-8, so no list of images can hold it; rename the file")
    if found is None and stem.search(file_name):
        raise ReproduceError(
            f"{where}: images of {edition.title} are named like {official_example(edition, split)}; this looks like a "
            "copy of one, remove or rename it"
        )
    name, carried = (f"{found[1]}.JPEG", {found[2], found[3]}) if found else (file_name, set())
    told = (carried | {folder}) - {"", None}
    if len(told) > 1:
        raise ReproduceError(
            f"{where}: its name and its folder give different classes, {' and '.join(sorted(told))}; move it"
        )
    wnid = told.pop() if told else ""
    return Entry(f"{wnid}/{name}" if split == "train" else name, wnid, path, *place)
