"""Sources of ImageNet images that contradict themselves, were cut or lack something: one line each, that names it."""

import dataclasses
import io
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from ilsvrc_samples import WNIDS, Miniature, tar_bytes, write

from reproduce.base.errors import ReproduceError
from reproduce.data.ilsvrc import layouts
from reproduce.data.ilsvrc.editions import EDITIONS
from reproduce.data.ilsvrc.sources import list_source, survey_source

SAMPLE = Miniature(per_class=3, validation=6, smallest=24)
FIRST = SAMPLE.validation[0]
MODES = pytest.mark.parametrize("subset", [False, True], ids=["whole", "subset"])


def refused(source: Path, message: str, subset: bool = False) -> str:
    """Return the one line with which a source is refused, which ``message`` must match."""
    with pytest.raises(ReproduceError, match=message) as caught:
        list_source(source, SAMPLE.edition, subset)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def other_class(wnid: str) -> str:
    return WNIDS[(WNIDS.index(wnid) + 1) % len(WNIDS)]


def without_end_mark(content: bytes) -> bytes:
    """Return an archive cut at the border of its last member: what was copied until then is whole."""
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        last = tar.getmembers()[-1]
    return content[: last.offset_data + -(-last.size // 512) * 512]


def without_last_members(content: bytes, names: list[str], kept: int) -> bytes:
    """Return an archive cut before the header of the member after the first ``kept``."""
    return content[: content.index(names[kept].encode() + b"\0")]


@MODES
def test_flat_val_with_nothing_that_tells_its_classes(tmp_path, subset):
    said = refused(
        SAMPLE.write_flat(tmp_path), r"val has 6 images whose class nothing tells; put ILSVRC2012_dev", subset
    )
    assert "or Kaggle's LOC_val_solution.csv" in said


@MODES
def test_val_sorted_otherwise_than_the_kit_tells(tmp_path, subset):
    """One image in the wrong folder; and, the classic, the contest's numbers taken for places among sorted ids."""
    SAMPLE.write_labels(SAMPLE.write_class_folders(tmp_path))
    name, wnid, content = FIRST
    (tmp_path / "val" / wnid / name).unlink()
    write(tmp_path / "val" / other_class(wnid) / name, content)
    refused(
        tmp_path,
        rf"1 of 6 images in folders of another class .*\(one is {name}: {other_class(wnid)}, not {wnid}\)",
        subset,
    )


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
        tmp_path, r"devkit_t12.tar.gz and .*LOC_val_solution.csv tell different classes of \d images \(one is ILSVRC"
    )


@MODES
@pytest.mark.parametrize("cut", ["end mark", "members"])
@pytest.mark.parametrize("which", ["train", "val", "class within train", "class alone"])
def test_an_archive_cut_at_a_members_border(tmp_path, subset, cut, which):
    files = {name: content for name, _, content in SAMPLE.validation} if which == "val" else SAMPLE.training[WNIDS[1]]
    if which == "train":
        files = {f"{wnid}.tar": tar_bytes(files) for wnid, files in SAMPLE.training.items()}
    whole = tar_bytes(files)
    content = without_end_mark(whole) if cut == "end mark" else without_last_members(whole, list(files), len(files) - 1)
    assert len(content) % 512 == 0
    if which == "class alone":
        shutil.rmtree(SAMPLE.write_class_folders(tmp_path) / "train" / WNIDS[1])
        path = tmp_path / "train" / f"{WNIDS[1]}.tar"
    else:
        SAMPLE.write_archives(tmp_path)
        path = tmp_path / f"ILSVRC2012_img_{'val' if which == 'val' else 'train'}.tar"
    if which == "class within train":
        classes = {f"{wnid}.tar": content if wnid == WNIDS[1] else tar_bytes(SAMPLE.training[wnid]) for wnid in WNIDS}
        content = tar_bytes(classes)
    path.write_bytes(content)
    refused(tmp_path, rf"{path.name} is damaged or no tar archive \(it was cut: the mark of its end", subset)


@MODES
@pytest.mark.parametrize("gap", ["to its end", "between members"])
def test_a_download_with_a_gap_of_zeros(tmp_path, subset, gap):
    """Download programs give a file its full length at once."""
    SAMPLE.write_archives(tmp_path)
    path = tmp_path / "ILSVRC2012_img_val.tar"
    content = path.read_bytes()
    borders = [content.index(name.encode() + b"\0") for name, _, _ in SAMPLE.validation]
    first, last = borders[1], None if gap == "to its end" else borders[2]
    content = content[:first] + bytes(len(content[first:last])) + (content[last:] if last else b"")
    path.write_bytes(content)
    refused(tmp_path, rf"a gap follows the member before byte {first:,}: it was not downloaded whole", subset)


def test_a_damaged_archive_beside_class_folders_can_be_moved_away(tmp_path):
    SAMPLE.write_class_folders(SAMPLE.write_archives(tmp_path))
    (tmp_path / "ILSVRC2012_img_train.tar").write_bytes(b"")
    refused(tmp_path, r"img_train.tar is damaged .*; get it again, or move it away to use .*/train$")


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
    refused(tmp_path, rf"{WNIDS[1]}/{name}: name and folder tell different classes, {told}; move it", subset)


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
    refused(tmp_path, r"/a/train and .*/b/train both look like the train images; name a folder that holds one")


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
    refused(tmp_path / "other", r"val has 6 images whose class nothing tells")


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
    refused(tmp_path, rf"{WNIDS[0]}/tench.JPEG in .* is named otherwise than images of ILSVRC-2012 \(n01440764_10026")
    assert len(list_source(tmp_path, SAMPLE.edition, subset=True).splits["train"]) == 12


def test_an_archive_of_another_size_than_the_official_one(tmp_path):
    SAMPLE.write_archives(tmp_path)
    edition = dataclasses.replace(SAMPLE.edition, archive_sums={"ILSVRC2012_img_val.tar": (7, "")})
    for look in (list_source, survey_source):
        with pytest.raises(ReproduceError, match=r"img_val.tar has [\d,]+ bytes, the official one has 7; get it again"):
            look(tmp_path, edition)
        assert look(tmp_path, edition, subset=True)


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
        meta_that_would_run_code,
        list_without_columns,
    ],
)
def test_a_damaged_label_file(tmp_path, monkeypatch, damage: Callable[[Path], str]):
    monkeypatch.setattr("reproduce.data.ilsvrc.labels._MOST_BYTES", 1 << 16)
    refused(tmp_path, damage(SAMPLE.write_flat(tmp_path)))


def test_a_folder_too_large_to_search(tmp_path, monkeypatch):
    monkeypatch.setattr(layouts, "_MOST_FOLDERS", 20)
    for number in range(30):
        (tmp_path / f"project{number}").mkdir()
    refused(tmp_path, r"holds more than 20 folders; name the one with the images")
