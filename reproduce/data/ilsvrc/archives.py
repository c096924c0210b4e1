"""The official archives, read where they are: a training archive is a tar of one tar per class.

Only headers are read here; an image is later read from its place in the archive, so nothing is ever unpacked to disk.
"""

import re
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from reproduce.base.errors import ReproduceError
from reproduce.base.progress import Progress
from reproduce.data.ilsvrc.editions import Edition
from reproduce.data.ilsvrc.entries import WNID, Entry, image_entry, is_image

_DAMAGED = (tarfile.TarError, EOFError, zlib.error, OSError)
CLASS_ARCHIVE = re.compile(rf"({WNID.pattern})\.tar")
_BLOCK = tarfile.BLOCKSIZE
_END_MARK_BYTES = 2 * _BLOCK  # every tar ends with two blocks of zeros, and more of them to fill up a record
_MOST_PADDING = _END_MARK_BYTES + tarfile.RECORDSIZE


def damaged(archive: Path, error: object) -> ReproduceError:
    """Return the error on an archive that cannot be read."""
    return ReproduceError(f"{archive} is damaged or no tar archive ({error}); get it again")


def archive_images(archive: Path, edition: Edition, split: str) -> Iterator[Entry]:
    """Yield the images of an archive, and of the class archives inside it.

    Raises:
        ReproduceError: the archive is damaged or was cut before its end mark, or an image's name is wrong.
    """
    try:
        length = archive.stat().st_size
        with (
            archive.open("rb") as stream,
            tarfile.open(fileobj=stream, mode="r:") as outer,
            Progress(f"listing {archive.name}", length, "B") as progress,
        ):
            for member in _files(outer, stream):
                name = Path(member.name).name
                place = str(archive), member.offset_data
                if own_class := CLASS_ARCHIVE.fullmatch(name):
                    yield from _class_images(outer.extractfile(member), *place, edition, split, own_class[1])
                elif is_image(name):
                    folder = Path(member.name).parent.name
                    folder = folder if WNID.fullmatch(folder) else ""
                    yield image_entry(edition, split, name, folder, *place, member.size)
                progress.update(member.offset_data + member.size - progress.done)
    except _DAMAGED as error:
        raise damaged(archive, error) from error


def class_archive_images(archive: Path, edition: Edition, split: str) -> Iterator[Entry]:
    """Yield the images of one class's own archive, ``<WordNet id>.tar``.

    Raises:
        ReproduceError: as for ``archive_images``.
    """
    try:
        with archive.open("rb") as stream:
            yield from _class_images(stream, str(archive), 0, edition, split, archive.stem)
    except _DAMAGED as error:
        raise damaged(archive, error) from error


def _class_images(stream: IO[bytes], path: str, start: int, edition: Edition, split: str, wnid: str) -> Iterator[Entry]:
    """Yield the images of the archive of class ``wnid`` that begins at byte ``start`` of ``path``."""
    with tarfile.open(fileobj=stream, mode="r:") as tar:
        for member in _files(tar, stream):
            name = Path(member.name).name
            if is_image(name):
                yield image_entry(edition, split, name, wnid, path, start + member.offset_data, member.size)


def _files(tar: tarfile.TarFile, stream: IO[bytes]) -> Iterator[tarfile.TarInfo]:
    """Yield the files of an archive, and check that it ends with two blocks of zeros, as a whole archive does.

    An archive that was cut at a member's border lacks these blocks. In an unfinished download zeros stand for the
    missing bytes, and without the check reading would end there silently.

    Raises:
        tarfile.ReadError: the archive is not whole.
    """
    end = 0
    for member in tar:
        end = member.offset_data + -(-member.size // _BLOCK) * _BLOCK
        if member.isfile():
            yield member
        tar.members = []  # keeps memory flat
    stream.seek(end)
    rest = stream.read(_MOST_PADDING + 1)
    if len(rest) < _END_MARK_BYTES:
        raise tarfile.ReadError("it was cut: the mark of its end is missing")
    if len(rest) > _MOST_PADDING or any(rest):
        raise tarfile.ReadError(f"a gap follows the member before byte {end:,}: it was not downloaded whole")
