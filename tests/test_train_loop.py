"""The training loop: history, held-out file, stopping rule, divergence, and taking up where a saved state stands."""

import copy
import dataclasses
import math

import numpy as np
import pytest
import torch
from torch.nn import functional
from training_support import (
    BATCH_SIZE,
    IMAGES_PER_FILE,
    TEST_IMAGES,
    UPDATES_PER_FILE,
    tiny_data,
    tiny_study,
    trainer_of,
    use_study,
    write_study,
)

from reproduce.config import LayerRates, Phase
from reproduce.data.in_memory import ImageSet
from reproduce.errors import ReproduceError
from reproduce.models.network import StepDraw
from reproduce.train import loop
from reproduce.train.checkpoint import load_checkpoint, save_checkpoint
from reproduce.train.loop import Trainer

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def study(tmp_path, monkeypatch):
    write_study(tmp_path)
    use_study(tmp_path, monkeypatch.setattr)
    return tiny_study(tmp_path)


def trained(trainer):
    while not trainer.finished():
        trainer.advance()
    return trainer


def test_one_update_is_the_rule_on_the_mean_gradient_of_the_batch(study):
    trainer = trainer_of(study, order="files", augmentation="none", momentum=0.5)
    for _ in range(UPDATES_PER_FILE):  # the last batch of the file has 4 images, and takes a full step
        rows = range(trainer.state.step * BATCH_SIZE, min((trainer.state.step + 1) * BATCH_SIZE, IMAGES_PER_FILE))
        weights = [parameter.detach().clone() for parameter in trainer.update.parameters]
        velocities = [velocity.clone() for velocity in trainer.update.velocities]
        sums = [torch.zeros_like(weight) for weight in weights]
        data = trainer.data
        center = data.training_images[list(rows), 2:14, 2:14].float() - torch.from_numpy(
            data.mean_image[:, 2:14, 2:14].transpose(1, 2, 0)
        )
        logits = trainer.network(center.float().permute(0, 3, 1, 2), StepDraw(1, trainer.state.step))
        for i, row in enumerate(rows):
            loss = -functional.log_softmax(logits[i].double(), 0)[data.training_labels[row]]
            for total, gradient in zip(
                sums, torch.autograd.grad(loss, trainer.update.parameters, retain_graph=True), strict=True
            ):
                total += gradient
        trainer.advance()
        for index, (weight, velocity, total) in enumerate(zip(weights, velocities, sums, strict=True)):
            rate, decay = (0.002, 0.0) if index % 2 else (0.001, 0.004)
            expected = weight + 0.5 * velocity - rate * total / len(rows) - rate * decay * weight
            torch.testing.assert_close(trainer.update.parameters[index].detach(), expected, rtol=1e-5, atol=1e-7)


def test_the_phases_factors_reach_the_update(study):
    trainer = trainer_of(study, epochs=2)
    used = []
    step = trainer.update.step
    trainer.update.step = lambda gradients, phase: used.append(phase) or step(gradients, phase)
    trained(trainer)
    assert used == [trainer.phases[0]] * 4 * UPDATES_PER_FILE + [trainer.phases[1]] * 5 * UPDATES_PER_FILE


def test_crops_follow_the_step_and_views_the_protocol(study):
    trainer = trainer_of(study)
    rows = torch.arange(8)
    first = trainer.training_input(rows)
    assert first.shape == (8, 3, 12, 12)
    assert torch.equal(first, trainer.training_input(rows))
    trainer.advance()
    assert not torch.equal(first, trainer.training_input(rows))
    plain = trainer_of(study, augmentation="none").training_input(rows)
    data = tiny_data()
    mean = torch.from_numpy(data.mean_image[:, 2:14, 2:14]).float()
    torch.testing.assert_close(plain, data.training_images[:8, 2:14, 2:14].permute(0, 3, 1, 2).float() - mean)


def test_history_has_a_row_an_epoch_with_these_fields(study):
    trainer = trained(trainer_of(study, epochs=3))
    rows = trainer.state.history
    assert [(row["epoch"], row["phase"], row["weight_rate_factor"]) for row in rows] == [
        (1, 1, 1.0),
        (2, 1, 1.0),
        (3, 2, 0.1),
    ]
    assert [row["images"] for row in rows] == [80, 80, 100]
    assert set(rows[0]) == {
        "epoch",
        "phase",
        "weight_rate_factor",
        "training_loss_nats",
        "training_error_percent",
        "validation_loss_nats",
        "validation_error_percent",
        "test_loss_nats",
        "test_error_percent",
        "images",
        "seconds",
    }
    assert sum(row["seconds"] for row in rows) == pytest.approx(trainer.state.seconds)
    assert trainer.state.step == (4 + 4 + 5) * UPDATES_PER_FILE == trainer.total_updates()


def test_validation_figures_are_of_the_file_left_out_and_end_when_it_joins(study):
    trainer = trainer_of(study, epochs=2)
    for _ in range(4 * UPDATES_PER_FILE):
        trainer.advance()
    (row,) = trainer.state.history
    data = trainer.data
    score = trainer.evaluate(ImageSet(data.training_images[80:], data.training_labels[80:]))
    assert (row["validation_loss_nats"], row["validation_error_percent"]) == (score.loss_nats, score.top1_error_percent)
    test = trainer.evaluate(data.test())
    assert (row["test_loss_nats"], row["test_error_percent"]) == (test.loss_nats, test.top1_error_percent)
    last = trained(trainer).state.history[-1]
    assert last["validation_loss_nats"] is None and last["validation_error_percent"] is None


def test_running_figures_average_over_images_not_batches(study, monkeypatch):
    trainer = trainer_of(study, epochs=2)
    given = []

    def one_update(phase):
        given.append(([8, 8, 4][len(given) % 3], float(len(given)), float(len(given) % 3)))
        size, loss, wrong = given[-1]
        return loss, wrong, size

    monkeypatch.setattr(trainer, "_one_update", one_update)
    for _ in range(4 * UPDATES_PER_FILE):
        trainer.advance()
    row = trainer.state.history[0]
    assert row["training_loss_nats"] == pytest.approx(sum(size * loss for size, loss, _ in given) / 80)
    assert row["training_error_percent"] == pytest.approx(100 * sum(wrong for _, _, wrong in given) / 80)


def stopping(study, losses_of_file_5):
    """Return each epoch's phase under made-up losses: 4 and 2 in phase 1, then 3 but on file 5 as given."""
    rule = {"weight_rate_factor": 1.0, "until": "file_5_reaches_first_phase_loss"}
    phases = [
        Phase(epochs=2, training_files=[1, 2, 3, 4], weight_rate_factor=1.0),
        Phase(epochs=5, training_files=[1, 2, 3, 4, 5], **rule),
        Phase(epochs=1, training_files=[1, 2, 3, 4, 5], weight_rate_factor=0.1),
    ]
    variant = study.variant("small").model_copy(update={"order": "files"})
    trainer = Trainer(variant, phases, 1, tiny_data())

    def one_update(phase):
        epoch, file = len(trainer.state.history), trainer.state.update_in_epoch // UPDATES_PER_FILE + 1
        if epoch < 2:
            return [4.0, 2.0][epoch], 0.0, 8
        return (losses_of_file_5[epoch - 2] if file == 5 else 3.0), 0.0, 8

    trainer._one_update = one_update
    return [row["phase"] for row in trained(trainer).state.history]


def test_the_phase_ends_when_file_5_reaches_the_first_phases_last_loss(study):
    assert stopping(study, [2.5, 2.1, 2.0, 9, 9, 9]) == [1, 1, 2, 2, 2, 3]
    assert stopping(study, [1.9, 9, 9, 9, 9, 9]) == [1, 1, 2, 3]
    assert stopping(study, [2.5] * 6) == [1, 1, 2, 2, 2, 2, 2, 3]  # never reached: the limit


def test_a_loss_that_is_not_finite_stops_with_epoch_and_step(study):
    trainer = trainer_of(study)
    for _ in range(4 * UPDATES_PER_FILE + 2):
        trainer.advance()
    with torch.no_grad():
        trainer.update.parameters[0].fill_(math.nan)
    with pytest.raises(ReproduceError) as caught:
        trainer.advance()
    assert str(caught.value) == (
        "the loss became nan in epoch 2, update 3 (step 15 of the run); "
        "try a lower learning_rate or weight_std in the network spec, or precision: fp32"
    )


def test_weights_lost_in_the_last_update_of_an_epoch_stop_it_too(study):
    trainer = trainer_of(study)
    for _ in range(4 * UPDATES_PER_FILE - 1):
        trainer.advance()
    step = trainer.update.step

    def blow_up(gradients, phase):
        step(gradients, phase)
        with torch.no_grad():
            trainer.update.parameters[0].fill_(math.inf)

    trainer.update.step = blow_up
    with pytest.raises(ReproduceError, match=r"^the loss became nan in epoch 1, update 12 \(step 12 of the run\); try"):
        trainer.advance()
    assert trainer.state.history == []


@pytest.mark.parametrize("updates", [1, 7, 12, 13, 40])
def test_a_saved_and_loaded_trainer_goes_on_bit_for_bit(study, tmp_path, updates):
    unbroken = trainer_of(study)
    for _ in range(updates):
        unbroken.advance()
    save_checkpoint(tmp_path / "c.pt", {"trainer": unbroken.state_dict()})
    trained(unbroken)
    resumed = trainer_of(study)
    resumed.load_state_dict(load_checkpoint(tmp_path / "c.pt")["trainer"])
    assert resumed.state.step == updates
    trained(resumed)
    for one, other in zip(resumed.update.parameters, unbroken.update.parameters, strict=True):
        assert torch.equal(one, other)
    for one, other in zip(resumed.update.velocities, unbroken.update.velocities, strict=True):
        assert torch.equal(one, other)
    without_clock = [
        [{name: value for name, value in row.items() if name != "seconds"} for row in trainer.state.history]
        for trainer in (resumed, unbroken)
    ]
    assert without_clock[0] == without_clock[1]
    assert len(without_clock[0]) == 6


def test_the_trained_network_learned(study):
    trainer = trained(trainer_of(study, epochs=40, name="long", order="files", augmentation="none"))
    # brightness tells the class; guessing makes 90 % errors
    assert trainer.evaluate(trainer.data.training()).top1_error_percent < 75


def test_seeds_give_different_runs_and_the_same_seed_the_same(study):
    one, again, other = (trained(trainer_of(study, epochs=2, seed=seed)) for seed in (1, 1, 2))
    weights = [trainer.network.layers["fc10"].weight for trainer in (one, again, other)]
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])


def test_precision_reaches_the_network_and_weights_stay_float32(study):
    trainer = trainer_of(study, epochs=2, precision="bf16")
    assert trainer.training_input(torch.arange(2)).dtype == torch.bfloat16
    trained(trainer)
    assert {parameter.dtype for parameter in trainer.update.parameters + trainer.update.velocities} == {torch.float32}


def test_the_test_set_is_only_looked_at(study):
    """A run on other test images ends with the same weights."""
    one, other = trainer_of(study, epochs=2), trainer_of(study, epochs=2)
    images = copy.deepcopy(other.data.test_images)
    other.data.test_images[:] = 255 - images
    assert len(images) == TEST_IMAGES
    for first, second in zip(trained(one).network.parameters(), trained(other).network.parameters(), strict=True):
        assert torch.equal(first, second)


def test_five_files_hold_the_training_images():
    data = tiny_data()
    assert data.images_per_file == IMAGES_PER_FILE
    assert data.file_rows(5) == slice(80, 100)
    assert loop.TrainingData(*([torch.zeros(50_000)] * 4), mean_image=None).file_rows(2) == slice(10_000, 20_000)


def inputs_of_updates(trainer, updates):
    """Return the images that the network read in so many updates."""
    seen = []
    handle = trainer.network.register_forward_pre_hook(lambda network, given: seen.append(given[0].clone()))
    for _ in range(updates):
        trainer.advance()
    handle.remove()
    return seen


def test_color_noise_switched_off_in_a_phase_leaves_neither_shift_nor_division(study):
    data = tiny_data()
    data = dataclasses.replace(data, color_covariance=np.diag([400.0, 900.0, 1600.0]))
    changes = {"order": "files", "augmentation": "none", "color_noise": "standard_deviation"}
    variant = study.variant("small").model_copy(update=changes)
    noisy = Phase(epochs=1, training_files=[1], weight_rate_factor=1.0)
    trainer = Trainer(variant, [noisy, noisy.model_copy(update={"color_noise": False})], 1, data)
    mean = torch.from_numpy(data.mean_image[:, 2:14, 2:14]).float()
    centered = data.training_images[:8, 2:14, 2:14].permute(0, 3, 1, 2).float() - mean
    first = trainer.training_input(torch.arange(8))
    (used,) = inputs_of_updates(trainer, 1)
    assert torch.equal(used, first)
    shifts = used * 1.1 - centered  # one number an image and channel, of standard deviation 2, 3 and 4
    torch.testing.assert_close(shifts, shifts[:, :, :1, :1].expand_as(shifts), rtol=0, atol=1e-3)
    assert (shifts[:, :, 0, 0].abs() < torch.tensor([10.0, 15.0, 20.0])).all() and shifts.abs().max() > 1
    while trainer.state.phase == 0:
        trainer.advance()
    assert torch.equal(trainer.training_input(torch.arange(8)), centered)
    assert torch.equal(inputs_of_updates(trainer, 1)[0], centered)


def test_a_layer_frozen_in_a_phase_stands_still_while_the_others_go_on(study):
    free = Phase(epochs=1, training_files=[1], weight_rate_factor=1.0)
    frozen = free.model_copy(update={"layer_rates": {"conv1": LayerRates(weight_rate_factor=0, bias_rate_factor=0)}})
    trainer = Trainer(study.variant("small"), [free, frozen, free], 1, tiny_data())
    standing = []
    while not trainer.finished():
        before = [parameter.detach().clone() for parameter in trainer.update.parameters]
        phase = trainer.state.phase
        trainer.advance()
        same = [torch.equal(one, other) for one, other in zip(before, trainer.update.parameters, strict=True)]
        standing.append((phase, same[:2], any(same[2:])))
    moving, still = ([False, False], False), ([True, True], False)
    expected = [(0, *moving)] * UPDATES_PER_FILE + [(1, *still)] * UPDATES_PER_FILE + [(2, *moving)] * UPDATES_PER_FILE
    assert standing == expected
