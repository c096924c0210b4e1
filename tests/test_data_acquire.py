import contextlib
import errno
import io
import pickle
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cifar10_samples as samples
import pytest

from reproduce.data.cifar10_sources import acquire_cifar10, fetch_official
from reproduce.data.official import SourceError
from reproduce.errors import ReproduceError


@pytest.fixture(autouse=True)
def scratch(tmp_path, monkeypatch) -> Path:
    monkeypatch.delenv("REPRODUCE_CIFAR10", raising=False)
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("REPRODUCE_SCRATCH", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()
    return tmp_path / "scratch"


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "data" / "cifar10"


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _copy_samples(staging, scratch, batches):
    samples.write_binary(staging)


def _refuse(staging, scratch, batches):
    (staging / "data_batch_1.bin").write_bytes(b"half of a fi")
    raise SourceError("the server is on holiday")


def _write_other_pixels(staging, scratch, batches):
    samples.write_binary(staging)
    (staging / "data_batch_2.bin").write_bytes(b"\0" * 12292)


# A folder the user names


def _binary(folder):
    samples.write_binary(folder)


def _binary_subfolder(folder):
    samples.write_binary(folder / "cifar-10-batches-bin")


def _python(folder):
    samples.write_python(folder)


def _torchvision(folder):
    samples.write_python(folder / "cifar-10-batches-py")


def _binary_archive(folder):
    (folder / "cifar-10-binary.tar.gz").write_bytes(samples.binary_archive())


def _python_archive(folder):
    (folder / "cifar-10-python.tar.gz").write_bytes(samples.python_archive())


@pytest.mark.parametrize(
    "layout", [_binary, _binary_subfolder, _python, _torchvision, _binary_archive, _python_archive]
)
def test_every_layout_of_a_named_folder_gives_the_same_batches(tmp_path, folder, monkeypatch, layout):
    named = tmp_path / "named"
    named.mkdir()
    layout(named)
    monkeypatch.setenv("REPRODUCE_CIFAR10", str(named))
    acquire_cifar10(folder, samples.BATCHES, sources=())
    assert _contents(folder) == samples.CONTENTS


def _empty(named):
    pass


def _one_batch_short(named):
    samples.write_binary(named)
    (named / "test_batch.bin").unlink()


def _foreign_pickle(named):
    samples.write_python(named)
    (named / "data_batch_1").write_bytes(pickle.dumps(Path("harmless")))


def _truncated_pickle(named):
    samples.write_python(named)
    (named / "data_batch_2").write_bytes(samples.python_batch("data_batch_2.bin")[:-40])


def _lacking_labels(named):
    samples.write_python(named)
    (named / "data_batch_2").write_bytes(pickle.dumps({"data": 1}))


def _labels_short(named):
    samples.write_python(named)
    batch = pickle.loads(samples.python_batch("data_batch_2.bin"))
    batch[b"labels"].pop()
    (named / "data_batch_2").write_bytes(pickle.dumps(batch))


def _truncated_archive(named):
    (named / "cifar-10-binary.tar.gz").write_bytes(samples.binary_archive()[:-2000])


def _archive_of_something_else(named):
    (named / "cifar-10-binary.tar.gz").write_bytes(samples.archive({"readme.txt": b"hello"}))


@pytest.mark.parametrize(
    ("layout", "reason"),
    [
        (_empty, "holds neither the batches nor cifar-10-batches-bin, cifar-10-batches-py"),
        (_one_batch_short, "named lacks test_batch.bin"),
        (_foreign_pickle, "data_batch_1 is not a Python batch of CIFAR-10: it names pathlib"),
        (_truncated_pickle, "data_batch_2 is not a Python batch of CIFAR-10"),
        (_lacking_labels, "data_batch_2 is not a Python batch of CIFAR-10"),
        (_labels_short, "data_batch_2 holds 3 labels and uint8 data of shape (4, 3072)"),
        (_truncated_archive, "cifar-10-binary.tar.gz is damaged or no tar archive"),
        (_archive_of_something_else, "cifar-10-binary.tar.gz lacks data_batch_1.bin, data_batch_2.bin, test_batch.bin"),
    ],
)
def test_unusable_named_folder_is_an_error_and_no_other_source_is_tried(tmp_path, folder, monkeypatch, layout, reason):
    named = tmp_path / "named"
    named.mkdir()
    layout(named)
    monkeypatch.setenv("REPRODUCE_CIFAR10", str(named))
    with pytest.raises(ReproduceError) as caught:
        acquire_cifar10(folder, samples.BATCHES, sources=[("a sound source", _copy_samples)])
    assert str(caught.value).startswith(f"REPRODUCE_CIFAR10={named} cannot be used: ")
    assert reason in str(caught.value)
    assert list(folder.parent.iterdir()) == []


def test_named_folder_that_does_not_exist(tmp_path, folder, monkeypatch):
    monkeypatch.setenv("REPRODUCE_CIFAR10", str(tmp_path / "nowhere"))
    with pytest.raises(ReproduceError, match=r"REPRODUCE_CIFAR10=.*nowhere cannot be used: .*nowhere is not a folder"):
        acquire_cifar10(folder, samples.BATCHES)


# Order of the sources, and the sums


def test_refusal_is_printed_and_the_next_source_is_used(folder, capsys):
    acquire_cifar10(folder, samples.BATCHES, sources=[("first", _refuse), ("second", _copy_samples)])
    assert _contents(folder) == samples.CONTENTS
    assert capsys.readouterr().out.splitlines() == [
        "CIFAR-10: trying first",
        "CIFAR-10: not from there: the server is on holiday",
        "CIFAR-10: trying second",
    ]


def test_nothing_of_a_refusing_source_survives(folder):
    def bring_all_but_the_first(staging, scratch, batches):
        samples.write_binary(staging)
        (staging / "data_batch_1.bin").rename(staging / "elsewhere")
        assert sorted(path.name for path in staging.iterdir()) == ["data_batch_2.bin", "elsewhere", "test_batch.bin"]

    def leave_the_first(staging, scratch, batches):
        (staging / "data_batch_1.bin").write_bytes(samples.CONTENTS["data_batch_1.bin"])
        raise SourceError("gone")

    with pytest.raises(ReproduceError, match=r"data_batch_1\.bin from second cannot be read"):
        acquire_cifar10(folder, samples.BATCHES, [("first", leave_the_first), ("second", bring_all_but_the_first)])


def test_when_all_refuse_the_error_lists_them_and_the_variable(folder):
    with pytest.raises(ReproduceError) as caught:
        acquire_cifar10(folder, samples.BATCHES, sources=[("first", _refuse), ("second", _refuse)])
    message = str(caught.value)
    assert "(the server is on holiday; the server is on holiday); set REPRODUCE_CIFAR10 to a folder" in message
    assert "\n" not in message
    assert list(folder.parent.iterdir()) == []


def test_wrong_sum_names_file_and_both_sums_and_leaves_nothing(folder):
    with pytest.raises(ReproduceError) as caught:
        acquire_cifar10(folder, samples.BATCHES, sources=[("a mirror", _write_other_pixels)])
    zeros_md5 = "d90545d1fc8f3194337c9606b90bdad2"
    expected_words = f"data_batch_2.bin from a mirror has MD5 {zeros_md5}, expected {samples.BATCHES[1].md5}"
    assert expected_words in str(caught.value)
    assert list(folder.parent.iterdir()) == []


def test_wrong_sum_leaves_earlier_data_as_it_was(folder):
    samples.write_binary(folder)
    with pytest.raises(ReproduceError):
        acquire_cifar10(folder, samples.BATCHES, sources=[("a mirror", _write_other_pixels)])
    assert _contents(folder) == samples.CONTENTS


def test_leftovers_of_a_killed_preparation_are_removed(folder, scratch):
    for leftover in (
        folder.with_name(".cifar10.part"),
        folder.with_name(".cifar10.old"),
        scratch / "cifar10-temporary-99",
    ):
        samples.write_binary(leftover)
    acquire_cifar10(folder, samples.BATCHES, sources=[("only", _copy_samples)])
    assert [path.name for path in folder.parent.iterdir()] == ["cifar10"]
    assert list(scratch.iterdir()) == []


def test_full_disk_is_a_one_line_error_that_leaves_nothing(tmp_path, folder, monkeypatch):
    samples.write_binary(tmp_path / "named")
    monkeypatch.setenv("REPRODUCE_CIFAR10", str(tmp_path / "named"))
    write_bytes = Path.write_bytes

    def fill_the_disk(path, content):
        if path.name == "test_batch.bin":
            write_bytes(path, content[:100])
            raise OSError(errno.ENOSPC, "No space left on device")
        return write_bytes(path, content)

    monkeypatch.setattr(Path, "write_bytes", fill_the_disk)
    with pytest.raises(ReproduceError, match=r"^cannot write .*cifar10: No space left on device; free space"):
        acquire_cifar10(folder, samples.BATCHES)
    assert list(folder.parent.iterdir()) == []


def test_unwritable_data_folder_is_found_before_anything_is_fetched(tmp_path):
    (tmp_path / "data").write_text("a file")
    with pytest.raises(ReproduceError, match=r"^cannot write .*data/cifar10: Not a directory"):
        acquire_cifar10(tmp_path / "data" / "cifar10", samples.BATCHES, sources=[("never", pytest.fail)])


# The download


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
    return _contents(staging)


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
