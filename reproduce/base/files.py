"""Writing files so that a kill or a full disk never leaves half of one, and locking folders against a second writer."""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from reproduce.base.errors import ReproduceError, system_reason
from reproduce.base.paths import relative_to_repo
from reproduce.base.temporaries import temporary_file

_CHUNK_BYTES = 1 << 20
RESTORE = "restore it with git"


def refuse_dangling_links(path: Path) -> None:
    """Check that neither ``path`` nor a folder above it is a symbolic link to something that does not exist.

    Raises:
        ReproduceError: one of them is such a link.
    """
    for place in (path, *path.parents):
        if place.is_symlink() and not place.exists():
            raise ReproduceError(
                f"{place} is a link to {place.readlink()}, which does not exist; make that folder or remove the link"
            )


def refuse_special(path: Path) -> None:
    """Check that ``path`` is no pipe, socket or device: reading one may never end, or never begin.

    Raises:
        ReproduceError: ``path`` is one of them.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise ReproduceError(f"{relative_to_repo(path)} is no plain file; {RESTORE}")


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``.

    The file written there replaces ``path`` when the block succeeds, and is removed when the block fails. Temporary
    files that a killed writer of ``path`` left are removed first.

    Raises:
        ReproduceError: the folder is a link that leads nowhere or is not writable, or the disk is full.
    """
    refuse_dangling_links(path.parent)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary_file(path.parent, f".{path.name}.", ".part") as temporary:
            yield temporary
            with temporary.open("rb") as written:
                os.fsync(written.fileno())
            temporary.chmod(0o644)
            temporary.replace(path)
    except OSError as error:
        reason = system_reason(error)
        raise ReproduceError(f"cannot write {path}: {reason}; free space or choose a writable folder") from error


def write_bytes(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path`` whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def write_if_changed(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path`` unless the file holds these bytes already; then its time stays, too."""
    if not path.is_file() or path.read_bytes() != content:
        write_bytes(path, content)


def write_text(path: Path, content: str) -> None:
    """Write ``content`` as UTF-8 to ``path`` whole or not at all."""
    write_bytes(path, content.encode())


def write_json(path: Path, content: Any) -> None:
    """Write ``content`` as indented JSON; NaN is refused because JSON has none."""
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


@contextlib.contextmanager
def reading(path: Path, remedy: str = RESTORE) -> Iterator[None]:
    """Turn every failure to read a committed file into a ReproduceError.

    Args:
        path: the file.
        remedy: what to do where the file is missing.

    Raises:
        ReproduceError: the file is missing or damaged.
    """
    try:
        refuse_special(path)
        yield
    except ReproduceError:
        raise
    except FileNotFoundError as error:
        raise ReproduceError(f"{relative_to_repo(path)} is missing; {remedy}") from error
    except Exception as error:  # a damaged archive raises OSError, ValueError, zipfile's or zlib's own errors
        said = getattr(error, "strerror", None) or str(error)  # an OSError's own text names the whole path again
        reason = " ".join(said.split()) or type(error).__name__
        reason = f"it lacks {reason}" if isinstance(error, KeyError) else reason
        raise ReproduceError(f"{relative_to_repo(path)} cannot be read ({reason}); {RESTORE}") from error


def read_array(path: Path, command: str) -> np.ndarray:
    """Return the array of a committed .npy file.

    Raises:
        ReproduceError: the file is missing (the message names ``command``, which makes it) or damaged.
    """
    with reading(path, f"run `{command}`"):
        return np.load(path, allow_pickle=False)


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of a committed .npz file by name.

    Raises:
        ReproduceError: the file is missing or damaged.
    """
    with reading(path), np.load(path, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        ReproduceError: the file is missing or is not JSON.
    """
    with reading(path, f"run `dvc repro` or {RESTORE}"):
        text = path.read_text(encoding="utf-8-sig")
        try:
            return json.loads(text)
        except ValueError as error:
            raise ReproduceError(f"{relative_to_repo(path)} is not valid JSON ({error}); {RESTORE}") from error


def file_digest(path: Path, algorithm: str = "sha256", count: Callable[[int], None] | None = None) -> str:
    """Return the hex digest of a file's bytes; ``count``, if given, is called with the size of every block read."""
    refuse_special(path)
    digest = hashlib.new(algorithm)
    with path.open("rb") as stream:
        while block := stream.read(_CHUNK_BYTES):
            digest.update(block)
            if count is not None:
                count(len(block))
    return digest.hexdigest()


def json_digest(content: Any) -> str:
    """Return the SHA-256 of ``content`` as canonical JSON (sorted keys, no spaces)."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


@contextlib.contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """Yield a new empty folder that takes the place of ``folder`` when the block succeeds.

    Until then ``folder`` keeps its content. When the block fails, the new folder is removed. The files of a killed
    writer are cleared by the next writer, so the caller must hold a lock on ``folder``. Where ``folder`` is a symbolic
    link, the folder that it leads to is replaced and the link stays.

    Raises:
        ReproduceError: ``folder`` is a file or a link that leads nowhere, cannot be written, or the disk is full.
    """
    named, folder = folder, Path(os.path.realpath(folder))
    staging, old = _beside(folder)
    try:
        settle_folder(folder)
        refuse_dangling_links(named)
        if folder.exists() and not folder.is_dir():
            raise ReproduceError(f"{folder} is a file where a folder should be; move it away")
        staging.mkdir(parents=True)
        yield staging
        if folder.exists():
            folder.rename(old)
        staging.rename(folder)
    except OSError as error:
        _bring_back(old, folder)
        reason = system_reason(error)
        raise ReproduceError(f"cannot write {folder}: {reason}; free space or choose a writable folder") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        if folder.exists():
            shutil.rmtree(old, ignore_errors=True)


def settle_folder(folder: Path) -> None:
    """Clean up after a process that was killed within ``replacing_folder``.

    The old folder is brought back where the new one is not in place. The caller must hold a lock on ``folder``.
    """
    folder = Path(os.path.realpath(folder))
    staging, old = _beside(folder)
    _bring_back(old, folder)  # killed between the two renames
    for left in (staging, old):
        shutil.rmtree(left, ignore_errors=True)


def _beside(folder: Path) -> tuple[Path, Path]:
    """Return where the new folder is written, and where the old one waits while it is replaced."""
    return folder.with_name(f".{folder.name}.part"), folder.with_name(f".{folder.name}.old")


def _bring_back(old: Path, folder: Path) -> None:
    if old.exists() and not folder.exists():
        old.rename(folder)


def check_writable(folder: Path) -> None:
    """Check that ``folder`` can be written, before days of work whose results belong there; leave nothing behind.

    Raises:
        ReproduceError: ``folder`` cannot be written.
    """
    place = folder
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        reason = error.strerror or error
        raise ReproduceError(f"cannot write {folder}: {reason}; make {place} writable before you start") from error


@contextlib.contextmanager
def exclusive_lock(path: Path, busy: str) -> Iterator[None]:
    """Hold an exclusive lock on ``path``; the kernel releases it however the process ends.

    Raises:
        ReproduceError: another process holds the lock (message ``busy``), the folder is not writable, or its file
            system has no locks.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        stream = path.open("a")
    except OSError as error:
        raise ReproduceError(
            f"cannot create {path}: {error.strerror}; set REPRODUCE_SCRATCH to a writable folder"
        ) from error
    with stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ReproduceError(busy) from error
        except OSError as error:  # some network file systems: EBADF, EOPNOTSUPP, ENOLCK, ENOSYS
            raise ReproduceError(
                f"cannot lock {path}: {error.strerror}; set REPRODUCE_SCRATCH to a folder on a local disk"
            ) from error
        yield
