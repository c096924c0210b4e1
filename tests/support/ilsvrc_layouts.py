"""Layouts in which people keep the ImageNet images and their labels.

Each function writes one layout below a folder and returns the folder that the user names. ``LAYOUTS`` lists them.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import torch
from ilsvrc_samples import WNIDS, Miniature, tar_bytes, write

SAMPLE = Miniature(per_class=3, validation=6, smallest=24)
KAGGLE = Path("ILSVRC", "Data", "CLS-LOC")
Write = Callable[[Path], Path]
LAYOUTS: list[Write] = []


def layout(function: Write) -> Write:
    """Add a function to ``LAYOUTS``."""
    LAYOUTS.append(function)
    return function


def expected(sample: Miniature) -> dict[str, list[tuple[str, str, bytes]]]:
    """Return the images and labels that the official archives of a sample hold, sorted by name."""
    training = [
        (f"{wnid}/{name}", wnid, content) for wnid, files in sample.training.items() for name, content in files.items()
    ]
    return {"train": sorted(training), **{split: sorted(labeled) for split, labeled in sample.labeled.items()}}


@layout
def class_folders(folder: Path) -> Path:
    return SAMPLE.write_class_folders(folder)


@layout
def flat_val_with_the_kit(folder: Path) -> Path:
    SAMPLE.write_labels(folder)
    return SAMPLE.write_flat(folder)


@layout
def flat_val_with_the_kit_unpacked(folder: Path) -> Path:
    return SAMPLE.write_kit(SAMPLE.write_flat(folder))


@layout
def flat_val_with_the_kit_unzipped_by_a_browser(folder: Path) -> Path:
    write(folder / "ILSVRC2012_devkit_t12.tar", tar_bytes(SAMPLE.kit_files()))
    return SAMPLE.write_flat(folder)


@layout
def flat_val_with_the_files_of_the_kit_alone(folder: Path) -> Path:
    for name, content in SAMPLE.kit_files().items():
        write(folder / Path(name).name, content)
    return SAMPLE.write_flat(folder)


@layout
def flat_val_with_the_kit_beside_the_named_folder(folder: Path) -> Path:
    SAMPLE.write_kit(folder)
    return SAMPLE.write_flat(folder / "images")


@layout
def flat_val_with_torchvisions_meta(folder: Path) -> Path:
    SAMPLE.write_flat(folder)
    torch.save((dict.fromkeys(WNIDS, ("a thing",)), [wnid for _, wnid, _ in SAMPLE.validation]), folder / "meta.bin")
    return folder


@layout
def flat_val_with_kaggles_list(folder: Path) -> Path:
    SAMPLE.write_solution(folder)
    return SAMPLE.write_flat(folder)


@layout
def kaggle(folder: Path) -> Path:
    return SAMPLE.write_kaggle_folders(folder)


@layout
def kaggle_with_what_else_it_holds(folder: Path) -> Path:
    SAMPLE.write_kaggle_folders(folder)
    write(folder / KAGGLE / "test" / "ILSVRC2012_test_00000001.JPEG", b"unlabeled")
    write(folder / "ILSVRC" / "Annotations" / "CLS-LOC" / "train" / WNIDS[0] / f"{WNIDS[0]}_3.xml", b"<box/>")
    write(folder / "ILSVRC" / "ImageSets" / "CLS-LOC" / "val.txt", b"ILSVRC2012_val_00000001 1\n")
    write(folder / "LOC_synset_mapping.txt", b"n01440764 tench\n")
    return folder


@layout
def above_kaggle(folder: Path) -> Path:
    SAMPLE.write_kaggle_folders(folder / "imagenet-object-localization-challenge")
    return folder


@layout
def inside_kaggle(folder: Path) -> Path:
    return SAMPLE.write_kaggle_folders(folder) / "ILSVRC"


@layout
def data_of_kaggle(folder: Path) -> Path:
    return SAMPLE.write_kaggle_folders(folder) / "ILSVRC" / "Data"


@layout
def cls_loc_of_kaggle(folder: Path) -> Path:
    return SAMPLE.write_kaggle_folders(folder) / KAGGLE


@layout
def train_of_kaggle(folder: Path) -> Path:
    return SAMPLE.write_kaggle_folders(folder) / KAGGLE / "train"


@layout
def val_of_kaggle(folder: Path) -> Path:
    return SAMPLE.write_kaggle_folders(folder) / KAGGLE / "val"


@layout
def kaggle_unzipped_into_a_folder_of_its_own_name(folder: Path) -> Path:
    SAMPLE.write_solution(folder)
    SAMPLE.write_flat(folder / "ILSVRC" / KAGGLE)
    return folder


@layout
def train_folder_named(folder: Path) -> Path:
    return SAMPLE.write_class_folders(folder) / "train"


@layout
def val_folder_named(folder: Path) -> Path:
    return SAMPLE.write_class_folders(folder) / "val"


@layout
def archives_below(folder: Path) -> Path:
    SAMPLE.write_archives(folder / "downloads")
    return folder


@layout
def archives_beside_what_torchvision_unpacked(folder: Path) -> Path:
    return SAMPLE.write_class_folders(SAMPLE.write_archives(folder))


@layout
def archive_of_val_beside_class_folders(folder: Path) -> Path:
    SAMPLE.write_archives(folder)
    (folder / "ILSVRC2012_img_train.tar").unlink()
    SAMPLE.write_training(folder / "train")
    return folder


@layout
def archive_of_train_beside_flat_val(folder: Path) -> Path:
    SAMPLE.write_archives(folder)
    (folder / "ILSVRC2012_img_val.tar").unlink()
    SAMPLE.write_flat(folder)
    shutil.rmtree(folder / "train")
    return folder


@layout
def archive_of_class_folders(folder: Path) -> Path:
    SAMPLE.write_archives(folder)
    files = {
        f"train/{wnid}/{name}": content for wnid, names in SAMPLE.training.items() for name, content in names.items()
    }
    (folder / "ILSVRC2012_img_train.tar").write_bytes(tar_bytes(files))
    return folder


@layout
def class_archives(folder: Path) -> Path:
    SAMPLE.write_class_folders(folder)
    shutil.rmtree(folder / "train")
    SAMPLE.write_class_archives(folder / "train")
    return folder


@layout
def class_archives_beside_class_folders(folder: Path) -> Path:
    SAMPLE.write_class_archives(folder / "train")
    return SAMPLE.write_class_folders(folder)


@layout
def class_archives_unpacked_in_part(folder: Path) -> Path:
    """Of three archives one has no folder, one an empty and one a begun folder. Other classes have only folders."""
    SAMPLE.write_class_folders(folder)
    for wnid in WNIDS[:2]:
        shutil.rmtree(folder / "train" / wnid)
    SAMPLE.write_class_archives(folder / "train", WNIDS[:3])
    (folder / "train" / WNIDS[1]).mkdir()
    next((folder / "train" / WNIDS[2]).iterdir()).unlink()
    return folder


@layout
def all_classes_unpacked_into_one_folder(folder: Path) -> Path:
    SAMPLE.write_class_folders(folder)
    for place in list((folder / "train").iterdir()):
        for file in place.iterdir():
            file.rename(folder / "train" / file.name)
        place.rmdir()
    return folder


@layout
def val_unpacked_beside_train(folder: Path) -> Path:
    SAMPLE.write_labels(folder)
    SAMPLE.write_training(folder / "train")
    for name, _, content in SAMPLE.validation:
        write(folder / name, content)
    return folder


@layout
def val_sorted_in_part(folder: Path) -> Path:
    flat_val_with_the_kit(folder)
    for name, wnid, _ in SAMPLE.validation[:3]:
        (folder / "val" / wnid).mkdir(exist_ok=True)
        (folder / "val" / name).rename(folder / "val" / wnid / name)
    return folder


@layout
def folders_named_after_the_archives(folder: Path) -> Path:
    SAMPLE.write_class_folders(folder)
    for split in ("train", "val"):
        (folder / split).rename(folder / f"ILSVRC2012_img_{split}")
    return folder


@layout
def long_names_of_folders(folder: Path) -> Path:
    SAMPLE.write_class_folders(folder)
    (folder / "train").rename(folder / "Training")
    (folder / "val").rename(folder / "validation")
    return folder
