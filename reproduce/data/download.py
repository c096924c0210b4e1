"""Downloads that are taken up again where an earlier one stopped."""

import http.client
import urllib.error
import urllib.request
from pathlib import Path

from reproduce.base.progress import Progress
from reproduce.data.official import SourceError, writing_scratch

_TIMEOUT_SECONDS = 5.0  # to connect, and for a silence while reading
_BLOCK_BYTES = 1 << 18
_NETWORK_ERRORS = (OSError, http.client.HTTPException)


def download(url: str, part: Path, title: str) -> None:
    """Read ``url`` into ``part`` whole, going on where an earlier call left it.

    A broken connection is taken up again as long as each try brings bytes.

    Args:
        url: the address.
        part: grows while bytes come, and stays when the download is broken off.
        title: of the data set, for the progress.

    Raises:
        SourceError: the server refuses or the connection breaks.
        ReproduceError: ``part`` cannot be written.
    """
    with writing_scratch(part):
        while True:
            before = _size(part)
            problem = _read_on(url, part, title)
            if problem is None:
                return
            if _size(part) <= before:
                raise SourceError(f"{url}: {problem}")
            print(f"{problem}; going on at {_size(part) / 1e6:.0f} MB", flush=True)


def _read_on(url: str, part: Path, title: str) -> str | None:
    """Append what ``part`` lacks; return None when it is whole, otherwise what went wrong on the network."""
    start = _size(part)
    try:
        response = _open(url, start)
    except urllib.error.HTTPError as error:
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE and start:
            if error.headers.get("Content-Range") == f"bytes */{start}":
                return None  # an earlier call read all of it and was stopped before unpacking
            part.unlink()  # longer than the server's file, so not a beginning of it
            return _read_on(url, part, title)
        return f"HTTP status {error.code} {error.reason}"
    except _NETWORK_ERRORS as error:
        reason = getattr(error, "reason", error)
        return str(getattr(reason, "strerror", None) or reason)
    with response:
        resumed = _starts_at(response, start)
        length = response.headers.get("Content-Length", "")
        total = (start if resumed else 0) + int(length) if length.isdigit() else None
        return _copy(response, part, start if resumed else 0, total, title)


def _open(url: str, start: int) -> http.client.HTTPResponse:
    headers = {"Range": f"bytes={start}-"} if start else {}
    return urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=_TIMEOUT_SECONDS)


def _starts_at(response: http.client.HTTPResponse, start: int) -> bool:
    """Tell whether the server sends the rest from ``start``; one without Range sends the whole file again."""
    return response.status == http.client.PARTIAL_CONTENT and response.headers.get("Content-Range", "").startswith(
        f"bytes {start}-"
    )


def _copy(response: http.client.HTTPResponse, part: Path, start: int, total: int | None, title: str) -> str | None:
    """Write the response to ``part`` from ``start`` on; return what broke it off, or None."""
    with part.open("ab") as stream, Progress(f"downloading {title}", total or 0, "B", initial=start) as progress:
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
