"""A folder of CIFAR-10 that the user names: every layout is read, and an unusable one is an error."""

import pickle
from pathlib import Path

import cifar10_samples as samples
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


def _truncated_archive(named):
    (named / "cifar-10-binary.tar.gz").write_bytes(samples.binary_archive()[:-2000])


def _archive_of_something_else(named):
    (named / "cifar-10-binary.tar.gz").write_bytes(samples.archive({"readme.txt": b"hello"}))


@pytest.mark.parametrize(
    ("layout", "reason"),
    [
        (_empty, "holds neither the batches nor cifar-10-batches-bin, cifar-10-batches-py"),
        (_one_batch_short, "named lacks test_batch.bin"),
        (_foreign_pickle, "the Python batch data_batch_1 has MD5 "),
        (_truncated_pickle, "the Python batch data_batch_2 has MD5 "),
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
    assert str(caught.value).startswith(f"REPRODUCE_CIFAR10={named} cannot be used: ")
    assert reason in str(caught.value)
    assert list(folder.parent.iterdir()) == []


def test_named_folder_that_does_not_exist(tmp_path, folder, monkeypatch):
    monkeypatch.setenv("REPRODUCE_CIFAR10", str(tmp_path / "nowhere"))
    with pytest.raises(ReproduceError, match=r"REPRODUCE_CIFAR10=.*nowhere cannot be used: .*nowhere is not a folder"):
        acquire(samples.DATA, folder)
