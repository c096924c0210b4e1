import pytest
from ilsvrc_samples import WNIDS, Miniature

from reproduce.base.errors import ReproduceError
from reproduce.data.ilsvrc.editions import EDITIONS, Edition
from reproduce.data.ilsvrc.pack import read_entry
from reproduce.data.ilsvrc.sources import list_source

SAMPLE = Miniature(per_class=3, validation=5, smallest=24)
OLDER = Miniature(per_class=3, validation=5, smallest=24, year=2010)
WRITERS = [SAMPLE.write_archives, SAMPLE.write_class_folders, SAMPLE.write_kaggle_folders]


@pytest.mark.parametrize("write", WRITERS)
def test_every_layout_lists_the_same_images_classes_and_bytes(tmp_path, write):
    listing = list_source(write(tmp_path / "source"), SAMPLE.edition)
    assert listing.classes == WNIDS
    training = {
        f"{wnid}/{name}": (wnid, content) for wnid, files in SAMPLE.training.items() for name, content in files.items()
    }
    validation = {name: (wnid, content) for name, wnid, content in SAMPLE.validation}
    for split, expected in (("train", training), ("val", validation)):
        entries = listing.splits[split]
        assert [entry.name for entry in entries] == sorted(expected)
        assert {entry.name: (entry.wnid, read_entry(entry)) for entry in entries} == expected


def test_2010_has_a_test_split(tmp_path):
    source = OLDER.write_class_folders(tmp_path)
    listing = list_source(source, OLDER.edition)
    assert [entry.name for entry in listing.splits["test"]] == [name for name, _, _ in OLDER.test]
    (tmp_path / "val").rename(tmp_path.parent / f"{tmp_path.name}_elsewhere")
    with pytest.raises(ReproduceError, match=r"holds no val images of ILSVRC-2010; found: train images in .*complete"):
        list_source(source, OLDER.edition)


@pytest.mark.parametrize("write", WRITERS)
def test_wrong_counts_are_refused_with_the_official_ones(tmp_path, write):
    source = write(tmp_path)
    with pytest.raises(
        ReproduceError, match=r"has 12 train images, ILSVRC-2012 has 1,281,167; .* pass --subset"
    ) as caught:
        list_source(source, EDITIONS[2012])
    assert "\n" not in str(caught.value)
    with pytest.raises(ReproduceError, match=r"has 5 val images, ILSVRC-2012 has 50,000;"):
        list_source(source, Edition(2012, {"train": 12, "val": 50_000}))
    with pytest.raises(ReproduceError, match=r"has 4 classes, ILSVRC-2012 has 1,000;"):
        list_source(source, Edition(2012, {"train": 12, "val": 5}))
    assert len(list_source(source, EDITIONS[2012], subset=True).splits["train"]) == 12


def test_a_subset_leaves_out_validation_images_of_absent_classes(tmp_path):
    sample = Miniature(per_class=1, validation=12, smallest=24)
    del sample.training[WNIDS[0]]
    listing = list_source(sample.write_archives(tmp_path), EDITIONS[2012], subset=True)
    assert listing.classes == WNIDS[1:]
    kept = [name for name, wnid, _ in sample.validation if wnid != WNIDS[0]]
    assert 0 < len(kept) < 12
    assert [entry.name for entry in listing.splits["val"]] == kept
    whole = Edition(2012, {"train": 3, "val": 12}, classes=3)
    with pytest.raises(ReproduceError, match=rf"is of class {WNIDS[0]}, which has no training images"):
        list_source(tmp_path, whole)


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [
        ("ILSVRC2012_img_val.tar", None, r"holds no val images of ILSVRC-2012; .*: for val, ILSVRC2012_img_val.tar or"),
        (
            "ILSVRC2012_devkit_t12.tar.gz",
            None,
            r"img_val.tar has 5 images whose class no file names; put ILSVRC",
        ),
        (
            "ILSVRC2012_devkit_t12.tar.gz",
            lambda old: old[: len(old) // 2],
            r"devkit_t12.tar.gz is damaged or no tar archive",
        ),
        ("ILSVRC2012_img_train.tar", lambda old: old[: len(old) // 2], r"img_train.tar is damaged or no tar archive"),
        ("ILSVRC2012_img_val.tar", lambda _: b"<html>404</html>" * 100, r"img_val.tar is damaged or no tar archive"),
    ],
)
def test_missing_or_damaged_archive_is_named_in_one_line(tmp_path, name, damage, message):
    SAMPLE.write_archives(tmp_path)
    old = (tmp_path / name).read_bytes()
    (tmp_path / name).unlink() if damage is None else (tmp_path / name).write_bytes(damage(old))
    with pytest.raises(ReproduceError, match=message) as caught:
        list_source(tmp_path, SAMPLE.edition)
    assert "\n" not in str(caught.value)


def test_unknown_layout_says_what_is_known_and_a_missing_folder_how_to_name_it(tmp_path):
    with pytest.raises(
        ReproduceError,
        match=r"no train and no val images of ILSVRC-2012; found: nothing; expected: for train, ILSVRC",
    ):
        list_source(tmp_path, EDITIONS[2012])
    with pytest.raises(ReproduceError, match=r"nowhere is not a folder; set REPRODUCE_ILSVRC2010 to the folder with"):
        list_source(tmp_path / "nowhere", EDITIONS[2010])


def test_a_line_of_the_solution_that_is_missing_is_named(tmp_path):
    SAMPLE.write_kaggle_folders(tmp_path)
    solution = tmp_path / "LOC_val_solution.csv"
    solution.write_text("\n".join(solution.read_text().splitlines()[:-1]))
    with pytest.raises(ReproduceError, match=r"LOC_val_solution.csv has no line for ILSVRC2012_val_00000005.JPEG in "):
        list_source(tmp_path, SAMPLE.edition)
    solution.write_text("\n".join(solution.read_text().splitlines()[:-1]))
    with pytest.raises(ReproduceError, match=r"_00000004.JPEG \(one of 2 such images\) in "):
        list_source(tmp_path, SAMPLE.edition)
