"""Speed of learning, by hand-worked losses and errors."""

import math

import numpy as np
import pandas as pd
import pytest

from reproduce.base.paths import RESULTS
from reproduce.runs.learning import (
    HELD_OUT_LEVEL_PERCENT,
    updates_to_converge,
    updates_to_held_out_level,
    updates_to_leave_chance,
    updates_to_reach,
)
from reproduce.runs.run_files import read_history
from reproduce.runs.table import published_runs
from reproduce.study.study import load_study


def test_chance_is_left_when_the_mean_of_the_last_hundred_is_a_seventh_below_it():
    """Of 1,000 classes guessing costs 6.908 nats, six sevenths are 5.921: 54 losses of 5 and 46 of 7 average 5.92."""
    losses = np.array([7.0] * 300 + [5.0] * 300, dtype=np.float32)
    assert updates_to_leave_chance(losses, 1000) == 354
    assert updates_to_leave_chance(losses[:350], 1000) is None
    assert updates_to_leave_chance(losses[:50], 1000) is None


def test_the_level_does_not_depend_on_where_a_net_starts():
    falling = np.linspace(math.log(10), 1.0, 1000)
    high = np.concatenate([[9.0], falling[1:]])
    assert updates_to_leave_chance(falling, 10) == updates_to_leave_chance(high, 10)


def test_waiting_for_a_better_error_is_not_counted():
    """Best after 3 of 5 epochs at the first rate (the earlier of two alike) and 1 of 3 at the second."""
    errors = [50.0, 45.0, 40.0, 40.0, 41.0, 30.0, 31.0, 32.0]
    history = pd.DataFrame({"phase": [1] * 5 + [2] * 3, "validation_error_percent": errors})
    assert updates_to_converge(history, 8 * 157, [2, 2]) == [3 * 157, 157]


def test_a_phase_cut_off_while_it_improved_has_not_converged():
    """At the second rate the third epoch of three is the best: the most epochs were reached, not the rule's end."""
    errors = [50.0, 45.0, 40.0, 40.0, 41.0, 30.0, 29.0, 28.0]
    history = pd.DataFrame({"phase": [1] * 5 + [2] * 3, "validation_error_percent": errors})
    assert updates_to_converge(history, 8 * 157, [2, 2]) is None


@pytest.mark.parametrize(
    ("errors", "phases", "epochs"),
    [
        ([40, 30, 26, 26, 26, 24, 24, 27, 20, 20], [1] * 10, 7),  # means of five: 29.6, 26.4, 25.2
        ([40, 30, 20, 20, 20, 20, 20, 20, 20, 20], [1] * 10, 6),  # mean 26 is not below it, 22 is
        ([40, 30, 20, 20, 20, 20, 20, 20, 20, 20], [1] * 5 + [2] * 5, None),  # reached at the second rate only
        ([20, 20, 20, 20, 30, 30, 30, 30, 30, 30], [1] * 10, 5),  # rising again undoes nothing
        ([20, 20, 20, 20], [1] * 4, None),  # fewer than five epochs
    ],
)
def test_the_held_out_level_is_reached_when_five_epochs_at_the_first_rate_average_below_it(errors, phases, epochs):
    history = pd.DataFrame({"phase": phases, "validation_error_percent": errors})
    expected = None if epochs is None else epochs * 157
    assert HELD_OUT_LEVEL_PERCENT == 26
    assert updates_to_held_out_level(history, len(errors) * 157) == expected


def test_the_held_out_level_is_the_lowest_whole_percent_that_all_four_arms_fall_below():
    arms, lowest = ("base", "no_dropout", "plateau", "plateau_no_dropout"), []
    for run in published_runs(load_study("alexnet_small")):
        if run.variant in arms:
            history = read_history(RESULTS / "runs" / str(run) / "history.csv")
            errors = history.loc[history["phase"].eq(1), "validation_error_percent"]
            lowest.append(min(errors[end - 5 : end].mean() for end in range(5, len(errors) + 1)))
    assert len(lowest) == 17
    assert math.floor(max(lowest)) + 1 == HELD_OUT_LEVEL_PERCENT


def test_reaching_a_loss_is_judged_by_the_mean_of_a_window():
    losses = pd.Series([3.0, 1.0, 3.0, 2.0, 1.5, 9.0])  # means of two: 2, 2, 2.5, 1.75, 5.25
    assert updates_to_reach(losses, 1.9, window=2) == 5
    assert updates_to_reach(losses, 2.1, window=2) == 2
    assert updates_to_reach(losses, 1.7, window=2) is None
    assert updates_to_reach(losses, 9.9, window=7) is None  # fewer updates than the window
