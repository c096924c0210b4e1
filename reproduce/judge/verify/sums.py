"""Sums of files and folders as DVC records them."""

import fnmatch
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from reproduce.base.files import file_digest


@dataclass(frozen=True)
class Sum:
    """A file or folder as a dvc.lock records it: MD5, bytes, and a folder's number of files (None for a file)."""

    md5: str
    size: int
    files: int | None = None


class Sums:
    """The sums of what lies in a repository; every file is read once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known: dict[Path, str] = {}
        self._ignored = _ignored_names(root)

    def of(self, name: str) -> Sum | None:
        """Return the sum of a file or folder, None where there is none; ``name`` is relative to the repository."""
        return self._of(self._root / name, self._md5)

    def with_unix_line_endings(self, name: str) -> str:
        """Return the MD5 that a file or folder would have without carriage returns before line ends."""
        return self._of(self._root / name, lambda path: unix_digest(path, "md5")).md5

    def _of(self, path: Path, md5: Callable[[Path], str]) -> Sum | None:
        if path.is_dir():
            return folder_sum(path, md5, self._ignored)
        return Sum(md5(path), path.stat().st_size) if path.is_file() else None

    def _md5(self, path: Path) -> str:
        if path not in self._known:
            self._known[path] = file_digest(path, "md5")
        return self._known[path]


def folder_sum(folder: Path, md5: Callable[[Path], str], ignored: tuple[str, ...] = ()) -> Sum:
    """Return the sum by which DVC 3 knows a folder: the MD5 of its files' sorted names and MD5s, and ``.dir``.

    Args:
        folder: where the files lie, at any depth.
        md5: returns the MD5 of one file.
        ignored: patterns of names that do not count, as in .dvcignore.
    """
    found = {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}
    kept = sorted((name.as_posix(), path) for name, path in found.items() if not _matches(name, ignored))
    entries = [{"md5": md5(path), "relpath": name} for name, path in kept]
    digest = hashlib.md5(json.dumps(entries).encode(), usedforsecurity=False).hexdigest()
    return Sum(f"{digest}.dir", sum(path.stat().st_size for _, path in kept), len(kept))


def unix_digest(path: Path, algorithm: str = "sha256") -> str:
    """Return the hex digest of a file without carriage returns before line ends."""
    return hashlib.new(algorithm, path.read_bytes().replace(b"\r\n", b"\n"), usedforsecurity=False).hexdigest()


def _ignored_names(root: Path) -> tuple[str, ...]:
    path = root / ".dvcignore"
    lines = path.read_text(encoding="utf-8").split() if path.is_file() else []
    return tuple(line.rstrip("/") for line in lines)


def _matches(name: Path, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatch(part, pattern) for part in name.parts for pattern in patterns)
