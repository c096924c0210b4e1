"""Where Fashion-MNIST comes from: a folder the user names, Debian's package, or the official download.

The sums are those of the unpacked files. Debian's package holds the official files' own deflate streams, but in gzip
files without name and date, so that the sums of its gzip files are not the official ones.
"""

import gzip
import shutil
import zlib
from collections.abc import Sequence
from pathlib import Path

from reproduce.data.acquire import Sources, acquire
from reproduce.data.clients import run_client
from reproduce.data.download import download
from reproduce.data.official import DataSet, OfficialFile, SourceError, temporary_folder

FASHION_MNIST = DataSet(
    title="Fashion-MNIST",
    name="fashion_mnist",
    variable="REPRODUCE_FASHION_MNIST",
    layouts="train-images-idx3-ubyte and the other three files, each as it is or as .gz",
)
# What the official gzip files hold: these have the MD5 sums that their authors publish
# (https://github.com/zalandoresearch/fashion-mnist) and torchvision's FashionMNIST checks.
OFFICIAL_FILES = (
    OfficialFile("train-images-idx3-ubyte", 47_040_016, "f4a8712d7a061bf5bd6d2ca38dc4d50a"),
    OfficialFile("train-labels-idx1-ubyte", 60_008, "9018921c3c673c538a1fc5bad174d6f9"),
    OfficialFile("t10k-images-idx3-ubyte", 7_840_016, "8181f5470baa50b63fa0f6fddb340f0a"),
    OfficialFile("t10k-labels-idx1-ubyte", 10_008, "15d484375f8d13e6eb1aabb0c3f46965"),
)
OFFICIAL_URL = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"
DEBIAN_PACKAGE = "dataset-fashion-mnist"
_DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
_APT_OPTIONS = ("Acquire::Retries=0", "Acquire::http::Timeout=5", "Acquire::https::Timeout=5")  # seconds
_TORCHVISION_FOLDER = Path("FashionMNIST", "raw")
_DAMAGED = (EOFError, OSError, zlib.error)


def fetch_named_folder(folder: Path, staging: Path, files: Sequence[OfficialFile]) -> None:
    """Bring the files found in ``folder``, or in torchvision's folders below it, unpacked into ``staging``.

    Raises:
        SourceError: the folder is missing, holds no complete set, or a file in it cannot be read.
    """
    if not folder.is_dir():
        raise SourceError(f"{folder} is not a folder")
    missing = []
    for place in (folder, folder / _TORCHVISION_FOLDER):
        found = [_find(place, file.name) for file in files]
        if None not in found:
            for file, path in zip(files, found, strict=True):
                (staging / file.name).write_bytes(_read(path))
            return
        if any(found):
            absent = [file.name for file, path in zip(files, found, strict=True) if path is None]
            missing.append(f"{place} lacks {', '.join(absent)}")
    raise SourceError("; ".join(missing) or f"{folder} holds none of {', '.join(file.name for file in files)}")


def _find(place: Path, name: str) -> Path | None:
    """Return the path of the file in ``place``, as it is or else as .gz, or None."""
    return next((path for path in (place / name, place / f"{name}.gz") if path.is_file()), None)


def _read(path: Path) -> bytes:
    """Return what the file holds, unpacked; ``.part`` is a download, packed as all of them are."""
    try:
        if path.suffix not in (".gz", ".part"):
            return path.read_bytes()
        with gzip.open(path) as stream:
            return stream.read()
    except _DAMAGED as error:
        raise SourceError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error


def fetch_installed_package(
    staging: Path, scratch: Path, files: Sequence[OfficialFile], root: Path = Path("/")
) -> None:
    """Unpack the files of Debian's package below ``root`` into ``staging``.

    Raises:
        SourceError: the package is not there or incomplete, or a file cannot be read.
    """
    folder = root / _DEBIAN_FOLDER.relative_to("/")
    if not folder.is_dir():
        raise SourceError(f"{folder} is absent")
    fetch_named_folder(folder, staging, files)


def fetch_official(staging: Path, scratch: Path, files: Sequence[OfficialFile], url: str = OFFICIAL_URL) -> None:
    """Download the official gzip files into ``scratch`` and unpack them into ``staging``.

    What was read of an interrupted download stays in ``scratch`` as ``.part``, and the next call goes on from there.

    Raises:
        SourceError: the server refuses, the connection breaks, or a file is damaged (the ``.part`` files are removed).
        ReproduceError: ``scratch`` cannot be written.
    """
    parts = {file.name: scratch / f"{FASHION_MNIST.name}-{file.name}.gz.part" for file in files}
    for name, part in parts.items():
        download(f"{url}/{name}.gz", part, FASHION_MNIST.title)
    try:
        for name, part in parts.items():
            (staging / name).write_bytes(_read(part))
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)


def fetch_debian_package(staging: Path, scratch: Path, files: Sequence[OfficialFile]) -> None:
    """Download Debian's package with apt-get and unpack its files into ``staging``; nothing is installed.

    Raises:
        SourceError: apt-get or dpkg-deb is absent or fails, or the package lacks a file.
    """
    clients = {name: shutil.which(name) for name in ("apt-get", "dpkg-deb")}
    if absent := [name for name, path in clients.items() if path is None]:
        raise SourceError(f"{' and '.join(absent)} not installed")
    with temporary_folder(scratch, FASHION_MNIST) as folder:
        options = [part for option in _APT_OPTIONS for part in ("-o", option)]
        command = [clients["apt-get"], *options, "download", DEBIAN_PACKAGE]
        run_client(f"apt-get download {DEBIAN_PACKAGE}", command, folder, _gist)
        archives = list(folder.glob("*.deb"))
        if len(archives) != 1:
            raise SourceError(f"`apt-get download {DEBIAN_PACKAGE}` left {len(archives)} packages, expected 1")
        root = folder / "root"
        run_client("dpkg-deb --extract", [clients["dpkg-deb"], "--extract", archives[0], root], folder, _gist)
        fetch_installed_package(staging, scratch, files, root)


def _gist(errors: str) -> str:
    """Return the first two errors of apt-get or dpkg-deb, without its warnings."""
    lines = [line.split(":", 1)[1].strip() for line in errors.splitlines() if line.startswith(("E:", "dpkg-deb:"))]
    advice = "; `apt-get update` may help" if "Unable to locate" in errors else ""
    return ("; ".join(lines[:2])[:240] or "it gave no reason") + advice


PUBLIC_SOURCES: Sources = (
    (f"Debian's installed package {DEBIAN_PACKAGE}, {_DEBIAN_FOLDER}", fetch_installed_package),
    (f"the official download, {OFFICIAL_URL}, 31 MB", fetch_official),
    (f"Debian's package {DEBIAN_PACKAGE} by apt-get, 31 MB, not installed", fetch_debian_package),
)


def acquire_fashion_mnist(
    folder: Path, files: Sequence[OfficialFile] = OFFICIAL_FILES, sources: Sources = PUBLIC_SOURCES
) -> None:
    """Fill ``folder`` with the four unpacked files of Fashion-MNIST, as ``acquire`` does.

    Raises:
        ReproduceError: no source can be used, a file has the wrong size or sum, or a folder cannot be written.
    """
    acquire(FASHION_MNIST, folder, files, fetch_named_folder, sources)
