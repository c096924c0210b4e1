"""Comparing the official archives with their known sizes and sums.

The sum of 148 GB takes minutes. So an archive that was found right is remembered in the scratch folder by its size and
time of change, and a resumed preparation does not sum it up again.
"""

from pathlib import Path

from reproduce.base.errors import ReproduceError
from reproduce.base.files import file_digest, read_json, write_json
from reproduce.base.paths import scratch_folder
from reproduce.base.progress import Progress
from reproduce.data.ilsvrc.editions import Edition


def check_size(archive: Path, edition: Edition) -> None:
    """Compare an archive's size with that of the official one, where it is known.

    Raises:
        ReproduceError: the sizes differ.
    """
    expected, _ = edition.archive_sums.get(archive.name, (None, None))
    found = archive.stat().st_size
    if expected is not None and found != expected:
        raise ReproduceError(
            f"{archive} has {found:,} bytes, the official one has {expected:,}; get it again, or pass --subset to work "
            "with what is there"
        )


def check_sum(archive: Path, edition: Edition) -> None:
    """Compare the SHA-256 of an archive of the official size with the official one, where that is known.

    Raises:
        ReproduceError: the sums differ.
    """
    size, expected = edition.archive_sums.get(archive.name, (None, None))
    state = archive.stat()
    if size != state.st_size:
        return
    record, key = scratch_folder() / "archive_sums.json", str(archive.resolve())
    known = _remembered(record)
    mark = [state.st_size, state.st_mtime_ns, expected]
    if known.get(key) == mark:
        return
    with Progress(f"checking {archive.name}", size, "B") as progress:
        found = file_digest(archive, count=progress.update)
    if found != expected:
        raise ReproduceError(f"{archive} has SHA-256 {found}, the official one has {expected}; get it again")
    write_json(record, known | {key: mark})


def _remembered(record: Path) -> dict[str, list[int | str]]:
    try:
        return read_json(record) if record.is_file() else {}
    except ReproduceError:  # damaged: the archives are read once more
        return {}
