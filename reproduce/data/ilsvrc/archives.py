"""The official archives of ILSVRC-2012, read where they are: the training archive is a tar of one tar a class.

Only headers are read here; an image is later read from its place in the archive, so nothing is ever unpacked to disk.
"""

import io
import re
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import scipy.io

from reproduce.base.errors import ReproduceError
from reproduce.base.progress import Progress
from reproduce.data.ilsvrc.entries import WNID, Entry

TRAINING_ARCHIVE = "ILSVRC2012_img_train.tar"
VALIDATION_ARCHIVE = "ILSVRC2012_img_val.tar"
DEVELOPMENT_KIT = "ILSVRC2012_devkit_t12.tar.gz"
_VALIDATION_NAME = re.compile(r"ILSVRC2012_val_(\d{8})\.JPEG")
_DAMAGED = (tarfile.TarError, EOFError, zlib.error, OSError)


def list_archives(source: Path) -> dict[str, list[Entry]]:
    """List training and validation images of the three official archives in ``source``.

    Raises:
        ReproduceError: an archive is missing, damaged or lacks something.
    """
    for name in (VALIDATION_ARCHIVE, DEVELOPMENT_KIT):
        if not (source / name).is_file():
            raise ReproduceError(f"{source / name} is missing; put it beside {TRAINING_ARCHIVE}")
    wnids = validation_wnids(source / DEVELOPMENT_KIT)
    return {
        "train": list(_training_entries(source / TRAINING_ARCHIVE)),
        "val": list(_validation_entries(source / VALIDATION_ARCHIVE, wnids)),
    }


def _damaged(archive: Path, error: Exception) -> ReproduceError:
    return ReproduceError(f"{archive} is damaged or no tar archive ({error}); get it again")


def _training_entries(archive: Path) -> Iterator[Entry]:
    """Yield the images of every class's archive inside ``archive``, with their places in ``archive`` itself."""
    path, length = str(archive), archive.stat().st_size
    try:
        with tarfile.open(archive, "r:") as outer, Progress(f"listing {archive.name}", length, "B") as progress:
            for member in outer:
                wnid = Path(member.name).stem
                if member.isfile() and WNID.fullmatch(wnid):
                    with tarfile.open(fileobj=outer.extractfile(member), mode="r:") as inner:
                        for image in _files(inner):
                            start = member.offset_data + image.offset_data
                            yield Entry(f"{wnid}/{Path(image.name).name}", wnid, path, start, image.size)
                progress.update(member.offset_data + member.size - progress.done)
                outer.members = []  # keeps memory flat
    except _DAMAGED as error:
        raise _damaged(archive, error) from error


def _files(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    for member in tar:
        if member.isfile():
            yield member


def _validation_entries(archive: Path, wnids: list[str]) -> Iterator[Entry]:
    """Yield the validation images; the number in a name is its line in the ground truth."""
    path = str(archive)
    try:
        with tarfile.open(archive, "r:") as tar:
            for member in _files(tar):
                name = Path(member.name).name
                number = _VALIDATION_NAME.fullmatch(name)
                if not number or not 1 <= int(number[1]) <= len(wnids):
                    raise ReproduceError(f"{archive} holds {member.name}, which the development kit does not know")
                yield Entry(name, wnids[int(number[1]) - 1], path, member.offset_data, member.size)
    except _DAMAGED as error:
        raise _damaged(archive, error) from error


def validation_wnids(kit: Path) -> list[str]:
    """Return the WordNet id of every validation image, in the order of their numbers, from the development kit.

    Raises:
        ReproduceError: the kit is damaged, or lacks the table of classes or the ground truth.
    """
    files = {"meta.mat": b"", "ILSVRC2012_validation_ground_truth.txt": b""}
    try:
        with tarfile.open(kit, "r:gz") as tar:
            for member in _files(tar):
                if Path(member.name).name in files:
                    files[Path(member.name).name] = tar.extractfile(member).read()
    except _DAMAGED as error:
        raise _damaged(kit, error) from error
    meta, truth = files.values()
    try:
        synsets = scipy.io.loadmat(io.BytesIO(meta), squeeze_me=True)["synsets"]
        wnids = {int(line["ILSVRC2012_ID"]): str(line["WNID"]) for line in synsets}
        return [wnids[int(number)] for number in truth.decode().split()]
    except Exception as error:  # a damaged MATLAB file can raise anything
        raise ReproduceError(f"{kit} holds no readable meta.mat and ground truth ({error!r}); get it again") from error
