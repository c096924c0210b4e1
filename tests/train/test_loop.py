"""The training loop: history, held-out file, divergence, and taking up where a saved state stands."""

import copy
import math

import pytest
import torch
from torch.nn import functional
from training_support import (
    BATCH_SIZE,
    IMAGES_PER_FILE,
    TEST_IMAGES,
    UPDATES_PER_FILE,
    tiny_data,
    trained,
    trainer_of,
)

from reproduce.base.errors import ReproduceError
from reproduce.data.in_memory import ImageSet, TrainingData
from reproduce.models.network import StepDraw
from reproduce.train.checkpoint import load_checkpoint, save_checkpoint

pytestmark = pytest.mark.usefixtures("one_thread")


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
    assert TrainingData(*([torch.zeros(50_000)] * 4), mean_image=None).file_rows(2) == slice(10_000, 20_000)
