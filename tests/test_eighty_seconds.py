"""paper_notes/in_code/eighty_seconds.py gives the trainer's numbers from models, data and update alone."""

import ast
import importlib.util

import numpy as np
import pytest
import torch

from reproduce.base.paths import PAPER_NOTES
from reproduce.data.in_memory import TrainingData
from reproduce.models.spec import load_spec
from reproduce.study.study import load_study
from reproduce.train.loop import Trainer

PAGE = PAPER_NOTES / "in_code" / "eighty_seconds.py"
IMAGES_PER_FILE = 140  # a batch of 128 and one of 12
COMPARED = ("training_loss_nats", "training_error_percent", "test_error_percent")

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def page():
    module_spec = importlib.util.spec_from_file_location("eighty_seconds", PAGE)
    module = importlib.util.module_from_spec(module_spec)
    module_spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def variant():
    return load_study("cifar10_nets").variant("80sec")


def images_whose_brightness_tells_their_class() -> TrainingData:
    random = np.random.default_rng(3)
    count = 5 * IMAGES_PER_FILE + 60
    labels = random.integers(0, 10, size=count)
    noise = random.integers(-30, 31, size=(count, 32, 32, 3))
    images = torch.from_numpy((80 + 10 * labels[:, None, None, None] + noise).astype(np.uint8))
    mean = images[: 5 * IMAGES_PER_FILE].double().mean(0).permute(2, 0, 1).numpy()
    parts = images, torch.from_numpy(labels)
    training, test = slice(0, 5 * IMAGES_PER_FILE), slice(5 * IMAGES_PER_FILE, count)
    return TrainingData(parts[0][training], parts[1][training], parts[0][test], parts[1][test], mean)


def test_its_settings_are_those_of_the_study(page, variant):
    assert (variant.batch_size, variant.momentum) == (page.BATCH_SIZE, page.MOMENTUM)
    assert variant.phases == page.PHASES
    assert (variant.network, variant.precision, variant.order) == ("80sec", "fp32", "files")
    assert (variant.augmentation, variant.test_views, variant.changes) == ("none", 1, {})


def test_it_gives_the_numbers_of_the_trainer(page, variant):
    data, phases = images_whose_brightness_tells_their_class(), variant.scaled_phases(3)
    trainer = Trainer(variant, phases, 4, data)
    while not trainer.finished():
        trainer.advance()
    rows = list(page.train(data, load_spec("80sec"), 4, phases))
    expected = [{name: row[name] for name in COMPARED} for row in trainer.state.history]
    assert [{name: row[name] for name in COMPARED} for row in rows] == expected
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert len({row["training_loss_nats"] for row in rows}) == 3, "it learns something"


def test_it_is_short_and_uses_models_data_and_update_alone():
    source = PAGE.read_text()
    assert len(source.splitlines()) <= 110
    rooms = {node.module for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)}
    ours = {name for name in rooms if name.startswith("reproduce.") and not name.startswith("reproduce.data.")}
    assert ours == {
        "reproduce.models.network",
        "reproduce.models.spec",
        "reproduce.study.variant",
        "reproduce.train.update",
    }
