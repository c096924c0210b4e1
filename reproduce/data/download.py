"""The official download of CIFAR-10, resumed where an earlier one stopped."""

import http.client
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from reproduce.data.batches import BatchFile, SourceError, writing_scratch
from reproduce.data.layouts import unpack_binary_archive
from reproduce.progress import Progress

OFFICIAL_URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
_TIMEOUT_SECONDS = 5.0  # to connect, and for a silence while reading
_BLOCK_BYTES = 1 << 18
_NETWORK_ERRORS = (OSError, http.client.HTTPException)


def fetch_official(staging: Path, scratch: Path, batches: Sequence[BatchFile], url: str = OFFICIAL_URL) -> None:
    """Download the official archive into ``scratch`` and unpack its batches into ``staging``.

    What was read of an interrupted download stays in ``scratch`` as ``.part``, and the next call goes on from there.

    Raises:
        SourceError: the server refuses, the connection breaks, or the archive is damaged (its ``.part`` is removed).
        ReproduceError: ``scratch`` cannot be written.
    """
    part = scratch / f"{url.rsplit('/', 1)[-1]}.part"
    with writing_scratch(part):
        _download(url, part)
    try:
        unpack_binary_archive(part, staging, batches)
    finally:
        part.unlink(missing_ok=True)


def _download(url: str, part: Path) -> None:
    """Read ``url`` into ``part`` whole; a broken connection is taken up again as long as each try brings bytes."""
    while True:
        before = _size(part)
        problem = _read_on(url, part)
        if problem is None:
            return
        if _size(part) <= before:
            raise SourceError(f"{url}: {problem}")
        print(f"{problem}; going on at {_size(part) / 1e6:.0f} MB", flush=True)


def _read_on(url: str, part: Path) -> str | None:
    """Append what ``part`` lacks; return None when it is whole, otherwise what went wrong on the network."""
    start = _size(part)
    try:
        response = _open(url, start)
    except urllib.error.HTTPError as error:
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE and start:
            if error.headers.get("Content-Range") == f"bytes */{start}":
                return None  # an earlier call read all of it and was stopped before unpacking
            part.unlink()  # longer than the server's file, so not a beginning of it
            return _read_on(url, part)
        return f"HTTP status {error.code} {error.reason}"
    except _NETWORK_ERRORS as error:
        reason = getattr(error, "reason", error)
        return str(getattr(reason, "strerror", None) or reason)
    with response:
        resumed = _starts_at(response, start)
        length = response.headers.get("Content-Length", "")
        total = (start if resumed else 0) + int(length) if length.isdigit() else None
        return _copy(response, part, start if resumed else 0, total)


def _open(url: str, start: int) -> http.client.HTTPResponse:
    headers = {"Range": f"bytes={start}-"} if start else {}
    return urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=_TIMEOUT_SECONDS)


def _starts_at(response: http.client.HTTPResponse, start: int) -> bool:
    """Tell whether the server sends the rest from ``start``; one without Range sends the whole file again."""
    return response.status == http.client.PARTIAL_CONTENT and response.headers.get("Content-Range", "").startswith(
        f"bytes {start}-"
    )


def _copy(response: http.client.HTTPResponse, part: Path, start: int, total: int | None) -> str | None:
    """Write the response to ``part`` from ``start`` on; return what broke it off, or None."""
    with part.open("ab") as stream, Progress("downloading CIFAR-10", total or 0, "B", initial=start) as progress:
        stream.truncate(start)
        while True:
            try:
                block = response.read(_BLOCK_BYTES)
            except _NETWORK_ERRORS as error:
                return f"connection lost ({error or type(error).__name__})"
            if not block:
                break
            stream.write(block)
            progress.update(len(block))
    if total is not None and progress.done < total:
        return f"connection closed at {progress.done} of {total} bytes"
    return None


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
