"""Labels of the validation images: files that are missing, damaged or contradict folders or one another."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from ilsvrc_layouts import SAMPLE
from ilsvrc_samples import WNIDS, Miniature, tar_bytes, write
from refusal_support import MODES, refused

from reproduce.data.ilsvrc.editions import EDITIONS

FIRST = SAMPLE.validation[0]


def other_class(wnid: str) -> str:
    return WNIDS[(WNIDS.index(wnid) + 1) % len(WNIDS)]


@MODES
def test_flat_val_with_nothing_that_tells_its_classes(tmp_path, subset):
    said = refused(
        SAMPLE.write_flat(tmp_path), r"val has 6 images whose class no file names; put ILSVRC2012_dev", subset
    )
    assert "or Kaggle's LOC_val_solution.csv" in said


@MODES
def test_val_sorted_otherwise_than_the_kit_tells(tmp_path, subset):
    """One image in the wrong folder; and, the classic, the contest's numbers taken for places among sorted ids."""
    SAMPLE.write_labels(SAMPLE.write_class_folders(tmp_path))
    name, wnid, content = FIRST
    (tmp_path / "val" / wnid / name).unlink()
    write(tmp_path / "val" / other_class(wnid) / name, content)
    told = rf"\(one is {name}: {other_class(wnid)}, not {wnid}\)"
    refused(tmp_path, rf"1 of 6 images whose folder or name gives another class than .*t12.tar.gz {told}", subset)


def mixed_up() -> Miniature:
    """Return the sample with the contest's class numbers taken for places among the sorted WordNet ids."""
    sample = Miniature(per_class=3, validation=6, smallest=24)
    numbers = sample.contest_numbers
    sample.validation = [(name, WNIDS[numbers[wnid] - 1], content) for name, wnid, content in sample.validation]
    return sample


@MODES
@pytest.mark.parametrize("write_source", [Miniature.write_class_folders, Miniature.write_kaggle_folders])
def test_contest_numbers_taken_for_places_among_sorted_ids(tmp_path, subset, write_source):
    write_source(mixed_up(), tmp_path)
    refused(
        tmp_path, r"the classes of the 6 val images in .* are not the official ones .* contest's class numbers", subset
    )


def test_the_official_labels_have_a_known_sum_of_all_50000():
    assert EDITIONS[2012].label_sums["val"].startswith("313fc3f23c864dde")


def test_two_lists_that_disagree(tmp_path):
    SAMPLE.write_labels(SAMPLE.write_flat(tmp_path))
    mixed_up().write_solution(tmp_path)
    refused(
        tmp_path, r"devkit_t12.tar.gz and .*LOC_val_solution.csv name different classes for \d images \(one is ILSVRC"
    )


def kit_of_zeros(folder: Path) -> str:
    huge = io.BytesIO(tar_bytes({"data/meta.mat": bytes(1 << 20)}, "w:gz"))
    write(folder / "ILSVRC2012_devkit_t12.tar.gz", huge.getvalue())
    return r"devkit_t12.tar.gz unpacks to more than 65,536 bytes; get it again"


def kit_without_truth(folder: Path) -> str:
    table = {name: content for name, content in SAMPLE.kit_files().items() if name.endswith("meta.mat")}
    write(folder / "ILSVRC2012_devkit_t12.tar.gz", tar_bytes(table, "w:gz"))
    return r"devkit_t12.tar.gz holds no meta.mat and ground truth; get it again"


def truth_without_table(folder: Path) -> str:
    SAMPLE.write_kit(folder)
    next(folder.rglob("meta.mat")).unlink()
    return r"ground_truth.txt needs the table of classes; put ILSVRC2012_devkit_t12.tar.gz beside it"


def truth_with_a_class_that_is_not_in_the_table(folder: Path) -> str:
    SAMPLE.write_kit(folder)
    next(folder.rglob("*truth.txt")).write_text("1\n77\n")
    return r"truth.txt and its meta.mat are no readable ground truth \(KeyError\(77\)\); get the development kit"


def meta_of_another_program(folder: Path) -> str:
    torch.save({"epoch": 3}, folder / "meta.bin")
    return r"meta.bin is not torchvision's \(.*\); remove it or make it again"


def meta_of_no_bytes(folder: Path) -> str:
    write(folder / "meta.bin", b"")
    return r"meta.bin is not torchvision's \(\S.*\); remove it or make it again"


def meta_that_was_cut(folder: Path) -> str:
    write(folder / "meta.bin", b"\x80\x02")
    return r"meta.bin is not torchvision's \(\S.*\); remove it or make it again"


def meta_that_would_run_code(folder: Path) -> str:
    torch.save(Harmful(), folder / "meta.bin")
    return r"meta.bin is not torchvision's \(.*\); remove it or make it again"


class Harmful:
    """An object whose unpickling would end this process."""

    def __reduce__(self):
        return (exit, (9,))


def list_without_columns(folder: Path) -> str:
    write(folder / "LOC_val_solution.csv", b"name,label\nILSVRC2012_val_00000001,7\n")
    return r"cannot read .*LOC_val_solution.csv \(KeyError\('ImageId'\)\); put Kaggle's file there"


@pytest.mark.parametrize(
    "damage",
    [
        kit_of_zeros,
        kit_without_truth,
        truth_without_table,
        truth_with_a_class_that_is_not_in_the_table,
        meta_of_another_program,
        meta_of_no_bytes,
        meta_that_was_cut,
        meta_that_would_run_code,
        list_without_columns,
    ],
)
def test_a_damaged_label_file(tmp_path, monkeypatch, damage: Callable[[Path], str]):
    monkeypatch.setattr("reproduce.data.ilsvrc.label_files._MOST_BYTES", 1 << 16)
    refused(tmp_path, damage(SAMPLE.write_flat(tmp_path)))


@MODES
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda line, wnid: f"{line}\n{line.replace(wnid, other_class(wnid))}",
            "tells two classes of ILSVRC2012_val_0000",
        ),
        (lambda line, wnid: line.replace(wnid, "tench"), "has 'tench' for ILSVRC2012_val_0000.*, no WordNet id"),
    ],
    ids=["a line twice", "a word"],
)
def test_kaggles_list_with_other_classes(tmp_path, subset, change, message):
    SAMPLE.write_solution(SAMPLE.write_flat(tmp_path))
    path = tmp_path / "LOC_val_solution.csv"
    head, first, *rest = path.read_text().splitlines()
    path.write_text("\n".join([head, change(first, FIRST[1]), *rest, ""]))
    refused(tmp_path, rf"LOC_val_solution.csv {message}.*; put Kaggle's file there", subset)


@pytest.mark.parametrize("content", [b"", b"<html>log in</html>"])
def test_a_page_in_the_kit_s_place_is_named_without_all_that_was_tried(tmp_path, content):
    SAMPLE.write_archives(tmp_path)
    (tmp_path / SAMPLE.edition.development_kit).write_bytes(content)
    refused(
        tmp_path, r"t12.tar.gz is damaged or no tar archive \(file could not be opened successfully\); get it again$"
    )
