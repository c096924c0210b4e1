"""The classes of validation and test images, from any file that names them; several such files are compared.

The contest numbers its classes in an order of its own. The table of classes in a development kit turns the numbers in
its ground truth into WordNet ids. The labels used here are other numbers: places among the sorted WordNet ids.
"""

import csv
import io
import re
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import scipy.io

from reproduce.base.errors import ReproduceError, shortened
from reproduce.data.ilsvrc.editions import Edition
from reproduce.data.ilsvrc.entries import WNID, Entry

TABLE = "meta.mat"  # of the development kit
SOLUTION = "LOC_val_solution.csv"  # Kaggle's
TORCHVISION_META = "meta.bin"
_MOST_BYTES = 1 << 28  # of an unpacked development kit; the official ones have some megabytes
_DAMAGED = (tarfile.TarError, EOFError, zlib.error, OSError)
_TRUTH = re.compile(r"ILSVRC(\d{4})_(validation|test)_ground_truth\.txt")


@dataclass
class LabelFiles:
    """The files found that name classes: development kits (archives, or tables and ground truths) and lists."""

    kits: list[Path] = field(default_factory=list)
    tables: list[Path] = field(default_factory=list)
    truths: list[Path] = field(default_factory=list)
    lists: list[Path] = field(default_factory=list)

    def add(self, file: Path, edition: Edition) -> None:
        """Keep ``file`` if its name is that of a file with the classes of the edition's images."""
        truth = _TRUTH.fullmatch(file.name)
        if _is_kit(file.name, edition):
            self.kits.append(file)
        elif file.name == TABLE:
            self.tables.append(file)
        elif truth and truth[1] == str(edition.year):
            self.truths.append(file)
        elif edition.year == 2012 and file.name in (SOLUTION, TORCHVISION_META):
            self.lists.append(file)

    def __bool__(self) -> bool:
        return bool(self.kits or self.truths or self.lists)


@dataclass(frozen=True)
class Labels:
    """WordNet ids of a split's images by their official names, and the file that they are from."""

    path: Path
    wnids: dict[str, str]


def _is_kit(file_name: str, edition: Edition) -> bool:
    """Return whether a name is that of the edition's development kit, also unzipped or numbered by a browser."""
    stem = re.escape(edition.development_kit.removesuffix(".tar.gz"))
    older = f"|{stem.removeprefix('ILSVRC2010_')}" if edition.year == 2010 else ""
    return re.fullmatch(rf"(?:{stem}{older})( ?\(\d+\))?\.(tar|tar\.gz|tgz)", file_name) is not None


def labels_by_split(files: LabelFiles, edition: Edition) -> dict[str, Labels]:
    """Return the labels of every split whose classes ``files`` name.

    Raises:
        ReproduceError: a file is damaged or incomplete, or two files name different classes.
    """
    found: dict[str, Labels] = {}
    for split, labels in _all_labels(files, edition):
        if split not in found:
            found[split] = labels
            continue
        first = found[split].wnids
        other = [name for name, wnid in labels.wnids.items() if first.get(name, wnid) != wnid]
        if other:
            raise ReproduceError(
                f"{found[split].path} and {labels.path} name different classes for {len(other):,} images (one is "
                f"{other[0]}); remove the wrong file"
            )
    return found


def _all_labels(files: LabelFiles, edition: Edition) -> Iterator[tuple[str, Labels]]:
    tables = {path.parent: _read(path) for path in files.tables}
    truths: list[tuple[Path, bytes, Path]] = []  # file, content, and the folder or archive with its table
    for kit in files.kits:
        for name, content in _kit_files(kit).items():
            if name == TABLE:
                tables[kit] = content
            else:
                truths.append((kit / name, content, kit))
        if kit not in tables or not any(owner == kit for _, _, owner in truths):
            raise ReproduceError(f"{kit} holds no {TABLE} and ground truth; get it again")
    truths += [(path, _read(path), path.parent) for path in files.truths]
    for path, content, owner in truths:
        table = tables.get(owner) or next(iter(tables.values()), None)
        if table is None:
            raise ReproduceError(f"{path} needs the table of classes; put {edition.development_kit} beside it")
        split = "val" if _TRUTH.fullmatch(path.name)[2] == "validation" else "test"
        yield split, Labels(owner if owner in files.kits else path, _truth_wnids(path, content, table, edition, split))
    for path in files.lists:
        wnids = _solution_wnids(path) if path.name == SOLUTION else _torchvision_wnids(path, edition)
        yield "val", Labels(path, wnids)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ReproduceError(f"cannot read {path}: {error.strerror}; make it readable") from error


def _kit_files(kit: Path) -> dict[str, bytes]:
    """Return the table and the ground truths in a development kit. A kit that was cut is noticed: it is read whole."""
    found = {}
    try:
        with tarfile.open(kit, "r:*") as tar:
            for member in tar:
                if member.offset_data + member.size > _MOST_BYTES:
                    raise ReproduceError(f"{kit} unpacks to more than {_MOST_BYTES:,} bytes; get it again")
                name = Path(member.name).name
                if member.isfile() and (name == TABLE or _TRUTH.fullmatch(name)):
                    found[name] = tar.extractfile(member).read()
    except _DAMAGED as error:
        reason = str(error).splitlines()[0].rstrip(":")  # tarfile lists every way in which it tried
        raise ReproduceError(f"{kit} is damaged or no tar archive ({reason}); get it again") from error
    return found


def _truth_wnids(path: Path, truth: bytes, table: bytes, edition: Edition, split: str) -> dict[str, str]:
    try:
        synsets = scipy.io.loadmat(io.BytesIO(table), squeeze_me=True)["synsets"]
        wnids = {int(line[f"ILSVRC{edition.year}_ID"]): str(line["WNID"]) for line in synsets}
        return _numbered((wnids[int(number)] for number in truth.decode().split()), edition, split)
    except Exception as error:  # a damaged MATLAB file can raise anything
        raise ReproduceError(
            f"{path} and its {TABLE} are no readable ground truth ({error!r}); get the development kit again"
        ) from error


def _numbered(wnids: Iterator[str], edition: Edition, split: str) -> dict[str, str]:
    return {f"ILSVRC{edition.year}_{split}_{number:08d}.JPEG": wnid for number, wnid in enumerate(wnids, 1)}


def _solution_wnids(path: Path) -> dict[str, str]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            lines = [(f"{row['ImageId']}.JPEG", row["PredictionString"].split()[0]) for row in csv.DictReader(stream)]
    except (OSError, KeyError, IndexError, ValueError, AttributeError, csv.Error) as error:
        raise ReproduceError(f"cannot read {path} ({error!r}); put Kaggle's file there") from error
    wnids = dict(lines)
    for name, wnid in lines:
        if wnids[name] != wnid:
            raise ReproduceError(
                f"{path} tells two classes of {name}, {wnid} and {wnids[name]}; put Kaggle's file there"
            )
        if not WNID.fullmatch(wnid):
            raise ReproduceError(f"{path} has {shortened(wnid)} for {name}, no WordNet id; put Kaggle's file there")
    return wnids


def _torchvision_wnids(path: Path, edition: Edition) -> dict[str, str]:
    import torch

    try:
        _, wnids = torch.load(path, weights_only=True)
        return _numbered(iter(wnids), edition, "val")
    except Exception as error:  # another program's file of this name, or a damaged one, can raise anything
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ReproduceError(f"{path} is not torchvision's ({reason}); remove it or make it again") from error


def with_classes(entries: list[Entry], labels: Labels | None, where: Path, remedy: str) -> list[Entry]:
    """Return ``entries`` with their classes; where a folder and ``labels`` both give a class, they are compared.

    Args:
        entries: images of one split.
        labels: of these images; None where no file names their classes.
        where: the folder or archive that they are in.
        remedy: what to do about an image whose class is named nowhere.

    Raises:
        ReproduceError: no file names the class of an image, or a folder gives another class than ``labels``.
    """
    wnids = labels.wnids if labels else {}
    unknown = [entry.name for entry in entries if not (entry.wnid or entry.name in wnids)]
    if unknown and labels:
        more = f" (one of {len(unknown):,} such images)" if len(unknown) > 1 else ""
        raise ReproduceError(f"{labels.path} has no line for {unknown[0]}{more} in {where}; get it again")
    if unknown:
        raise ReproduceError(f"{where} has {len(unknown):,} images whose class no file names; {remedy}")
    other = [entry for entry in entries if entry.wnid and wnids.get(entry.name, entry.wnid) != entry.wnid]
    if other:
        first = other[0]
        raise ReproduceError(
            f"{where} has {len(other):,} of {len(entries):,} images whose folder or name gives another class than "
            f"{labels.path} (one is {first.name}: {first.wnid}, not {wnids[first.name]}); sort them anew or leave them "
            "unsorted"
        )
    return [entry._replace(wnid=entry.wnid or wnids[entry.name]) for entry in entries]


def check_known_sum(edition: Edition, split: str, entries: list[Entry], where: Path) -> None:
    """Compare the SHA-256 of the classes of a whole split, its images sorted by name, with the known one.

    Raises:
        ReproduceError: the sums differ.
    """
    expected = edition.label_sums.get(split)
    if expected is None or len(entries) != edition.images[split]:
        return
    found = sha256("".join(f"{entry.wnid}\n" for entry in entries).encode()).hexdigest()
    if found != expected:
        raise ReproduceError(
            f"the classes of the {len(entries):,} {split} images in {where} are not the official ones (their list has "
            f"SHA-256 {found[:16]}..., not {expected[:16]}...); perhaps the contest's class numbers were taken for "
            f"places among the sorted WordNet ids; put {edition.development_kit} there and leave the images unsorted"
        )
