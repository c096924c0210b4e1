"""Odd names, links and leftovers among the ImageNet images: further layouts, as in ``ilsvrc_layouts``."""

import shutil
from collections.abc import Callable
from pathlib import Path

from ilsvrc_layouts import KAGGLE, SAMPLE, archives_beside_what_torchvision_unpacked, layout
from ilsvrc_samples import WNIDS, tar_bytes, write


def renamed(folder: Path, name: Callable[[Path], str]) -> Path:
    SAMPLE.write_class_folders(folder)
    for file in list(folder.glob("*/*/*.JPEG")):
        file.rename(file.with_name(name(file)))
    return folder


@layout
def class_appended_to_names(folder: Path) -> Path:
    return renamed(folder, lambda file: f"{file.stem}_{file.parent.name}.JPEG")


@layout
def class_appended_to_names_in_flat_folders(folder: Path) -> Path:
    class_appended_to_names(folder)
    for file in list(folder.glob("*/*/*.JPEG")):
        file.rename(file.parent.parent / file.name)
    return folder


@layout
def other_endings(folder: Path) -> Path:
    endings = (".jpg", ".jpeg", ".JPG", ".JPEG")
    return renamed(folder, lambda file: file.stem + endings[sum(map(ord, file.stem)) % 4])


@layout
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


@layout
def macos_leftovers_in_archives(folder: Path) -> Path:
    SAMPLE.write_archives(folder)
    classes = {}
    for wnid, files in SAMPLE.training.items():
        both = {name: content for file, content in files.items() for name in (f"._{file}", file)}
        classes |= {f"._{wnid}.tar": b"\0\5\26\7", f"{wnid}.tar": tar_bytes(both)}
    (folder / "ILSVRC2012_img_train.tar").write_bytes(tar_bytes(classes))
    return folder


@layout
def linked_class_folders(folder: Path) -> Path:
    SAMPLE.write_class_folders(folder.parent / f"{folder.name}-disk")
    for place in (folder.parent / f"{folder.name}-disk").glob("*/*"):
        (folder / place.parent.name).mkdir(parents=True, exist_ok=True)
        (folder / place.parent.name / place.name).symlink_to(place)
    return folder


@layout
def linked_splits_and_a_loop(folder: Path) -> Path:
    SAMPLE.write_class_folders(folder.parent / f"{folder.name}-disk")
    folder.mkdir()
    for split in ("train", "val"):
        (folder / split).symlink_to(folder.parent / f"{folder.name}-disk" / split)
    (folder / "again").symlink_to(folder)
    return folder


@layout
def empty_class_folder(folder: Path) -> Path:
    SAMPLE.write_class_folders(folder)
    (folder / "train" / "n09999999").mkdir()
    return folder


@layout
def another_size_beside(folder: Path) -> Path:
    SAMPLE.write_class_folders(folder)
    SAMPLE.write_training(folder / "train_resized")
    return folder


@layout
def sorted_val_beside_its_archive_without_the_kit(folder: Path) -> Path:
    archives_beside_what_torchvision_unpacked(folder)
    (folder / SAMPLE.edition.development_kit).unlink()
    return folder


@layout
def archives_left_in_the_folders_they_are_unpacked_into(folder: Path) -> Path:
    SAMPLE.write_archives(folder)
    for split in ("train", "val"):
        (folder / split).mkdir()
        (folder / SAMPLE.edition.archive(split)).rename(folder / split / SAMPLE.edition.archive(split))
    SAMPLE.write_training(folder / "train", WNIDS[:2])
    return folder


@layout
def class_folders_inside_class_folders(folder: Path) -> Path:
    SAMPLE.write_training(folder / "train", WNIDS[:1])
    SAMPLE.write_class_folders(folder / "other")
    (folder / "other" / "val").rename(folder / "val")
    for wnid in WNIDS[1:]:
        (folder / "train" / wnid).mkdir()
        (folder / "other" / "train" / wnid).rename(folder / "train" / wnid / wnid)
    shutil.rmtree(folder / "other")
    return folder


@layout
def linked_train_folder_named(folder: Path) -> Path:
    SAMPLE.write_class_folders(folder)
    (folder / "train").rename(folder.parent / "elsewhere")
    (folder / "train").symlink_to(folder.parent / "elsewhere")
    return folder / "train"


@layout
def linked_kaggle_folder(folder: Path) -> Path:
    SAMPLE.write_kaggle_folders(folder.parent / "disk")
    folder.symlink_to(folder.parent / "disk" / KAGGLE)
    return folder


@layout
def dogs_of_task_3_beside(folder: Path) -> Path:
    SAMPLE.write_archives(folder)
    write(folder / "ILSVRC2012_img_train_t3.tar", b"other images")
    write(folder / "ILSVRC2012_devkit_t3.tar.gz", b"another kit")
    write(folder / "ILSVRC2012_img_test_v10102019.tar", b"unlabeled")
    return folder


@layout
def images_left_beside_the_folder_they_were_moved_into(folder: Path) -> Path:
    SAMPLE.write_class_folders(folder)
    name, _, content = SAMPLE.validation[0]
    write(folder / name, content)
    return folder


@layout
def wrong_class_folders_in_a_folder_of_another_task(folder: Path) -> Path:
    """The detection task's images have names like those of classification."""
    SAMPLE.write_kaggle_folders(folder)
    data = folder / "ILSVRC" / "Data"
    write(data / "DET" / "val" / SAMPLE.validation[0][0], b"another image")
    write(data / "DET" / "train" / WNIDS[0] / f"{WNIDS[0]}_1.JPEG", b"another image")
    return folder
