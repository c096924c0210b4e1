"""Packed data as the trainer reads them: which split is what, batches, and what is missing."""

import numpy as np
import pytest
import torch
from crops_support import random_crops
from packed_support import write_subset

from reproduce.base.errors import ReproduceError
from reproduce.data.ilsvrc import training
from reproduce.data.ilsvrc.training import load_packed
from reproduce.data.opening import DataOptions, open_dataset
from reproduce.data.registry import DATASETS
from reproduce.data.steps import Step

CPU = torch.device("cpu")
COUNTS = {"train": 5, "val": 3, "test": 4}


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """Write subsets of both editions; return {year: {split: (pixels, labels)}}."""
    base, random, written = tmp_path_factory.mktemp("packed"), np.random.default_rng(5), {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REPRODUCE_PACKED", str(base))
        for year, splits in ((2010, ["train", "val", "test"]), (2012, ["train", "val"])):
            written[year] = write_subset(base, year, {split: COUNTS[split] for split in splits}, random)
        yield written


def contents(images):
    batches = list(images.batches(range(len(images))))
    return torch.cat([pixels for pixels, _ in batches]).numpy(), torch.cat([labels for _, labels in batches]).numpy()


def assert_is(images, expected):
    for found, given in zip(contents(images), expected, strict=True):
        np.testing.assert_array_equal(found, given)


def test_2010_is_tested_on_its_test_images_and_watched_on_its_validation_images(packed):
    data = load_packed(DATASETS["ilsvrc2010_subset"], CPU)
    assert_is(data.test(), packed[2010]["test"])
    assert_is(data.validation([1]), packed[2010]["val"])
    assert_is(data.training(), packed[2010]["train"])
    assert not data.tests_every_epoch and data.reports_top5


def test_2012_is_tested_on_its_validation_images_and_nothing_else_uses_them(packed):
    data = load_packed(DATASETS["ilsvrc2012_subset"], CPU)
    assert_is(data.test(), packed[2012]["val"])
    assert data.validation([1]) is None and data.tests_every_epoch
    assert (data.images_per_file, data.classes, data.files, data.image_side) == (5, 3, 1, 256)


def test_the_training_images_are_tested_on_the_first_so_many(packed, monkeypatch):
    monkeypatch.setattr(training, "TRAINING_IMAGES_TESTED", 2)
    pixels, labels = packed[2012]["train"]
    assert_is(load_packed(DATASETS["ilsvrc2012_subset"], CPU).training(), (pixels[:2], labels[:2]))


def test_training_batches_are_crops_of_the_training_images(packed):
    data = load_packed(DATASETS["ilsvrc2012_subset"], CPU)
    pixels, labels = packed[2012]["train"]
    rows = np.array([4, 0, 0, 2])
    (batch,) = data.training_batches([Step(3, rows, slice(1, 4))], 224, 9, "crops_and_flips")
    expected = random_crops(torch.from_numpy(pixels), torch.from_numpy(rows), 224, 9, 3)
    assert torch.equal(batch.pixels, expected[1:]) and batch.labels.tolist() == labels[rows[1:]].tolist()


def test_a_data_set_is_opened_by_its_name_and_only_whole(packed):
    data = open_dataset("ilsvrc2012_subset", CPU)
    assert data.folder.name == "ilsvrc2012_subset" and data.mean_image.mean() == 127.5
    assert DATASETS["ilsvrc2010_subset"].manifest().parent.name == "ilsvrc2010_subset"
    message = "training_images and image_side do not suit ilsvrc2012_subset, which is read from disk; leave them out"
    with pytest.raises(ReproduceError, match=f"^{message}$"):
        open_dataset("ilsvrc2012_subset", CPU, DataOptions(training_images=3))


def test_what_is_missing_is_named_with_its_command(packed, tmp_path, monkeypatch):
    statistics = DATASETS["ilsvrc2012_subset"].statistic("mean_image.npy")
    content = statistics.read_bytes()
    statistics.unlink()
    try:
        with pytest.raises(ReproduceError, match=r"mean_image.npy is missing; run `python .* ilsvrc2012 --subset`$"):
            load_packed(DATASETS["ilsvrc2012_subset"], CPU)
    finally:
        statistics.write_bytes(content)
    monkeypatch.setenv("REPRODUCE_PACKED", str(tmp_path))
    with pytest.raises(ReproduceError, match=r"holds no packed images; run `python .* data ilsvrc2012 --subset`$"):
        open_dataset("ilsvrc2012_subset", CPU)
    with pytest.raises(ReproduceError, match=r"manifest.json is missing; run `python .* data ilsvrc2010 --subset`$"):
        DATASETS["ilsvrc2010_subset"].manifest()
