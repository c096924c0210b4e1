"""Finding an edition's images and label files, by names alone, below or around the folder that a user names.

People name the folder of the archives, torchvision's or Kaggle's folder, one above it or one inside it. So the named
folder is searched downward for archives, for folders of class folders and for loose official images. Missing splits are
then looked for beside it, and label files in the folders above it.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from reproduce.base.errors import ReproduceError
from reproduce.base.files import refuse_dangling_links
from reproduce.data.ilsvrc.editions import Edition
from reproduce.data.ilsvrc.entries import is_official
from reproduce.data.ilsvrc.folders import FolderContent, folder_content
from reproduce.data.ilsvrc.label_files import LabelFiles

PATCHES = "patch_images.tar"  # of 2010: intact copies of images that are blank in its other archives
_DEPTH = 5  # from a folder above Kaggle's to ILSVRC/Data/CLS-LOC/train
_LEVELS_ABOVE = 4  # from that folder up to the one with LOC_val_solution.csv
_MOST_FOLDERS = 5000
_SPLIT = re.compile(r"(?<![a-z])(train|val|test)(?:ing|id|idation)?(?![a-z])(?!.*_t3)")  # t3: the contest's dogs
_OTHER_TASKS = {"DET", "VID", "Annotations", "ImageSets", "__MACOSX"}
_ARCHIVE, _EXACT, _ALIKE, _LOOSE = range(4)


@dataclass(frozen=True, order=True)
class Place:
    """One place with images of a split. The one with the lowest rank is used: the nearest, and there archives first."""

    rank: tuple[int, int]
    path: Path

    @property
    def is_archive(self) -> bool:
        """Return whether the images are in an official archive."""
        return self.rank[1] == _ARCHIVE


@dataclass
class Layout:
    """Everything found: places by split, label files, the archive of patches of 2010, and unknown names."""

    images: dict[str, list[Place]]
    labels: LabelFiles = field(default_factory=LabelFiles)
    patches: Path | None = None
    strange: list[Path] = field(default_factory=list)

    def place(self, split: str, has_labels: bool) -> Place | None:
        """Return where a split's images are, or None.

        Args:
            split: its name.
            has_labels: whether a file names their classes; without one, folders are taken before an archive.

        Raises:
            ReproduceError: two places are equally near, or the images are in folders of unknown classes.
        """
        places = sorted(self.images[split])
        if split != "train" and not has_labels:
            places = [place for place in places if not place.is_archive] or places
        first, *others = places or [None]
        if others and others[0].rank == first.rank:
            above = first.path.parent
            if others[0].path.parent == above and _named_split(above.name) == split:
                raise ReproduceError(
                    f"{above} holds the {split} images in folders not named by WordNet ids ({first.path.name}, "
                    f"{others[0].path.name}, ...); rename them to WordNet ids, or move all images into one folder"
                )
            raise ReproduceError(
                f"{first.path} and {others[0].path} both look like the {split} images; name a folder with only one"
            )
        return first


def find_layout(source: Path, edition: Edition) -> Layout:
    """Return what ``source`` holds of an edition, and what lies around it.

    Raises:
        ReproduceError: a folder cannot be read, or there are too many to search.
    """
    layout = Layout({split: [] for split in edition.images})
    _search(source, edition, layout)
    itself = [place for places in layout.images.values() for place in places if place.path == source]
    for parent in dict.fromkeys([source.parent, source.resolve().parent] if itself else []):
        with suppress(ReproduceError):
            _look_beside(parent, edition, layout)
    above = [*list(source.parents)[:_LEVELS_ABOVE], *list(source.resolve().parents)[:_LEVELS_ABOVE]]
    for folder in dict.fromkeys(above):
        if layout.labels or not any(layout.images.values()):
            break
        with suppress(ReproduceError):  # folders above the named one may be anyone's
            _look_for_labels(folder, edition, layout.labels)
    return layout


def _search(source: Path, edition: Edition, layout: Layout) -> None:
    """Visit ``source`` and the folders in it, nearest first; class folders and those of other tasks are left out."""
    waiting, seen, top = [(source, 0)], set(), FolderContent()
    while waiting:
        folder, depth = waiting.pop(0)
        if folder.resolve() in seen:
            continue
        seen.add(folder.resolve())
        if len(seen) > _MOST_FOLDERS:
            raise ReproduceError(f"{source} holds more than {_MOST_FOLDERS:,} folders; name the one with the images")
        try:
            content = folder_content(folder)
        except ReproduceError:
            if depth == 0 or _named_split(folder.name):
                raise
            continue  # such as lost+found, which only the administrator may read
        _note(folder, content, depth, edition, layout)
        if depth < _DEPTH:
            waiting += [(folder / name, depth + 1) for name in content.folders if name not in _OTHER_TASKS]
        if depth == 0:
            top = content
    taken = {place.path for places in layout.images.values() for place in places}
    layout.strange = [path for name in (*top.folders, *top.files) if (path := source / name) not in taken]


def _look_beside(parent: Path, edition: Edition, layout: Layout) -> None:
    """Look in ``parent``, the folder above one split's, for folders named after the missing splits."""
    missing = [split for split, places in layout.images.items() if not places]
    beside = Layout({split: [] for split in edition.images}, layout.labels)
    content = folder_content(parent)
    _note(parent, content, 0, edition, beside)
    for name in content.folders:
        if _named_split(name) in missing:
            _note(parent / name, folder_content(parent / name), 1, edition, beside)
    for split in missing:
        layout.images[split] = beside.images[split]


def _look_for_labels(folder: Path, edition: Edition, labels: LabelFiles) -> None:
    content = folder_content(folder)
    kits = [folder / name for name in content.folders if "devkit" in name]
    for place in [folder, *kits, *(kit / "data" for kit in kits if (kit / "data").is_dir())]:
        for name in folder_content(place).files:
            labels.add(place / name, edition)


def _note(folder: Path, content: FolderContent, depth: int, edition: Edition, layout: Layout) -> None:
    """Add what one folder holds to ``layout``."""
    for name in content.files:
        layout.labels.add(folder / name, edition)
        if _named_split(name) and (folder / name).is_symlink():
            refuse_dangling_links(folder / name)
        for split in edition.images:
            if name == edition.archive(split):
                layout.images[split].append(Place((max(depth - 1, 0), _ARCHIVE), folder / name))
        if edition.year == 2010 and name == PATCHES:
            layout.patches = folder / name
    for split, kind in _splits(folder, content, edition):
        if split in layout.images:
            layout.images[split].append(Place((max(depth - 1, 0), kind), folder))


def _splits(folder: Path, content: FolderContent, edition: Edition) -> Iterator[tuple[str, int]]:
    """Yield each split whose images a folder holds, with the kind of evidence: the folder's name or the images'."""
    loose = {split for split in edition.images if any(is_official(edition, split, name) for name in content.images)}
    kinds = dict.fromkeys(loose, _LOOSE)
    if split := _split_of_classes(folder, content, edition):
        kinds[split] = _ALIKE
    yield from ((split, _EXACT if folder.name.lower() == split else kind) for split, kind in kinds.items())


def _named_split(name: str) -> str | None:
    found = _SPLIT.search(name.lower())
    return found[1] if found else None


def _split_of_classes(folder: Path, content: FolderContent, edition: Edition) -> str | None:
    """Return the split of the class folders and class archives in a folder; None without images or a hint.

    The folder's exact name decides first, then the images' names, then a similar folder name. The images of the first
    class folder that has any stand for all. Archives of classes hold training images.
    """
    images = next(filter(None, (_class_images(folder / wnid) for wnid in content.classes)), [])
    if not images and not content.archives:
        return None
    if folder.name.lower() in edition.images:
        return folder.name.lower()
    told = [split for split in edition.images if any(is_official(edition, split, name) for name in images)]
    if content.archives:
        told.append("train")
    return told[0] if told else _named_split(folder.name)


def _class_images(folder: Path) -> list[str]:
    content = folder_content(folder)
    inner = content.folders + content.classes
    return content.images or [name for place in inner for name in folder_content(folder / place).images]


def counted_names(folder: Path) -> str:
    """Return the number of names of each kind in a folder, in words."""
    try:
        content = folder_content(folder)
    except ReproduceError:
        return "unreadable"
    parts = [
        (len(content.classes), "class folders"),
        (len(content.archives), "archives of classes"),
        (len(content.images), "images outside class folders"),
        (len(content.folders), "folders not named by WordNet ids"),
        (len(content.files), "other files"),
    ]
    return ", ".join(f"{count:,} {kind}" for count, kind in parts if count) or "empty"
