"""Dictionaries of descriptors: the images that they are fitted to, and features that are the same part by part."""

import pytest
import torch
from feature_support import textured_images, tiny_variant

from reproduce.data.in_memory import ImageSet
from reproduce.features import encoders
from reproduce.features.encoders import fit_descriptor_dictionary, sampled_descriptors
from reproduce.features.kept_steps import KeptSteps

IMAGES = 400


class Watched(ImageSet):
    """Images that note which rows were read."""

    def batches(self, rows):
        self.rows_read.extend(rows)
        return super().batches(rows)


def read_of(tmp_path, seed, **changes):
    """Return the rows that were read, and the descriptors drawn of them."""
    encoder = tiny_variant("words", tmp_path).encoder.model_copy(update=changes)
    made = textured_images(IMAGES)
    images = Watched(made.images, made.labels)
    object.__setattr__(images, "rows_read", [])
    return images.rows_read, sampled_descriptors(encoder, "color", images, seed)


def test_drawn_images_are_others_for_each_seed_and_of_the_whole_set(tmp_path):
    (first, found), (second, others) = (read_of(tmp_path, seed, sampled_from="all_images") for seed in (1, 2))
    assert len(found) == len(others) == 300
    assert len(set(first)) == len(first) < IMAGES  # no image twice, and only as many as are needed
    assert set(first) != set(second)
    assert max(first + second) > 0.9 * IMAGES
    assert not torch.equal(found, others)


def test_the_same_seed_draws_the_same(tmp_path):
    (rows, found), (again, same) = (read_of(tmp_path, 1, sampled_from="all_images") for _ in range(2))
    assert rows == again and torch.equal(found, same)


def test_by_default_images_are_read_from_the_front(tmp_path):
    rows, _ = read_of(tmp_path, 1)
    assert rows == list(range(IMAGES))  # asked for; what is read of them ends when there are enough


@pytest.mark.parametrize("name", ["fisher", "words"])
def test_features_do_not_depend_on_how_many_images_are_described_at_once(tmp_path, monkeypatch, name):
    made = textured_images(60)
    settings = tiny_variant(name, tmp_path).encoder
    dictionary = fit_descriptor_dictionary(settings, "color", made, 1, KeptSteps(tmp_path, "a run"))
    found = dictionary.encode(made.images)
    monkeypatch.setattr(encoders, "_IMAGES_DESCRIBED_AT_ONCE", 7)
    assert len(found) == 60
    assert torch.allclose(dictionary.encode(made.images), found, atol=1e-5)
