"""Fashion-MNIST: 28 x 28 gray photographs of ten kinds of clothing, in four idx files, and where these come from.

The sums are those of the unpacked files. Debian's package holds the official files' own deflate streams, but in gzip
files without name and date, so that the sums of its gzip files are not the official ones.
"""

import gzip
import math
import shutil
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from torchvision.datasets import FashionMNIST

from reproduce.data.acquire import download, run_client
from reproduce.data.official import Files, ImageArrays, OfficialData, OfficialFile, SourceError, read_at_most
from reproduce.data.registry import FASHION_MNIST

# The unpacked files. The official gzip files, from which these sums were taken, have the MD5 sums that the authors
# publish (https://github.com/zalandoresearch/fashion-mnist) and that torchvision's FashionMNIST checks.
OFFICIAL_FILES = (
    OfficialFile("train-images-idx3-ubyte", 47_040_016, "f4a8712d7a061bf5bd6d2ca38dc4d50a"),
    OfficialFile("train-labels-idx1-ubyte", 60_008, "9018921c3c673c538a1fc5bad174d6f9"),
    OfficialFile("t10k-images-idx3-ubyte", 7_840_016, "8181f5470baa50b63fa0f6fddb340f0a"),
    OfficialFile("t10k-labels-idx1-ubyte", 10_008, "15d484375f8d13e6eb1aabb0c3f46965"),
)
DEBIAN_PACKAGE = "dataset-fashion-mnist"
_INSTALLED = Path("/usr/share/datasets/fashion-mnist")
_APT_OPTIONS = ("Acquire::Retries=0", "Acquire::http::Timeout=5", "Acquire::https::Timeout=5")  # seconds
_TORCHVISION_FOLDER = Path("FashionMNIST", "raw")


def parse_files(contents: Sequence[bytes]) -> ImageArrays:
    """Return the arrays of the four files, in the order of ``OFFICIAL_FILES``; images get one channel, last."""
    training_images, training_labels, test_images, test_labels = map(parse_idx, contents)
    return ImageArrays(
        training_images[..., None].copy(),
        training_labels.astype(np.int64),
        test_images[..., None].copy(),
        test_labels.astype(np.int64),
    )


def parse_idx(content: bytes) -> np.ndarray:
    """Return the bytes of an idx file as an array over ``content``, uint8.

    The format (http://yann.lecun.com/exdb/mnist): two zero bytes, the type (8: unsigned byte), the number of
    dimensions, each dimension as a big-endian 32-bit integer, then the values, the last dimension fastest.
    """
    dimensions = content[3]
    shape = np.frombuffer(content, dtype=">u4", count=dimensions, offset=4).tolist()
    return np.frombuffer(content, np.uint8, count=math.prod(shape), offset=4 + 4 * dimensions).reshape(shape)


def find_files(folder: Path, files: Files) -> Iterator[tuple[str, bytes]]:
    """Yield name and unpacked content of the files in ``folder``, or in torchvision's folders below it.

    Raises:
        SourceError: the folder holds no complete set, or a file in it cannot be read.
    """
    missing = []
    for place in (folder, folder / _TORCHVISION_FOLDER):
        found = {file.name: _find(place, file.name) for file in files}
        absent = [name for name, path in found.items() if path is None]
        if not absent:
            yield from ((file.name, _read(found[file.name], file.bytes)) for file in files)
            return
        if len(absent) < len(files):
            missing.append(f"{place} lacks {', '.join(absent)}")
    raise SourceError("; ".join(missing) or f"{folder} holds none of {', '.join(file.name for file in files)}")


def _find(place: Path, name: str) -> Path | None:
    """Return the path of the file in ``place``, plain or else with .gz; None where there is neither."""
    return next((path for path in (place / name, place / f"{name}.gz") if path.is_file()), None)


def _read(path: Path, most: int) -> bytes:
    """Return the unpacked content of ``path``, at most ``most`` bytes."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            return read_at_most(stream, most, path)
    except (EOFError, OSError, zlib.error) as error:
        raise SourceError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error


def fetch_installed(folder: Path) -> Path:
    """Return where Debian's package puts its files, whether or not it is installed."""
    return _INSTALLED


def fetch_official(folder: Path) -> Path:
    """Download the official gzip files into ``folder``, from torchvision's address and checked by its sums.

    Raises:
        SourceError: the server refuses, the connection breaks, or a sum differs.
    """
    for name, md5 in FashionMNIST.resources:
        download(f"{FashionMNIST.mirrors[0]}{name}", folder, name, md5)
    return folder


def fetch_debian_package(folder: Path) -> Path:
    """Download Debian's package with apt-get and unpack it below ``folder``; nothing is installed.

    Raises:
        SourceError: apt-get or dpkg-deb is absent or fails.
    """
    clients = {name: shutil.which(name) for name in ("apt-get", "dpkg-deb")}
    if absent := [name for name, path in clients.items() if path is None]:
        raise SourceError(f"{' and '.join(absent)} not installed")
    options = [part for option in _APT_OPTIONS for part in ("-o", option)]
    command = [clients["apt-get"], *options, "download", DEBIAN_PACKAGE]
    run_client(f"apt-get download {DEBIAN_PACKAGE}", command, folder, _gist)
    archives = list(folder.glob("*.deb"))
    if len(archives) != 1:
        raise SourceError(f"`apt-get download {DEBIAN_PACKAGE}` left {len(archives)} packages, expected 1")
    run_client("dpkg-deb --extract", [clients["dpkg-deb"], "--extract", archives[0], folder / "root"], folder, _gist)
    return folder / "root" / _INSTALLED.relative_to("/")


def _gist(errors: str) -> str:
    """Return the first two errors of apt-get or dpkg-deb, without its warnings."""
    lines = [line.split(":", 1)[1].strip() for line in errors.splitlines() if line.startswith(("E:", "dpkg-deb:"))]
    advice = "; `apt-get update` may help" if "Unable to locate" in errors else ""
    return ("; ".join(lines[:2])[:240] or "it gave no reason") + advice


FASHION_MNIST_FILES = OfficialData(
    dataset=FASHION_MNIST,
    files=OFFICIAL_FILES,
    parse=parse_files,
    labels=parse_idx,
    find=find_files,
    sources=(
        (f"Debian's installed package {DEBIAN_PACKAGE}, {_INSTALLED}", fetch_installed),
        (f"the official download, {FashionMNIST.mirrors[0]}, 31 MB", fetch_official),
        (f"Debian's package {DEBIAN_PACKAGE} by apt-get, 31 MB, not installed", fetch_debian_package),
    ),
)
