"""Getting official files: sources in order, sums, links, and what a failure leaves."""

import errno
from pathlib import Path

import cifar10_samples as samples
import pytest

from reproduce.base.errors import ReproduceError
from reproduce.data.acquire import acquire, prepare
from reproduce.data.official import SourceError


@pytest.fixture(autouse=True)
def scratch(tmp_path, monkeypatch) -> Path:
    return samples.use_scratch(tmp_path, monkeypatch)


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "data" / "cifar10"


def _refuse(folder):
    (folder / "data_batch_1.bin").write_bytes(b"half of a fi")
    raise SourceError("the server is on holiday")


def _bring_other_pixels(folder):
    samples.write_binary(folder)
    (folder / "data_batch_2.bin").write_bytes(b"\0" * 12292)
    return folder


# Order of the sources, and the sums


def test_refusal_is_printed_and_the_next_source_is_used(folder, capsys):
    acquire(samples.data_from(("first", _refuse), ("second", samples.write_binary)), folder)
    assert samples.contents(folder) == samples.CONTENTS
    assert capsys.readouterr().out.splitlines() == [
        "CIFAR-10: trying first",
        "CIFAR-10: not from there: the server is on holiday",
        "CIFAR-10: trying second",
    ]


def test_nothing_of_a_refusing_source_survives(folder, scratch):
    def bring_half(place):
        samples.write_binary(place)
        (place / "test_batch.bin").unlink()
        (place / "cifar-10-binary.tar.gz").write_bytes(samples.binary_archive()[:-2000])
        for name in samples.NAMES[:2]:
            (place / name).unlink()
        return place

    def check_and_bring(place):
        assert [path.name for path in folder.parent.iterdir()] == [".cifar10.part"]
        assert list((folder.parent / ".cifar10.part").iterdir()) == []
        assert [path.name for path in scratch.iterdir()] == [place.name]
        return samples.write_binary(place)

    acquire(samples.data_from(("first", bring_half), ("second", check_and_bring)), folder)
    assert samples.contents(folder) == samples.CONTENTS
    assert list(scratch.iterdir()) == []


def test_when_all_refuse_the_error_lists_them_and_the_variable(folder):
    with pytest.raises(ReproduceError) as caught:
        acquire(samples.data_from(("first", _refuse), ("second", _refuse)), folder)
    message = str(caught.value)
    assert "(the server is on holiday; the server is on holiday); set REPRODUCE_CIFAR10 to a folder" in message
    assert "\n" not in message
    assert list(folder.parent.iterdir()) == []


def test_wrong_sum_names_file_and_both_sums_and_leaves_nothing(folder):
    with pytest.raises(ReproduceError) as caught:
        acquire(samples.data_from(("a mirror", _bring_other_pixels)), folder)
    zeros_md5 = "d90545d1fc8f3194337c9606b90bdad2"
    expected_words = f"data_batch_2.bin from a mirror has MD5 {zeros_md5}, expected {samples.BATCHES[1].md5}"
    assert expected_words in str(caught.value)
    assert list(folder.parent.iterdir()) == []


def test_wrong_sum_leaves_earlier_data_as_it_was(folder):
    samples.write_binary(folder)
    with pytest.raises(ReproduceError):
        acquire(samples.data_from(("a mirror", _bring_other_pixels)), folder)
    assert samples.contents(folder) == samples.CONTENTS


def test_leftovers_of_a_killed_preparation_are_removed(folder, scratch):
    for leftover in (
        folder.with_name(".cifar10.part"),
        folder.with_name(".cifar10.old"),
        scratch / "cifar10-temporary-a1b2c3d4",
    ):
        samples.write_binary(leftover)
    acquire(samples.data_from(("only", samples.write_binary)), folder)
    assert [path.name for path in folder.parent.iterdir()] == ["cifar10"]
    assert list(scratch.iterdir()) == []


def test_sound_data_are_settled_too(folder, scratch, tmp_path):
    """The kill came after the new folder took its place, so nothing is fetched again."""
    samples.write_binary(folder)
    samples.write_binary(folder.with_name(".cifar10.old"))
    prepare(samples.data_from(("never", pytest.fail)), folder, tmp_path / "statistics")
    assert [path.name for path in folder.parent.iterdir()] == ["cifar10"]


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
        acquire(samples.DATA, folder)
    assert list(folder.parent.iterdir()) == []


def test_unwritable_data_folder_is_found_before_anything_is_fetched(tmp_path):
    (tmp_path / "data").write_text("a file")
    with pytest.raises(ReproduceError, match=r"^cannot write .*data/cifar10: Not a directory"):
        acquire(samples.data_from(("never", pytest.fail)), tmp_path / "data" / "cifar10")


# Symbolic links


def test_a_linked_folder_is_followed_and_stays_a_link(tmp_path, folder):
    elsewhere = tmp_path / "disk" / "pictures"
    samples.write_binary(elsewhere)
    (elsewhere / "test_batch.bin").write_bytes(b"damaged")
    folder.parent.mkdir()
    folder.symlink_to(elsewhere)
    acquire(samples.data_from(("only", samples.write_binary)), folder)
    assert folder.readlink() == elsewhere
    assert samples.contents(elsewhere) == samples.CONTENTS
    assert [path.name for path in folder.parent.iterdir()] == ["cifar10"]
    assert [path.name for path in elsewhere.parent.iterdir()] == ["pictures"]


def test_a_refusal_leaves_a_linked_folder_as_it_was(tmp_path, folder):
    elsewhere = samples.write_binary(tmp_path / "disk")
    folder.parent.mkdir()
    folder.symlink_to(elsewhere)
    with pytest.raises(ReproduceError, match="on holiday"):
        acquire(samples.data_from(("only", _refuse)), folder)
    assert folder.readlink() == elsewhere and samples.contents(elsewhere) == samples.CONTENTS


def test_a_linked_parent_is_followed(tmp_path, folder):
    (tmp_path / "disk").mkdir()
    folder.parent.symlink_to(tmp_path / "disk")
    acquire(samples.data_from(("only", samples.write_binary)), folder)
    assert folder.parent.is_symlink()
    assert samples.contents(tmp_path / "disk" / "cifar10") == samples.CONTENTS


@pytest.mark.parametrize("link", ["data", "data/cifar10"])
def test_a_link_that_dangles_is_named_before_anything_is_fetched(tmp_path, folder, link):
    (tmp_path / link).parent.mkdir(exist_ok=True)
    (tmp_path / link).symlink_to(tmp_path / "gone")
    message = rf"^\S*{link} is a link to \S*gone, which does not exist; make that folder or remove the link$"
    with pytest.raises(ReproduceError, match=message):
        acquire(samples.data_from(("never", pytest.fail)), folder)
    assert (tmp_path / link).is_symlink() and not (tmp_path / "gone").exists()


def test_a_file_in_the_folders_place_is_named_and_kept(folder):
    folder.parent.mkdir()
    folder.write_text("notes")
    with pytest.raises(ReproduceError, match=r"data/cifar10 is a file where a folder should be; move it away$"):
        acquire(samples.data_from(("never", pytest.fail)), folder)
    assert folder.read_text() == "notes"
