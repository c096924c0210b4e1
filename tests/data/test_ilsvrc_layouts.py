"""Layouts of the ImageNet images as people have them: each gives the same names, classes and bytes as the archives."""

import os
import shutil
from pathlib import Path

import ilsvrc_oddities  # noqa: F401 - adds its layouts to the list
import pytest
from ilsvrc_layouts import LAYOUTS, SAMPLE, expected
from ilsvrc_samples import WNIDS, Miniature, tar_bytes, write

from reproduce.data.ilsvrc.pack import read_entry
from reproduce.data.ilsvrc.sources import Listing, list_source, survey_source

OLDER = Miniature(per_class=2, validation=4, smallest=24, year=2010)


def contents(listing: Listing) -> dict[str, list[tuple[str, str, bytes]]]:
    """Return name, class and bytes of every image in the order of the listing."""
    return {
        split: [(entry.name, entry.wnid, read_entry(entry)) for entry in entries]
        for split, entries in listing.splits.items()
    }


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
def test_every_layout_gives_the_names_classes_and_bytes_of_the_archives(tmp_path, layout):
    source = layout(tmp_path / "source")
    for subset in (False, True):
        listing = list_source(source, SAMPLE.edition, subset)
        assert contents(listing) == expected(SAMPLE)
    assert len(survey_source(source, SAMPLE.edition)) == 2


def older_archives(folder: Path) -> Path:
    return OLDER.write_archives(folder)


def older_archives_with_a_kit_of_the_first_name(folder: Path) -> Path:
    OLDER.write_archives(folder)
    (folder / "ILSVRC2010_devkit-1.0.tar.gz").rename(folder / "devkit-1.0.tar.gz")
    return folder


def older_flat_folders_with_labels(folder: Path) -> Path:
    OLDER.write_labels(folder)
    return OLDER.write_flat(folder)


def older_class_archives_and_class_folders(folder: Path) -> Path:
    OLDER.write_class_folders(folder)
    shutil.rmtree(folder / "train")
    OLDER.write_class_archives(folder / "train")
    return folder


def older_archives_with_patches(folder: Path) -> Path:
    """The contest's patch_images.tar holds whole copies of images that are blank in the other archives."""
    blank, (patched, _, content) = Miniature(per_class=2, validation=4, smallest=24, year=2010), OLDER.test[1]
    blank.test[1] = (patched, blank.test[1][1], b"blank")
    wnid, name = WNIDS[1], sorted(OLDER.training[WNIDS[1]])[0]
    blank.training[wnid][name] = b"blank"
    blank.write_archives(folder)
    patches = {f"patch_images/test/{patched}": content, f"patch_images/train/{name}": OLDER.training[wnid][name]}
    write(folder / "patch_images.tar", tar_bytes(patches))
    return folder


@pytest.mark.parametrize(
    "layout",
    [
        older_archives,
        older_archives_with_a_kit_of_the_first_name,
        older_flat_folders_with_labels,
        older_class_archives_and_class_folders,
        older_archives_with_patches,
    ],
)
def test_every_layout_of_2010_gives_the_same(tmp_path, layout):
    source = layout(tmp_path / "source")
    assert contents(list_source(source, OLDER.edition)) == expected(OLDER)
    assert len(survey_source(source, OLDER.edition)) == 3


@pytest.mark.parametrize("named", [".", "train", "../source/val"])
def test_a_relative_path_does_too(tmp_path, monkeypatch, named):
    source = SAMPLE.write_class_folders(tmp_path / "source")
    monkeypatch.chdir(source)
    assert contents(list_source(Path(named), SAMPLE.edition)) == expected(SAMPLE)


def test_the_named_folder_may_be_the_current_one(tmp_path, monkeypatch):
    monkeypatch.chdir(SAMPLE.write_class_folders(tmp_path / "source") / "train")
    assert contents(list_source(Path(), SAMPLE.edition)) == expected(SAMPLE)


def test_a_folder_for_the_administrator_alone_is_left_out(tmp_path, monkeypatch):
    source = SAMPLE.write_class_folders(tmp_path / "source")
    (source / "lost+found").mkdir()
    scandir = os.scandir

    def without_rights(folder):
        if Path(folder).name == "lost+found":
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", without_rights)
    assert contents(list_source(source, SAMPLE.edition)) == expected(SAMPLE)
