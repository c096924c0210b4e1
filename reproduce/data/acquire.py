"""Getting a data set of official files: a folder the user names, else the first public source that has them.

Whatever the source, the MD5 sums of the official files decide, and the folder appears whole or not at all.
"""

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from reproduce.base.errors import ReproduceError
from reproduce.base.files import replacing_folder
from reproduce.base.paths import scratch_folder
from reproduce.data.official import (
    DataSet,
    FileError,
    OfficialFile,
    SourceError,
    leftover_folders,
    read_checked,
    writing_scratch,
)

# Writes the files into the staging folder (second argument) from the folder the user names (first).
FetchNamed = Callable[[Path, Path, Sequence[OfficialFile]], None]
# Writes the files into the staging folder (first argument); the second is a folder for its own temporary files.
Fetch = Callable[[Path, Path, Sequence[OfficialFile]], None]
Sources = Sequence[tuple[str, Fetch]]


def acquire(
    dataset: DataSet, folder: Path, files: Sequence[OfficialFile], fetch_named: FetchNamed, sources: Sources
) -> None:
    """Fill ``folder`` with the official files from the first source that has them.

    Where the data set's environment variable names a folder, that is the only source. The caller holds the
    preparation's lock.

    Args:
        dataset: what messages call it.
        folder: replaced whole once every sum matches, otherwise left as it was.
        files: the files wanted, with their sizes and sums.
        fetch_named: fetches from the folder the user names.
        sources: tried in order; each is its description and the function that fetches.

    Raises:
        ReproduceError: no source can be used, a file has the wrong size or sum, or a folder cannot be written.
    """
    for leftover in leftover_folders(scratch_folder(), dataset):
        shutil.rmtree(leftover, ignore_errors=True)
    with replacing_folder(folder) as staging:
        source = _fetch_named(dataset, staging, files, fetch_named) or _fetch_public(dataset, staging, files, sources)
        for file in files:
            _check(staging / file.name, file, dataset, source)


def _fetch_named(dataset: DataSet, staging: Path, files: Sequence[OfficialFile], fetch_named: FetchNamed) -> str | None:
    """Fetch from the folder the user names, if one is named, and return the source in words."""
    named = os.environ.get(dataset.variable)
    if not named:
        return None
    source = f"{dataset.variable}={named}"
    print(f"{dataset.title}: trying {source}", flush=True)
    try:
        fetch_named(Path(named).expanduser(), staging, files)
    except SourceError as error:
        raise ReproduceError(
            f"{source} cannot be used: {error}; name a folder with {dataset.title} or unset it"
        ) from error
    return source


def _fetch_public(dataset: DataSet, staging: Path, files: Sequence[OfficialFile], sources: Sources) -> str:
    """Fetch from the first public source that answers, and return that source in words."""
    refusals = []
    scratch = scratch_folder()
    with writing_scratch(scratch):
        scratch.mkdir(parents=True, exist_ok=True)
    for source, fetch in sources:
        print(f"{dataset.title}: trying {source}", flush=True)
        try:
            fetch(staging, scratch, files)
        except SourceError as error:
            print(f"{dataset.title}: not from there: {error}", flush=True)
            refusals.append(str(error))
        else:
            return source
        for leftover in staging.iterdir():
            leftover.unlink()
    raise ReproduceError(
        f"no source of {dataset.title} answered ({'; '.join(refusals)}); set {dataset.variable} to a folder that holds "
        f"{dataset.layouts}"
    )


def _check(path: Path, file: OfficialFile, dataset: DataSet, source: str) -> None:
    """Hold a staged file against its size and sum, naming the source it came from."""
    try:
        read_checked(path, file, dataset)
    except FileError as error:
        raise ReproduceError(
            f"{file.name} from {source} {error.difference}; nothing was kept, set {dataset.variable} to a sound copy"
        ) from error
