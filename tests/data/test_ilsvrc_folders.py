"""Folders of ImageNet images with copies, contradictions, broken links or wrong counts: one line names the fault."""

import os
import shutil

import pytest
from ilsvrc_layouts import SAMPLE
from ilsvrc_samples import WNIDS, write
from refusal_support import MODES, refused

from reproduce.data.ilsvrc import layouts
from reproduce.data.ilsvrc.sources import list_source

FIRST = SAMPLE.validation[0]


@MODES
@pytest.mark.parametrize("copy", ["{0} (1).JPEG", "{0} copy.JPEG", "Copy of {0}.JPEG", "{0}_a.JPEG", "{0}.JPEG.jpg"])
def test_a_copy_of_an_image(tmp_path, subset, copy):
    SAMPLE.write_class_folders(tmp_path)
    image = next((tmp_path / "train" / WNIDS[0]).iterdir())
    shutil.copy(image, image.with_name(copy.format(image.stem)))
    refused(
        tmp_path,
        r"n01440764_\d+.*: images of ILSVRC-2012 are named like n01440764_10026.JPEG; this looks like a",
        subset,
    )


@MODES
@pytest.mark.parametrize("copy", ["{wnid} (1)", "{wnid} copy", "{wnid}_tench", "{wnid} (1).tar"])
def test_a_copy_of_a_class(tmp_path, subset, copy):
    SAMPLE.write_class_folders(tmp_path)
    path = tmp_path / "train" / copy.format(wnid=WNIDS[0])
    write(path, b"") if path.suffix == ".tar" else path.mkdir()
    refused(tmp_path, rf"looks like a copy of class {WNIDS[0]}; rename it to the WordNet id alone", subset)


@MODES
@pytest.mark.parametrize("split", ["train", "val"])
def test_the_same_image_twice(tmp_path, subset, split):
    SAMPLE.write_class_folders(tmp_path)
    image = next((tmp_path / split).glob("*/*.JPEG"))
    shutil.copy(image, image.with_suffix(".jpg"))
    refused(tmp_path, rf"{image.name} is there twice, in .*{image.name} and .*{image.stem}.jpg; remove one", subset)


def test_the_same_image_flat_and_sorted(tmp_path):
    SAMPLE.write_labels(SAMPLE.write_class_folders(tmp_path))
    name, _, content = FIRST
    write(tmp_path / "val" / name, content)
    refused(tmp_path, rf"{name} is there twice, in .*; remove one")


@MODES
@pytest.mark.parametrize("name", [f"{WNIDS[0]}_3.JPEG", f"{WNIDS[1]}_999_{WNIDS[0]}.JPEG"])
def test_an_image_whose_name_tells_another_class_than_its_folder(tmp_path, subset, name):
    write(SAMPLE.write_class_folders(tmp_path) / "train" / WNIDS[1] / name, b"")
    told = f"{WNIDS[0]} and {WNIDS[1]}"
    refused(tmp_path, rf"{WNIDS[1]}/{name}: its name and its folder give different classes, {told}; move it", subset)


@pytest.mark.parametrize("place", ["train", f"train/{WNIDS[0]}", f"train/{WNIDS[0]}/{WNIDS[0]}_3.JPEG", "val"])
def test_a_link_that_leads_nowhere(tmp_path, place):
    SAMPLE.write_class_folders(tmp_path)
    path = tmp_path / place
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    path.symlink_to(tmp_path / "gone")
    refused(tmp_path, rf"{place} is a link to .*/gone, which does not exist; make that folder or remove the link")


def test_two_places_that_are_equally_near(tmp_path):
    for name in ("a", "b"):
        SAMPLE.write_class_folders(tmp_path / name)
    refused(tmp_path, r"/a/train and .*/b/train both look like the train images; name a folder with only one")


def test_a_class_folder_with_images_that_its_archive_lacks(tmp_path):
    SAMPLE.write_class_archives(SAMPLE.write_class_folders(tmp_path) / "train")
    write(tmp_path / "train" / WNIDS[0] / f"{WNIDS[0]}_999.JPEG", b"")
    refused(tmp_path, rf"{WNIDS[0]} holds 1 images that {WNIDS[0]}.tar beside it lacks \(one is .*_999.JPEG\); get")


def test_folders_named_by_words_or_numbers_are_shown(tmp_path):
    for split in ("train", "val"):
        for number in range(8):
            write(tmp_path / split / str(number) / "1.JPEG", b"")
    shown = r"found: .*/train \(8 folders not named by WordNet ids\), .*/val \(8 .*\); expected: for train"
    said = refused(tmp_path, f"holds no train and no val images of ILSVRC-2012; {shown}")
    assert "train/ with <WordNet id>/*.JPEG or <WordNet id>.tar" in said
    write(SAMPLE.write_flat(tmp_path / "other") / "val" / "0" / "1.JPEG", b"")
    refused(tmp_path / "other", r"val has 6 images whose class no file names")


def test_counts_say_what_was_found(tmp_path):
    SAMPLE.write_class_folders(tmp_path)
    next((tmp_path / "train" / WNIDS[2]).iterdir()).unlink()
    for image in (tmp_path / "train" / WNIDS[3]).iterdir():
        image.unlink()
    refused(
        tmp_path,
        r"has 8 train images, ILSVRC-2012 has 12; found: 3 classes, fewest images \(2\) in "
        rf"{WNIDS[2]}, 1 class folders without images \(one is {WNIDS[3]}\) in .*train; complete it, or pass --subset",
    )


def test_names_of_a_whole_edition_are_the_official_ones(tmp_path):
    SAMPLE.write_class_folders(tmp_path)
    image = next((tmp_path / "train" / WNIDS[0]).iterdir())
    image.rename(image.with_name("tench.JPEG"))
    refused(tmp_path, rf"{WNIDS[0]}/tench.JPEG in .* is not named like the images of ILSVRC-2012 \(n01440764_10026")
    assert len(list_source(tmp_path, SAMPLE.edition, subset=True).splits["train"]) == 12


def test_a_folder_too_large_to_search(tmp_path, monkeypatch):
    monkeypatch.setattr(layouts, "_MOST_FOLDERS", 20)
    for number in range(30):
        (tmp_path / f"project{number}").mkdir()
    refused(tmp_path, r"holds more than 20 folders; name the one with the images")


@MODES
def test_pipes_in_the_place_of_files_are_never_waited_for(tmp_path, subset):
    source = SAMPLE.write_flat(tmp_path)
    for name in ("LOC_val_solution.csv", SAMPLE.edition.development_kit, "other"):
        os.mkfifo(source / name)
    refused(source, "val has 6 images whose class no file names", subset)
    image = next((source / "train" / WNIDS[0]).iterdir())
    image.unlink()
    os.mkfifo(image)
    refused(source, rf"{image.name} is no plain file; remove it or get it again", subset)


@MODES
def test_a_folder_in_an_image_s_place(tmp_path, subset):
    SAMPLE.write_class_folders(tmp_path)
    image = next((tmp_path / "train" / WNIDS[0]).iterdir())
    image.unlink()
    image.mkdir()
    refused(tmp_path, rf"{image.name} is a folder where an image should be", subset)


@MODES
@pytest.mark.parametrize("count", [1, 4])
def test_class_folders_in_capitals(tmp_path, subset, count):
    SAMPLE.write_class_folders(tmp_path)
    for wnid in WNIDS[:count]:
        (tmp_path / "train" / wnid).rename(tmp_path / "train" / wnid.upper())
    refused(tmp_path, r"train/N\d{8}: WordNet ids begin with a small n; rename it to n\d{8}", subset)


@MODES
def test_official_images_in_folders_named_by_numbers(tmp_path, subset):
    SAMPLE.write_class_folders(tmp_path)
    for number, place in enumerate(sorted((tmp_path / "val").iterdir())):
        place.rename(place.with_name(str(number)))
    refused(
        tmp_path,
        r"val holds the val images in folders not named by WordNet ids \(0, 1, ...\); rename them to WordNet ids",
        subset,
    )


@MODES
def test_a_name_that_is_no_utf_8(tmp_path, subset):
    SAMPLE.write_class_folders(tmp_path)
    image = next((tmp_path / "train" / WNIDS[0]).iterdir())
    image.rename(image.with_name(os.fsdecode(b"caf\xe9.JPEG")))
    refused(tmp_path, r"this name is not UTF-8, so no list of images can hold it; rename the file", subset)
