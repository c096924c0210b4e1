"""A variant that does not fit its data set is refused in one line before anything is trained."""

from dataclasses import replace

import pytest
import torch
from training_support import tiny_data, tiny_study, use_study, write_study

from reproduce.base.errors import ReproduceError
from reproduce.data.in_memory import ImageSet
from reproduce.study.variant import Phase
from reproduce.train.checks import data_problem
from reproduce.train.loop import Trainer

DATA = tiny_data()
PHASES = [Phase(epochs=1, training_files=[1, 2, 3, 4], weight_rate_factor=1.0)]
PLATEAU = PHASES[0].model_copy(update={"until": "validation_error_plateau"})
ALL_FILES = {"training_files": [1, 2, 3, 4, 5]}


@pytest.fixture
def variant(tmp_path, monkeypatch):
    write_study(tmp_path)
    use_study(tmp_path, monkeypatch.setattr)
    return tiny_study(tmp_path).variant("small")


def test_what_suits_has_no_problem(variant):
    assert data_problem(variant, PHASES, DATA, processes=4) is None


def test_the_plateau_rule_needs_validation_images(variant):
    held_out = ImageSet(DATA.test_images, DATA.test_labels)
    joined = [PLATEAU, PLATEAU.model_copy(update=ALL_FILES)]
    problem = (
        "validation_error_plateau needs validation images, and this data set has none; use another rule as `until`"
    )
    assert data_problem(variant, [PLATEAU], DATA, 1) is None  # file 5 is left out
    assert data_problem(variant, joined, DATA, 1) == problem
    assert data_problem(variant, joined, replace(DATA, held_out=held_out), 1) is None
    with pytest.raises(ReproduceError, match=f"^{problem}$"):
        Trainer(variant, joined, 1, DATA)


def test_images_files_and_classes_must_suffice(variant):
    small = replace(DATA, training_images=DATA.training_images[:, :11, :11])
    assert data_problem(variant, PHASES, small, 1) == "small reads 12 pixels a side and the images have 11"
    more = replace(DATA, training_labels=DATA.training_labels + 1)
    assert data_problem(variant, PHASES, more, 1) == "small tells 10 classes apart and the data have 11"
    problem = "a phase reads file 4 and the data have 1; correct training_files in study.yaml"
    assert data_problem(variant, PHASES, replace(DATA, files=1), 1) == problem


def test_every_process_needs_an_image_of_every_batch_and_test(variant):
    problem = "the shortest batch has 4 images, too few for 5 processes; use at most 4"
    assert data_problem(variant, PHASES, DATA, 5) == problem
    assert data_problem(variant.model_copy(update={"batch_size": 10}), PHASES, DATA, 5) is None  # 20 images a file
    few = replace(DATA, test_labels=torch.zeros(3, dtype=torch.int64), test_images=DATA.test_images[:3])
    assert data_problem(variant, PHASES, few, 4) == "3 test images are fewer than the 4 processes; use fewer"
    evaluated = variant.model_copy(update={"evaluated_images": 2})
    assert data_problem(evaluated, PHASES, DATA, 3) == "2 test images are fewer than the 3 processes; use fewer"
