"""Fetching the official archive with torchvision: what breaks it, what is said of it, and what is left."""

import contextlib
import errno
import hashlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cifar10_samples as samples
import pytest
from torchvision.datasets import CIFAR10
from torchvision.datasets import utils as torchvision_utils

from reproduce.base.errors import ReproduceError
from reproduce.data import acquire as module
from reproduce.data.acquire import acquire
from reproduce.data.cifar10.batch_sources import fetch_official

ARCHIVE = samples.python_archive()


@pytest.fixture(autouse=True)
def scratch(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(CIFAR10, "tgz_md5", hashlib.md5(ARCHIVE).hexdigest())
    monkeypatch.delenv("REPRODUCE_CIFAR10", raising=False)
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("REPRODUCE_SCRATCH", str(tmp_path / "scratch"))
    return tmp_path / "scratch"


class _Server(ThreadingHTTPServer):
    """Serves ``content`` on loopback under a status, only its first ``cut`` bytes, or waits before it answers."""

    def __init__(self, content: bytes, status: int, cut: int | None, silent: threading.Event | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.content, self.status, self.cut, self.silent = content, status, cut, silent


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        if self.server.silent is not None:
            self.server.silent.wait(30)
            return
        if self.server.status != 200:
            self.send_error(self.server.status)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.content)))
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            self.wfile.write(self.server.content[: self.server.cut])

    def log_message(self, *arguments: object) -> None:
        pass


@contextlib.contextmanager
def _serving(
    monkeypatch: pytest.MonkeyPatch,
    content: bytes = ARCHIVE,
    status: int = 200,
    cut: int | None = None,
    silent: threading.Event | None = None,
) -> Iterator[None]:
    """Let torchvision's address of CIFAR-10 be that of a server here."""
    with _Server(content, status, cut, silent) as server:
        monkeypatch.setattr(CIFAR10, "url", f"http://127.0.0.1:{server.server_port}/cifar-10-python.tar.gz")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield
        finally:
            if silent is not None:
                silent.set()
            server.shutdown()
            thread.join()


def _acquire(tmp_path: Path) -> dict[str, bytes]:
    folder = tmp_path / "data" / "cifar10"
    acquire(replace(samples.DATA, sources=[("the official download", fetch_official)]), folder)
    return samples.contents(folder)


def _assert_nothing_left(tmp_path: Path) -> None:
    assert list((tmp_path / "data").iterdir()) == []
    assert list((tmp_path / "scratch").iterdir()) == []


def test_downloaded_python_batches_become_the_binary_ones_and_the_archive_is_removed(tmp_path, scratch, monkeypatch):
    with _serving(monkeypatch):
        assert _acquire(tmp_path) == samples.CONTENTS
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize(
    ("served", "reason"),
    [
        ({"status": 404}, "HTTP Error 404|Not Found"),
        ({"status": 503}, "HTTP Error 503|Service Unavailable"),
        ({"content": b"<html>please log in</html>"}, "File not found or corrupted"),
        ({"cut": 500}, "File not found or corrupted"),
    ],
)
def test_what_breaks_a_download_is_a_reason_and_leaves_nothing(tmp_path, monkeypatch, served, reason):
    with _serving(monkeypatch, **served), pytest.raises(ReproduceError, match=reason) as caught:
        _acquire(tmp_path)
    assert CIFAR10.url in str(caught.value) and "\n" not in str(caught.value)
    _assert_nothing_left(tmp_path)


def test_a_server_that_never_answers_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_SECONDS_OF_SILENCE", 0.2)
    with _serving(monkeypatch, silent=threading.Event()), pytest.raises(ReproduceError, match="timed out"):
        _acquire(tmp_path)


def test_closed_port_is_a_reason(tmp_path, monkeypatch):
    with _serving(monkeypatch):
        pass
    with pytest.raises(ReproduceError, match="Connection refused"):
        _acquire(tmp_path)


def test_an_interrupted_download_leaves_nothing(tmp_path, monkeypatch):
    def interrupt(url, path):
        Path(path).write_bytes(b"half of it")
        raise KeyboardInterrupt

    monkeypatch.setattr(torchvision_utils, "_urlretrieve", interrupt)
    with _serving(monkeypatch), pytest.raises(KeyboardInterrupt):
        _acquire(tmp_path)
    _assert_nothing_left(tmp_path)


def test_scratch_folder_that_cannot_be_written_is_a_one_line_error(tmp_path, scratch):
    scratch.write_text("a file")
    with pytest.raises(ReproduceError, match=r"^cannot write .*scratch: .*; free space or set REPRODUCE_SCRATCH"):
        _acquire(tmp_path)


def test_disk_that_fills_up_during_the_download_is_a_one_line_error(tmp_path, monkeypatch):
    def fill_the_disk(url, path):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(torchvision_utils, "_urlretrieve", fill_the_disk)
    with (
        _serving(monkeypatch),
        pytest.raises(ReproduceError, match=r"^cannot write .*: No space left on device; free space or set"),
    ):
        _acquire(tmp_path)
    _assert_nothing_left(tmp_path)
