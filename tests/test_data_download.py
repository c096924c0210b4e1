"""Fetching the official archive: where a download goes on, what breaks it, and what it says."""

import contextlib
import io
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cifar10_samples as samples
import pytest

from reproduce.base.errors import ReproduceError
from reproduce.data.cifar10_sources import fetch_official
from reproduce.data.official import SourceError


@pytest.fixture(autouse=True)
def scratch(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("REPRODUCE_SCRATCH", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()
    return tmp_path / "scratch"


class _Server(ThreadingHTTPServer):
    """Serves one archive on loopback; ``break_after`` bytes of each answer the connection is dropped."""

    def __init__(self, content: bytes, ranges: bool, break_after: int | None, status: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.content, self.ranges, self.break_after, self.status = content, ranges, break_after, status
        self.starts: list[int] = []


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        asked = self.headers.get("Range", "bytes=0-")
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if self.server.ranges else 0
        self.server.starts.append(start)
        size = len(self.server.content)
        if self.server.status != 200:
            self.send_error(self.server.status)
            return
        if start >= size:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{size}")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        self.send_header("Content-Length", str(size - start))
        self.end_headers()
        end = size if self.server.break_after is None else start + self.server.break_after
        self.wfile.write(self.server.content[start:end])

    def log_message(self, *arguments: object) -> None:
        pass


@contextlib.contextmanager
def _serving(
    content: bytes, ranges: bool = True, break_after: int | None = None, status: int = 200
) -> Iterator[tuple[str, list[int]]]:
    """Yield the archive's address and the list of the byte positions asked for."""
    with _Server(content, ranges, break_after, status) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/cifar-10-binary.tar.gz", server.starts
        finally:
            server.shutdown()
            thread.join()


def _download(url: str, tmp_path: Path) -> dict[str, bytes]:
    staging = tmp_path / "staging"
    staging.mkdir(exist_ok=True)
    fetch_official(staging, tmp_path / "scratch", samples.BATCHES, url)
    return samples.contents(staging)


def test_download_is_unpacked_and_removed(tmp_path, scratch):
    with _serving(samples.binary_archive()) as (url, starts):
        assert _download(url, tmp_path) == samples.CONTENTS
    assert starts == [0]
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize(("ranges", "start"), [(True, 5000), (False, 0)])
def test_interrupted_download_goes_on_where_it_was_or_starts_again(tmp_path, scratch, ranges, start):
    content = samples.binary_archive()
    (scratch / "cifar-10-binary.tar.gz.part").write_bytes(content[:5000])
    with _serving(content, ranges=ranges) as (url, starts):
        assert _download(url, tmp_path) == samples.CONTENTS
    assert starts == [start]


def test_download_stopped_between_its_last_byte_and_unpacking_is_not_fetched_again(tmp_path, scratch):
    content = samples.binary_archive()
    (scratch / "cifar-10-binary.tar.gz.part").write_bytes(content)
    with _serving(content) as (url, starts):
        assert _download(url, tmp_path) == samples.CONTENTS
    assert starts == [len(content)]


def test_beginning_longer_than_the_file_is_thrown_away(tmp_path, scratch):
    content = samples.binary_archive()
    (scratch / "cifar-10-binary.tar.gz.part").write_bytes(content + b"more")
    with _serving(content) as (url, starts):
        assert _download(url, tmp_path) == samples.CONTENTS
    assert starts == [len(content) + 4, 0]


def test_broken_connection_is_taken_up_again(tmp_path):
    content = samples.binary_archive()
    piece = len(content) // 3 + 1
    with _serving(content, break_after=piece) as (url, starts):
        assert _download(url, tmp_path) == samples.CONTENTS
    assert starts == [0, piece, 2 * piece]


def test_server_that_sends_no_more_is_given_up_and_what_came_is_kept(tmp_path, scratch):
    content = samples.binary_archive()
    with (
        _serving(content, ranges=False, break_after=5000) as (url, _),
        pytest.raises(SourceError, match=rf"connection closed at 5000 of {len(content)} bytes"),
    ):
        _download(url, tmp_path)
    assert (scratch / "cifar-10-binary.tar.gz.part").read_bytes() == content[:5000]


def test_other_beginning_ends_as_damaged_and_the_next_call_starts_afresh(tmp_path, scratch):
    content = samples.binary_archive()
    (scratch / "cifar-10-binary.tar.gz.part").write_bytes(b"\xff" * 5000)
    with _serving(content) as (url, _):
        with pytest.raises(SourceError, match="is damaged or no tar archive"):
            _download(url, tmp_path)
        assert _download(url, tmp_path) == samples.CONTENTS


@pytest.mark.parametrize(("status", "words"), [(404, "HTTP status 404 Not Found"), (503, "HTTP status 503")])
def test_refusal_of_the_server_is_a_reason(tmp_path, status, words):
    with _serving(b"", status=status) as (url, _), pytest.raises(SourceError, match=words):
        _download(url, tmp_path)


def test_page_in_place_of_the_archive_is_a_reason(tmp_path, scratch):
    with _serving(b"<html>please log in</html>") as (url, _), pytest.raises(SourceError, match="no tar archive"):
        _download(url, tmp_path)
    assert list(scratch.iterdir()) == []


def test_closed_port_is_a_reason(tmp_path):
    with _serving(b"") as (url, _):
        pass
    with pytest.raises(SourceError, match="Connection refused"):
        _download(url, tmp_path)


def test_scratch_folder_that_cannot_be_written_is_a_one_line_error(tmp_path, scratch):
    scratch.rmdir()
    scratch.write_text("a file")
    with (
        _serving(samples.binary_archive()) as (url, _),
        pytest.raises(
            ReproduceError, match=r"^cannot write .*\.part: Not a directory; free space or set REPRODUCE_SCRATCH"
        ),
    ):
        _download(url, tmp_path)


class _FullDisk(io.FileIO):
    """A file on a disk without room: the kernel's own refusal, from /dev/full."""

    def __init__(self) -> None:
        super().__init__("/dev/full", "wb")

    def truncate(self, size: int | None = None) -> int:
        return size or 0  # a device has no length to set


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_disk_that_fills_up_during_the_download_is_a_one_line_error(tmp_path, monkeypatch):
    open_file = Path.open
    monkeypatch.setattr(Path, "open", lambda path, mode="r": _FullDisk() if mode == "ab" else open_file(path, mode))
    with (
        _serving(samples.binary_archive()) as (url, _),
        pytest.raises(ReproduceError, match=r"^cannot write .*\.part: No space left on device; free space or set"),
    ):
        _download(url, tmp_path)
    assert list((tmp_path / "staging").iterdir()) == []
