"""Layouts of the ImageNet images as people have them: each gives the same names, classes and bytes as the archives."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from ilsvrc_samples import WNIDS, Miniature, tar_bytes, write

from reproduce.data.ilsvrc.pack import read_entry
from reproduce.data.ilsvrc.sources import Listing, list_source, survey_source

SAMPLE = Miniature(per_class=3, validation=6, smallest=24)
OLDER = Miniature(per_class=2, validation=4, smallest=24, year=2010)
KAGGLE = Path("ILSVRC", "Data", "CLS-LOC")


def contents(listing: Listing) -> dict[str, list[tuple[str, str, bytes]]]:
    """Return name, class and bytes of every image in the order of the listing."""
    return {
        split: [(entry.name, entry.wnid, read_entry(entry)) for entry in entries]
        for split, entries in listing.splits.items()
    }


def expected(sample: Miniature) -> dict[str, list[tuple[str, str, bytes]]]:
    """Return what the official archives of a sample hold, sorted by name."""
    training = [
        (f"{wnid}/{name}", wnid, content) for wnid, files in sample.training.items() for name, content in files.items()
    ]
    return {"train": sorted(training), **{split: sorted(labeled) for split, labeled in sample.labeled.items()}}


def class_folders(folder: Path) -> Path:
    return SAMPLE.write_class_folders(folder)


def flat_val_with_the_kit(folder: Path) -> Path:
    SAMPLE.write_labels(folder)
    return SAMPLE.write_flat(folder)


def flat_val_with_the_kit_unpacked(folder: Path) -> Path:
    return SAMPLE.write_kit(SAMPLE.write_flat(folder))


def flat_val_with_the_kit_unzipped_by_a_browser(folder: Path) -> Path:
    write(folder / "ILSVRC2012_devkit_t12.tar", tar_bytes(SAMPLE.kit_files()))
    return SAMPLE.write_flat(folder)


def flat_val_with_the_files_of_the_kit_alone(folder: Path) -> Path:
    for name, content in SAMPLE.kit_files().items():
        write(folder / Path(name).name, content)
    return SAMPLE.write_flat(folder)


def flat_val_with_the_kit_beside_the_named_folder(folder: Path) -> Path:
    SAMPLE.write_kit(folder)
    return SAMPLE.write_flat(folder / "images")


def flat_val_with_torchvisions_meta(folder: Path) -> Path:
    SAMPLE.write_flat(folder)
    torch.save((dict.fromkeys(WNIDS, ("a thing",)), [wnid for _, wnid, _ in SAMPLE.validation]), folder / "meta.bin")
    return folder


def flat_val_with_kaggles_list(folder: Path) -> Path:
    SAMPLE.write_solution(folder)
    return SAMPLE.write_flat(folder)


def kaggle(folder: Path) -> Path:
    return SAMPLE.write_kaggle_folders(folder)


def kaggle_with_what_else_it_holds(folder: Path) -> Path:
    SAMPLE.write_kaggle_folders(folder)
    write(folder / KAGGLE / "test" / "ILSVRC2012_test_00000001.JPEG", b"unlabeled")
    write(folder / "ILSVRC" / "Annotations" / "CLS-LOC" / "train" / WNIDS[0] / f"{WNIDS[0]}_3.xml", b"<box/>")
    write(folder / "ILSVRC" / "ImageSets" / "CLS-LOC" / "val.txt", b"ILSVRC2012_val_00000001 1\n")
    write(folder / "LOC_synset_mapping.txt", b"n01440764 tench\n")
    return folder


def above_kaggle(folder: Path) -> Path:
    SAMPLE.write_kaggle_folders(folder / "imagenet-object-localization-challenge")
    return folder


def inside_kaggle(*names: str) -> Callable[[Path], Path]:
    return lambda folder: SAMPLE.write_kaggle_folders(folder).joinpath(*names)


def kaggle_unzipped_into_a_folder_of_its_own_name(folder: Path) -> Path:
    SAMPLE.write_solution(folder)
    SAMPLE.write_flat(folder / "ILSVRC" / KAGGLE)
    return folder


def train_folder_named(folder: Path) -> Path:
    return SAMPLE.write_class_folders(folder) / "train"


def val_folder_named(folder: Path) -> Path:
    return SAMPLE.write_class_folders(folder) / "val"


def archives_below(folder: Path) -> Path:
    SAMPLE.write_archives(folder / "downloads")
    return folder


def archives_beside_what_torchvision_unpacked(folder: Path) -> Path:
    return SAMPLE.write_class_folders(SAMPLE.write_archives(folder))


def archive_of_val_beside_class_folders(folder: Path) -> Path:
    SAMPLE.write_archives(folder)
    (folder / "ILSVRC2012_img_train.tar").unlink()
    SAMPLE.write_training(folder / "train")
    return folder


def archive_of_train_beside_flat_val(folder: Path) -> Path:
    SAMPLE.write_archives(folder)
    (folder / "ILSVRC2012_img_val.tar").unlink()
    SAMPLE.write_flat(folder)
    shutil.rmtree(folder / "train")
    return folder


def archive_of_class_folders(folder: Path) -> Path:
    SAMPLE.write_archives(folder)
    files = {
        f"train/{wnid}/{name}": content for wnid, names in SAMPLE.training.items() for name, content in names.items()
    }
    (folder / "ILSVRC2012_img_train.tar").write_bytes(tar_bytes(files))
    return folder


def class_archives(folder: Path) -> Path:
    SAMPLE.write_class_folders(folder)
    shutil.rmtree(folder / "train")
    SAMPLE.write_class_archives(folder / "train")
    return folder


def class_archives_beside_class_folders(folder: Path) -> Path:
    SAMPLE.write_class_archives(folder / "train")
    return SAMPLE.write_class_folders(folder)


def class_archives_unpacked_in_part(folder: Path) -> Path:
    """Two classes are still archives, one folder is begun, one is empty, one class has only its folder."""
    SAMPLE.write_class_folders(folder)
    for wnid in WNIDS[:2]:
        shutil.rmtree(folder / "train" / wnid)
    SAMPLE.write_class_archives(folder / "train", WNIDS[:3])
    (folder / "train" / WNIDS[1]).mkdir()
    next((folder / "train" / WNIDS[2]).iterdir()).unlink()
    return folder


def all_classes_unpacked_into_one_folder(folder: Path) -> Path:
    SAMPLE.write_class_folders(folder)
    for place in list((folder / "train").iterdir()):
        for file in place.iterdir():
            file.rename(folder / "train" / file.name)
        place.rmdir()
    return folder


def val_unpacked_beside_train(folder: Path) -> Path:
    SAMPLE.write_labels(folder)
    SAMPLE.write_training(folder / "train")
    for name, _, content in SAMPLE.validation:
        write(folder / name, content)
    return folder


def val_sorted_in_part(folder: Path) -> Path:
    flat_val_with_the_kit(folder)
    for name, wnid, _ in SAMPLE.validation[:3]:
        (folder / "val" / wnid).mkdir(exist_ok=True)
        (folder / "val" / name).rename(folder / "val" / wnid / name)
    return folder


def folders_named_after_the_archives(folder: Path) -> Path:
    SAMPLE.write_class_folders(folder)
    for split in ("train", "val"):
        (folder / split).rename(folder / f"ILSVRC2012_img_{split}")
    return folder


def long_names_of_folders(folder: Path) -> Path:
    SAMPLE.write_class_folders(folder)
    (folder / "train").rename(folder / "Training")
    (folder / "val").rename(folder / "validation")
    return folder


def renamed(folder: Path, name: Callable[[Path], str]) -> Path:
    SAMPLE.write_class_folders(folder)
    for file in list(folder.glob("*/*/*.JPEG")):
        file.rename(file.with_name(name(file)))
    return folder


def class_appended_to_names(folder: Path) -> Path:
    return renamed(folder, lambda file: f"{file.stem}_{file.parent.name}.JPEG")


def class_appended_to_names_in_flat_folders(folder: Path) -> Path:
    class_appended_to_names(folder)
    for file in list(folder.glob("*/*/*.JPEG")):
        file.rename(file.parent.parent / file.name)
    return folder


def other_endings(folder: Path) -> Path:
    endings = (".jpg", ".jpeg", ".JPG", ".JPEG")
    return renamed(folder, lambda file: file.stem + endings[sum(map(ord, file.stem)) % 4])


def macos_leftovers(folder: Path) -> Path:
    SAMPLE.write_class_folders(folder)
    for file in list(folder.glob("*/*/*.JPEG")):
        write(file.with_name(f"._{file.name}"), b"\0\5\26\7")
        write(file.with_name(".DS_Store"), b"Bud1")
        write(folder / "__MACOSX" / file.relative_to(folder).with_name(f"._{file.name}"), b"\0\5\26\7")
    write(folder / "train" / f"._{WNIDS[0]}", b"\0\5\26\7")
    write(folder / ".DS_Store", b"Bud1")
    write(folder / "train" / WNIDS[0] / "Thumbs.db", b"thumbs")
    return folder


def macos_leftovers_in_archives(folder: Path) -> Path:
    SAMPLE.write_archives(folder)
    classes = {}
    for wnid, files in SAMPLE.training.items():
        both = {name: content for file, content in files.items() for name in (f"._{file}", file)}
        classes |= {f"._{wnid}.tar": b"\0\5\26\7", f"{wnid}.tar": tar_bytes(both)}
    (folder / "ILSVRC2012_img_train.tar").write_bytes(tar_bytes(classes))
    return folder


def linked_class_folders(folder: Path) -> Path:
    SAMPLE.write_class_folders(folder.parent / f"{folder.name}-disk")
    for place in (folder.parent / f"{folder.name}-disk").glob("*/*"):
        (folder / place.parent.name).mkdir(parents=True, exist_ok=True)
        (folder / place.parent.name / place.name).symlink_to(place)
    return folder


def linked_splits_and_a_loop(folder: Path) -> Path:
    SAMPLE.write_class_folders(folder.parent / f"{folder.name}-disk")
    folder.mkdir()
    for split in ("train", "val"):
        (folder / split).symlink_to(folder.parent / f"{folder.name}-disk" / split)
    (folder / "again").symlink_to(folder)
    return folder


def empty_class_folder(folder: Path) -> Path:
    SAMPLE.write_class_folders(folder)
    (folder / "train" / "n09999999").mkdir()
    return folder


def another_size_beside(folder: Path) -> Path:
    SAMPLE.write_class_folders(folder)
    SAMPLE.write_training(folder / "train_resized")
    return folder


def sorted_val_beside_its_archive_without_the_kit(folder: Path) -> Path:
    archives_beside_what_torchvision_unpacked(folder)
    (folder / SAMPLE.edition.development_kit).unlink()
    return folder


def archives_left_in_the_folders_they_are_unpacked_into(folder: Path) -> Path:
    SAMPLE.write_archives(folder)
    for split in ("train", "val"):
        (folder / split).mkdir()
        (folder / SAMPLE.edition.archive(split)).rename(folder / split / SAMPLE.edition.archive(split))
    SAMPLE.write_training(folder / "train", WNIDS[:2])
    return folder


def class_folders_inside_class_folders(folder: Path) -> Path:
    SAMPLE.write_training(folder / "train", WNIDS[:1])
    SAMPLE.write_class_folders(folder / "other")
    (folder / "other" / "val").rename(folder / "val")
    for wnid in WNIDS[1:]:
        (folder / "train" / wnid).mkdir()
        (folder / "other" / "train" / wnid).rename(folder / "train" / wnid / wnid)
    shutil.rmtree(folder / "other")
    return folder


def linked_train_folder_named(folder: Path) -> Path:
    SAMPLE.write_class_folders(folder)
    (folder / "train").rename(folder.parent / "elsewhere")
    (folder / "train").symlink_to(folder.parent / "elsewhere")
    return folder / "train"


def linked_kaggle_folder(folder: Path) -> Path:
    SAMPLE.write_kaggle_folders(folder.parent / "disk")
    folder.symlink_to(folder.parent / "disk" / KAGGLE)
    return folder


def dogs_of_task_3_beside(folder: Path) -> Path:
    SAMPLE.write_archives(folder)
    write(folder / "ILSVRC2012_img_train_t3.tar", b"other images")
    write(folder / "ILSVRC2012_devkit_t3.tar.gz", b"another kit")
    write(folder / "ILSVRC2012_img_test_v10102019.tar", b"unlabeled")
    return folder


LAYOUTS = [
    class_folders,
    flat_val_with_the_kit,
    flat_val_with_the_kit_unpacked,
    flat_val_with_the_kit_unzipped_by_a_browser,
    flat_val_with_the_files_of_the_kit_alone,
    flat_val_with_the_kit_beside_the_named_folder,
    flat_val_with_torchvisions_meta,
    flat_val_with_kaggles_list,
    kaggle,
    kaggle_with_what_else_it_holds,
    above_kaggle,
    pytest.param(inside_kaggle("ILSVRC"), id="inside_kaggle"),
    pytest.param(inside_kaggle("ILSVRC", "Data"), id="data_of_kaggle"),
    pytest.param(inside_kaggle(*KAGGLE.parts), id="cls_loc_of_kaggle"),
    pytest.param(inside_kaggle(*KAGGLE.parts, "train"), id="train_of_kaggle"),
    pytest.param(inside_kaggle(*KAGGLE.parts, "val"), id="val_of_kaggle"),
    kaggle_unzipped_into_a_folder_of_its_own_name,
    train_folder_named,
    val_folder_named,
    archives_below,
    archives_beside_what_torchvision_unpacked,
    archive_of_val_beside_class_folders,
    archive_of_train_beside_flat_val,
    archive_of_class_folders,
    class_archives,
    class_archives_beside_class_folders,
    class_archives_unpacked_in_part,
    all_classes_unpacked_into_one_folder,
    val_unpacked_beside_train,
    val_sorted_in_part,
    folders_named_after_the_archives,
    long_names_of_folders,
    class_appended_to_names,
    class_appended_to_names_in_flat_folders,
    other_endings,
    macos_leftovers,
    macos_leftovers_in_archives,
    linked_class_folders,
    linked_splits_and_a_loop,
    empty_class_folder,
    another_size_beside,
    dogs_of_task_3_beside,
    sorted_val_beside_its_archive_without_the_kit,
    archives_left_in_the_folders_they_are_unpacked_into,
    class_folders_inside_class_folders,
    linked_kaggle_folder,
    linked_train_folder_named,
]


@pytest.mark.parametrize("layout", LAYOUTS)
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
