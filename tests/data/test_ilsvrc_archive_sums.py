"""Known sums of the official archives, before hours are spent on what differs from them."""

import dataclasses

import pytest
from ilsvrc_samples import Miniature
from prepare_support import prepare_miniature, use_own_folders

from reproduce.base.errors import ReproduceError
from reproduce.base.files import file_digest
from reproduce.data.ilsvrc import archive_sums

SAMPLE = Miniature(per_class=2, validation=3)
NAMES = [SAMPLE.edition.archive(split) for split in ("train", "val")]


@pytest.fixture
def source(tmp_path, monkeypatch):
    use_own_folders(tmp_path, monkeypatch)
    return SAMPLE.write_archives(tmp_path / "source")


@pytest.fixture
def edition(source):
    """Return the miniature as an edition whose archives have known sums."""
    sums = {name: ((source / name).stat().st_size, file_digest(source / name)) for name in NAMES}
    return dataclasses.replace(SAMPLE.edition, archive_sums=sums)


@pytest.mark.parametrize("subset", [False, True])
def test_one_changed_byte_of_an_archive_is_found_before_anything_is_packed(
    tmp_path, monkeypatch, source, edition, subset
):
    monkeypatch.setattr("reproduce.data.ilsvrc.editions.RESULTS", tmp_path / "results")
    content = bytearray((source / NAMES[0]).read_bytes())
    content[content.index(b"JFIF") + 7] ^= 1  # the density of pixels: every image can still be decoded
    (source / NAMES[0]).write_bytes(content)
    with pytest.raises(ReproduceError, match=rf"{NAMES[0]} has SHA-256 \w+, the official one has \w+; get it again"):
        prepare_miniature(source, edition=edition, subset=subset)
    assert not list((tmp_path / "packed").rglob("shard*"))


def test_a_right_archive_is_read_once_for_its_sum_until_it_changes(source, edition, monkeypatch):
    read = []
    monkeypatch.setattr(archive_sums, "file_digest", lambda path, count: read.append(path.name) or file_digest(path))
    folder = prepare_miniature(source, edition=edition)
    assert read == NAMES
    prepare_miniature(source, edition=edition)
    (folder / "val" / "shard-00000.npy").unlink()
    prepare_miniature(source, edition=edition)
    assert read == NAMES
    (source / NAMES[1]).touch()
    (folder / "val" / "shard-00000.npy").unlink()
    prepare_miniature(source, edition=edition)
    assert read == [*NAMES, NAMES[1]]


def test_a_part_of_the_edition_in_an_archive_of_its_own_has_no_known_sum(source, edition):
    part = Miniature(per_class=1, validation=2)
    part.write_archives(source)
    prepare_miniature(source, edition=edition)


def test_a_damaged_record_of_sums_is_made_again(tmp_path, source, edition):
    (tmp_path / "scratch").mkdir()
    (tmp_path / "scratch" / "archive_sums.json").write_text("{")
    prepare_miniature(source, edition=edition)
    assert NAMES[0] in (tmp_path / "scratch" / "archive_sums.json").read_text()
