"""The settings of a phase: rates, color noise, layers that stand still, and when it ends."""

import dataclasses

import numpy as np
import pytest
import torch
from training_support import (
    UPDATES_PER_FILE,
    tiny_data,
    trained,
    trainer_of,
)

from reproduce.study.variant import LayerRates, Phase
from reproduce.train.loop import Trainer

pytestmark = pytest.mark.usefixtures("one_thread")


def test_the_phases_factors_reach_the_update(study):
    trainer = trainer_of(study, epochs=2)
    used = []
    step = trainer.update.step
    trainer.update.step = lambda gradients, phase: used.append(phase) or step(gradients, phase)
    trained(trainer)
    assert used == [trainer.phases[0]] * 4 * UPDATES_PER_FILE + [trainer.phases[1]] * 5 * UPDATES_PER_FILE


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
