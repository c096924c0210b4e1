"""Counters and history rows, worked by hand."""

import pytest

from reproduce.evaluate.predict import Scores
from reproduce.study.variant import Phase
from reproduce.train.state import State


def phase(epochs, **settings):
    return Phase(epochs=epochs, training_files=[1, 2], weight_rate_factor=0.1, **settings)


def test_a_row_weighs_every_image_alike_and_the_counters_turn_to_the_next_epoch():
    state = State(step=3, update_in_epoch=3)
    state.add_update(1, 2.0, 6.0, 8)
    state.add_update(1, 4.0, 1.0, 2)
    state.add_update(2, 1.0, 3.0, 10)
    state.add_seconds(0.25)
    state.add_seconds(0.5)
    state.end_epoch(phase(2), None, Scores(1.5, 40.0, 10.0))
    (row,) = state.history
    assert row == {
        "epoch": 1,
        "phase": 1,
        "weight_rate_factor": 0.1,
        "training_loss_nats": pytest.approx((16 + 8 + 10) / 20),
        "training_error_percent": 50.0,
        "validation_loss_nats": None,
        "validation_error_percent": None,
        "test_loss_nats": 1.5,
        "test_error_percent": 40.0,
        "images": 20,
        "seconds": 0.75,
    }
    assert (state.phase, state.epoch_in_phase, state.update_in_epoch, state.step) == (0, 1, 0, 3)
    assert (state.sums, state.seconds, state.epoch_seconds) == ({}, 0.75, 0.0)
    assert state.first_phase_loss == pytest.approx(1.7)


def test_phases_end_with_their_epochs_or_at_a_plateau():
    state, plateau = State(), phase(9, until="validation_error_plateau", plateau_epochs=1)
    standing = []
    for error in (50.0, 40.0, 45.0, 30.0, 30.0):
        state.add_update(1, 1.0, 0.0, 4)
        state.end_epoch(plateau, Scores(1.0, error, 0.0), None)
        standing.append((state.phase, state.epoch_in_phase))
    assert standing == [(0, 1), (0, 2), (1, 0), (1, 1), (2, 0)]
    state.add_update(1, 3.0, 0.0, 4)
    state.end_epoch(phase(1), None, None)
    assert (state.phase, state.epoch_in_phase, state.first_phase_loss) == (3, 0, 1.0)


def test_the_rule_of_file_5_ends_no_first_phase():
    """It compares with the first phase's last loss, which is not known before that phase is over."""
    state = State()
    rule = Phase(epochs=2, training_files=[1, 5], weight_rate_factor=1.0, until="file_5_reaches_first_phase_loss")
    standing = []
    for loss in (1.0, 1.0, 1.0):
        state.add_update(1, 2.0, 0.0, 4)
        state.add_update(5, loss, 0.0, 4)
        state.end_epoch(rule, None, None)
        standing.append((state.phase, state.epoch_in_phase, state.first_phase_loss))
    assert standing == [(0, 1, 1.5), (1, 0, 1.5), (2, 0, 1.5)]
