"""Images that were unpacked: class folders, archives of classes beside or instead of them, and images in one folder."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from reproduce.base.errors import ReproduceError
from reproduce.base.files import refuse_dangling_links
from reproduce.data.ilsvrc.archives import CLASS_ARCHIVE, class_archive_images
from reproduce.data.ilsvrc.editions import Edition
from reproduce.data.ilsvrc.entries import WNID, Entry, image_entry, is_image, is_official


@dataclass
class FolderContent:
    """The names in one folder, sorted by kind."""

    classes: list[str] = field(default_factory=list)
    archives: list[str] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)


def folder_content(folder: Path) -> FolderContent:
    """Return the names in ``folder``, each kind sorted: class folders, class archives, images, other folders and files.

    Hidden names are left out, and so are pipes, sockets and devices, since reading one may never end.

    Raises:
        ReproduceError: the folder cannot be read, a link to images in it leads nowhere, an image is no plain file, or a
            WordNet id is in capitals.
    """
    content = FolderContent()
    try:
        with os.scandir(folder) as places:
            for place in places:
                if not place.name.startswith("."):
                    _kind(content, place).append(place.name)
    except OSError as error:
        raise ReproduceError(f"cannot read {folder}: {error.strerror}; make it readable") from error
    for names in vars(content).values():
        names.sort()
    return content


def _kind(content: FolderContent, place: os.DirEntry[str]) -> list[str]:
    if place.is_dir():
        if place.name != place.name.lower() and WNID.fullmatch(place.name.lower()):
            raise ReproduceError(f"{place.path}: WordNet ids begin with a small n; rename it to {place.name.lower()}")
        return content.classes if WNID.fullmatch(place.name) else content.folders
    is_class, is_archive = WNID.fullmatch(place.name), CLASS_ARCHIVE.fullmatch(place.name)
    has_images = is_class or is_archive or is_image(place.name)
    if place.is_symlink() and has_images:
        refuse_dangling_links(Path(place.path))
    if not place.is_file() and Path(place.path).exists():
        if has_images:
            raise ReproduceError(f"{place.path} is no plain file; remove it or get it again")
        return []
    if is_archive:
        return content.archives
    return content.images if is_image(place.name) else content.files


def folder_images(folder: Path, edition: Edition, split: str) -> Iterator[Entry]:
    """Yield the images of a split in ``folder``: in class folders, in archives of classes, and loose official ones.

    A class with both a folder and an archive is read from its archive, since the folder may be unpacked only in part.

    Raises:
        ReproduceError: a folder or an archive cannot be read, a name is wrong, or a class folder holds images that the
            archive beside it does not.
    """
    content = folder_content(folder)
    _refuse_copies(folder, content)
    packed = {name.removesuffix(".tar") for name in content.archives}
    for wnid in sorted({*content.classes, *packed}):
        unpacked = _class_folder_images(folder / wnid, edition, split) if wnid in content.classes else []
        if wnid not in packed:
            yield from unpacked
            continue
        inside = list(class_archive_images(folder / f"{wnid}.tar", edition, split))
        if strange := {entry.name for entry in unpacked} - {entry.name for entry in inside}:
            raise ReproduceError(
                f"{folder / wnid} holds {len(strange):,} images that {wnid}.tar beside it lacks (one is "
                f"{min(strange)}); get the archive again or remove it"
            )
        yield from inside
    for name in content.images:
        if is_official(edition, split, name):
            yield image_entry(edition, split, name, "", str(folder / name))


def _refuse_copies(folder: Path, content: FolderContent) -> None:
    """Refuse folders and archives whose names are almost a class's, so that no image is left out in silence."""
    for name in [*content.folders, *content.files]:
        if (wnid := WNID.match(name)) and (name in content.folders or name.endswith(".tar")):
            raise ReproduceError(
                f"{folder / name} looks like a copy of class {wnid[0]}; rename it to the WordNet id alone or remove it"
            )


def _class_folder_images(folder: Path, edition: Edition, split: str) -> list[Entry]:
    """Return the images of a class folder; where it holds one folder and no images, those of that inner folder."""
    content, place = folder_content(folder), folder
    if not content.images and len(content.folders + content.classes) == 1:
        place = folder / (content.folders + content.classes)[0]
        content = folder_content(place)
    if odd := [name for name in content.folders if is_image(name)]:
        raise ReproduceError(f"{place / odd[0]} is a folder where an image should be; get the image again or remove it")
    return [image_entry(edition, split, name, folder.name, str(place / name)) for name in content.images]
