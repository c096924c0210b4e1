"""A folder of CIFAR-10 that the user names: every layout is read, and an unusable one is an error."""

import errno
import pickle
from pathlib import Path

import cifar10_samples as samples
import numpy as np
import pytest

from reproduce.base.errors import ReproduceError
from reproduce.data.acquire import acquire


@pytest.fixture(autouse=True)
def scratch(tmp_path, monkeypatch) -> Path:
    return samples.use_scratch(tmp_path, monkeypatch)


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "data" / "cifar10"


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
    acquire(samples.data_from(), folder)
    assert samples.contents(folder) == samples.CONTENTS


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("as_text", [False, True])
@pytest.mark.parametrize("labels", [list, np.array, lambda labels: list(np.array(labels))])
def test_batches_pickled_again_are_the_same_batches(tmp_path, folder, monkeypatch, protocol, as_text, labels):
    """By another Python or numpy, with text as keys or arrays as labels: the official sums decide in the end."""
    named = samples.write_python(tmp_path / "named")
    for name in ("data_batch_1", "data_batch_2", "test_batch"):
        repickled(
            named,
            name,
            lambda batch: {
                key.decode() if as_text else key: labels(value) if key == b"labels" else value
                for key, value in batch.items()
            },
            protocol,
        )
    monkeypatch.setenv("REPRODUCE_CIFAR10", str(named))
    acquire(samples.data_from(), folder)
    assert samples.contents(folder) == samples.CONTENTS


def _empty(named):
    pass


def _one_batch_short(named):
    samples.write_binary(named)
    (named / "test_batch.bin").unlink()


def _foreign_pickle(named):
    samples.write_python(named)
    (named / "data_batch_1").write_bytes(pickle.dumps(Path("harmless")))


class _Harmful:
    """An object whose unpickling would end this process."""

    def __reduce__(self):
        return exec, ("raise SystemExit(9)",)


def _harmful_pickle(named):
    samples.write_python(named)
    (named / "data_batch_1").write_bytes(pickle.dumps(_Harmful()))


def _harmful_element(named):
    samples.write_python(named)
    repickled(named, "test_batch", lambda batch: batch | {b"data": np.array([_Harmful()])})


def repickled(named, name, change, protocol=4):
    batch = pickle.loads((named / name).read_bytes(), encoding="bytes")
    (named / name).write_bytes(pickle.dumps(change(batch), protocol))


def _list_pickled(named):
    samples.write_python(named)
    repickled(named, "data_batch_1", list)


def _floats_pickled(named):
    samples.write_python(named)
    repickled(named, "data_batch_1", lambda batch: batch | {b"data": batch[b"data"].astype(float)})


def _other_pixels_pickled(named):
    samples.write_python(named)
    repickled(named, "data_batch_1", lambda batch: batch | {b"data": 255 - batch[b"data"]})


def _endless_batch(named):
    samples.write_binary(named)
    with (named / "data_batch_1.bin").open("r+b") as stream:
        stream.truncate(1 << 32)


def _endless_archive(named):
    """Zeros before the batches: a thousandth of their length when packed."""
    members = {"zeros": bytes(1 << 25), **samples.CONTENTS}
    (named / "cifar-10-binary.tar.gz").write_bytes(samples.archive(members))


def _truncated_pickle(named):
    samples.write_python(named)
    (named / "data_batch_2").write_bytes(samples.python_batch("data_batch_2.bin")[:-40])


def _truncated_archive(named):
    (named / "cifar-10-binary.tar.gz").write_bytes(samples.binary_archive()[:-2000])


def _archive_of_something_else(named):
    (named / "cifar-10-binary.tar.gz").write_bytes(samples.archive({"readme.txt": b"hello"}))


@pytest.mark.parametrize(
    ("layout", "reason"),
    [
        (_empty, "holds neither the batches nor cifar-10-batches-bin, cifar-10-batches-py"),
        (_one_batch_short, "named lacks test_batch.bin"),
        (_foreign_pickle, "the Python batch data_batch_1 was not read: it would call "),
        (
            _harmful_pickle,
            "the Python batch data_batch_1 was not read: it would call builtins.exec, which",
        ),
        (_harmful_element, "the Python batch test_batch was not read: it would call builtins.exec"),
        (_truncated_pickle, "the Python batch data_batch_2 is damaged or no batch ("),
        (_list_pickled, "the Python batch data_batch_1 is damaged or no batch (AttributeError"),
        (
            _floats_pickled,
            "the Python batch data_batch_1 holds float64 (4, 3072) with int64 (4,); expected uint8 ",
        ),
        (_other_pixels_pickled, "data_batch_1.bin from REPRODUCE_CIFAR10="),
        (_endless_batch, "data_batch_1.bin holds more than the "),
        (_endless_archive, "cifar-10-binary.tar.gz unpacks to more than its batches have"),
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
        acquire(samples.data_from(("a sound source", samples.write_binary)), folder)
    if layout != _other_pixels_pickled:  # whose sum is wrong in the end
        assert str(caught.value).startswith(f"REPRODUCE_CIFAR10={named} cannot be used: ")
    assert reason in str(caught.value)
    assert list(folder.parent.iterdir()) == []


@pytest.mark.parametrize("part", ["is_dir", "is_file"])
def test_named_folder_that_cannot_be_read_is_not_taken_for_the_data_folder(tmp_path, folder, monkeypatch, part):
    named, found = samples.write_binary(tmp_path / "named"), getattr(Path, part)

    def refuse(path):
        if path.is_relative_to(named):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return found(path)

    monkeypatch.setenv("REPRODUCE_CIFAR10", str(named))
    monkeypatch.setattr(Path, part, refuse)
    message = f"^REPRODUCE_CIFAR10={named} cannot be used: cannot read {named}: Permission denied; make it readable"
    with pytest.raises(ReproduceError, match=message):
        acquire(samples.DATA, folder)
    assert list(folder.parent.iterdir()) == []


def test_named_folder_that_does_not_exist(tmp_path, folder, monkeypatch):
    monkeypatch.setenv("REPRODUCE_CIFAR10", str(tmp_path / "nowhere"))
    with pytest.raises(ReproduceError, match=r"REPRODUCE_CIFAR10=.*nowhere cannot be used: .*nowhere is not a folder"):
        acquire(samples.DATA, folder)
