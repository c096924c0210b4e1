"""Training nets later than 2012: batch statistics survive a checkpoint, and whole batches stay whole."""

import json

import numpy as np
import pytest
import torch
from training_support import (
    BATCH_SIZE,
    SIDE,
    UPDATES_PER_FILE,
    after_updates,
    checkpoints,
    results,
    tiny_data,
    trained,
    write_golden,
)

from reproduce.base.errors import ReproduceError
from reproduce.base.validation import validated
from reproduce.data.in_memory import TrainingData
from reproduce.data.steps import Step
from reproduce.models.spec import SPECS_FOLDER
from reproduce.study.run_id import RunId
from reproduce.study.study import load_study
from reproduce.study.variant import Variant
from reproduce.train.checkpoint import load_checkpoint, save_checkpoint
from reproduce.train.checks import data_problem
from reproduce.train.later_update import NesterovUpdate
from reproduce.train.launch import Launch
from reproduce.train.loop import Trainer
from reproduce.train.run import train_run

pytestmark = pytest.mark.usefixtures("one_thread")

PHASES = [{"epochs": epochs, "training_files": [1, 2, 3, 4, 5], "weight_rate_factor": 0.1} for epochs in (1, 1)]
SETTINGS = {
    "network": "resnet20",
    "changes": {"input.size": SIDE},
    "precision": "bf16",
    "batch_size": BATCH_SIZE,
    "momentum": 0.9,
    "order": "reshuffled",
    "augmentation": "padded_crops_and_flips",
    "test_views": 1,
    "phases": PHASES,
}


def variant(**changes):
    return validated(Variant, SETTINGS | changes, "v")


def trainer(**settings):
    chosen = variant()
    return Trainer(chosen, chosen.phases, 1, tiny_data(), **settings)


def test_batch_statistics_survive_a_checkpoint_to_the_same_bytes(tmp_path):
    unbroken = trainer()
    for _ in range(5):
        unbroken.advance()
    save_checkpoint(tmp_path / "c.pt", {"trainer": unbroken.state_dict()})
    trained(unbroken)
    resumed = trainer()
    resumed.load_state_dict(load_checkpoint(tmp_path / "c.pt")["trainer"])
    trained(resumed)
    one, other = resumed.network.state_dict(), unbroken.network.state_dict()
    assert sum("running" in name for name in one) == 2 * 19
    assert all(torch.equal(value, other[name]) for name, value in one.items())
    assert all(torch.equal(*pair) for pair in zip(resumed.update.velocities, unbroken.update.velocities, strict=True))
    fresh = trainer().network.state_dict()
    assert all(not torch.equal(value, fresh[name]) for name, value in one.items())
    assert torch.equal(
        resumed.probabilities(resumed.data.test(), 1)[0], unbroken.probabilities(unbroken.data.test(), 1)[0]
    )


class KilledError(Exception):
    """Stands for a kill: nothing more is saved."""


# Arms of after_2012 with few maps, so that a checkpoint is small, and with an epoch or two for each phase.
NARROW = {
    "resnet20": {},
    "18pct_today": {},
    "vgg_bn_dropout": {"*.filters": 8, "fc6.outputs": 8},
    "nasnet_a_2_768": {"*.filters": 4},
}


def write_arm(folder, name):
    """Make an arm of after_2012 the tiny study's variant, on its small images; return its run."""
    arm = load_study("after_2012").variant(name).model_copy(update={"training_images": None, "held_out_images": None})
    settings = arm.model_dump() | {"batch_size": BATCH_SIZE, "changes": {"input.size": 12, **NARROW[name]}}
    for phase in settings["phases"]:
        phase["training_files"] = [1, 2, 3, 4, 5]
    (folder / "specs" / f"{arm.network}.yaml").write_text((SPECS_FOLDER / f"{arm.network}.yaml").read_text())
    study = {"study": "tiny", "dataset": "cifar10", "scale": "synthetic", "variants": {"small": settings}}
    text = json.dumps(study | {"profiles": {"smoke": {}}})
    (folder / "experiments" / "tiny" / "study.yaml").write_text(text)
    write_golden(folder)
    return RunId("tiny", "small", max(2, len(arm.phases)), 1)


SLOW = {"vgg_bn_dropout", "nasnet_a_2_768"}  # many phases, many layers


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in NARROW])
def test_a_killed_run_ends_with_the_files_of_an_unbroken_one(folder, monkeypatch, name):
    run = write_arm(folder, name)
    unbroken = results(train_run(run, folder / "unbroken", Launch(threads=1)))

    def kill():
        raise KilledError

    with monkeypatch.context() as patched:
        after_updates(patched, 20, kill)
        with pytest.raises(KilledError):
            train_run(run, launch=Launch(threads=1, seconds_between_checkpoints=0))
    (saved,) = checkpoints(folder)
    kept = load_checkpoint(saved)["trainer"]
    assert kept["state"]["step"] == 19
    statistics = [value for place, value in kept["weights"].items() if place.endswith("running_mean")]
    assert statistics and all(value.any() for value in statistics)
    assert results(train_run(run, launch=Launch(threads=1))) == unbroken


def test_batches_that_are_normalized_are_not_cut_up():
    problem = "resnet20 normalizes over whole batches, which 2 processes would cut up; use one"
    assert data_problem(variant(), variant().phases, tiny_data(), 2) == problem
    assert data_problem(variant(), variant().phases, tiny_data(), 1) is None
    trainer(images_per_pass=BATCH_SIZE)
    with pytest.raises(ReproduceError, match="so --images-per-pass must be 8 or more"):
        trainer(images_per_pass=BATCH_SIZE - 1)


def test_padded_crops_follow_the_step_and_reach_four_pixels_beyond():
    images = torch.arange(1, 8 * 8 + 1, dtype=torch.uint8).view(1, 8, 8, 1).expand(1, 8, 8, 3).contiguous()
    data = TrainingData(images, torch.zeros(1, dtype=torch.int64), images, None, np.zeros((3, 8, 8)), files=1)
    rows = np.zeros(400, dtype=np.int64)
    first, other = (next(data.training_batches([Step(n, rows)], 8, 1, "padded_crops_and_flips")) for n in (1, 2))
    assert not torch.equal(first.pixels, other.pixels)
    part = next(data.training_batches([Step(1, rows, slice(10, 20))], 8, 1, "padded_crops_and_flips"))
    assert torch.equal(part.pixels, first.pixels[10:20])
    black = (first.pixels[..., 0] == 0).double()
    rows_outside = (black.mean(2) == 1).sum(1)
    assert rows_outside.min() == 0 and rows_outside.max() == 4
    assert abs(rows_outside.double().mean() - 20 / 9) < 0.25  # offsets -4 to 4 alike: 0 to 4 rows outside


def test_packed_images_are_not_padded(monkeypatch):
    monkeypatch.setattr("reproduce.train.checks.TrainingData", type("Other", (), {}))
    problem = "padded crops are for data sets in memory, and these images are read from disk; use crops_and_flips"
    assert data_problem(variant(), variant().phases, tiny_data(), 1) == problem


def test_the_auxiliary_loss_counts_in_the_gradient_and_not_in_the_history():
    cells = {"network": "nasnet_a_2_768", "changes": {"input.size": SIDE}, "precision": "fp32", "batch_size": 4}
    gradients = {}
    for weight in (0.0, 0.4):
        changes = cells | {"changes": {"input.size": SIDE, "auxiliary.loss_weight": weight}}
        chosen = variant(**changes)
        one = Trainer(chosen, chosen.phases, 1, tiny_data())
        one.advance()
        head = one.network.layers["auxiliary"].parts["classes"]
        gradients[weight] = head.weight.grad, one.network.layers["stem"].weight.grad, one.state.sums
    assert not gradients[0.0][0].any() and gradients[0.4][0].any()
    assert not torch.equal(gradients[0.0][1], gradients[0.4][1])
    assert gradients[0.0][2] == gradients[0.4][2]


def test_rates_follow_the_share_of_the_phase_and_paths_that_of_training(monkeypatch):
    phases = [PHASES[0], PHASES[1] | {"epochs": 2, "course": "cosine"}]
    chosen = variant(network="80sec", changes={"input.size": SIDE}, phases=phases, nesterov=True)
    run = Trainer(chosen, chosen.phases, 1, tiny_data())
    assert isinstance(run.update, NesterovUpdate)
    factors, shares = [], []
    step, forward = run.update.step, run.network.forward

    def recorded_step(gradients, phase):
        factors.append(phase.weight_rate_factor)
        step(gradients, phase)

    def recorded_forward(images, draw=None):
        shares.extend([draw.share_of_training] if draw else [])
        return forward(images, draw)

    monkeypatch.setattr(run.update, "step", recorded_step)
    monkeypatch.setattr(run.network, "forward", recorded_forward)
    trained(run)
    updates = 5 * UPDATES_PER_FILE
    falling = [0.05 * (1 + np.cos(np.pi * done / (2 * updates))) for done in range(2 * updates)]
    assert factors == pytest.approx([0.1] * updates + falling)
    assert shares == pytest.approx(np.arange(3 * updates) / (3 * updates))
