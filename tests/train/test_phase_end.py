"""When a phase ends before its epochs are over, on made-up histories."""

import pytest

from reproduce.study.variant import Phase
from reproduce.train.phase_end import ends_early, epochs_to_reach


def phase(until, **settings):
    return Phase(epochs=90, training_files=[1], weight_rate_factor=1.0, until=until, **settings)


def history(errors, number=1):
    return [{"phase": number, "validation_error_percent": error} for error in errors]


def lengths(errors, plateau_epochs, number=1, before=()):
    """Return after which epochs of the phase the rule says that it is over."""
    plateau = phase("validation_error_plateau", plateau_epochs=plateau_epochs)
    rows = [*before, *history(errors, number)]
    ends = range(len(before) + 1, len(rows) + 1)
    return [end - len(before) for end in ends if ends_early(plateau, number, rows[:end], {}, 1.0)]


@pytest.mark.parametrize(
    ("errors", "plateau_epochs", "expected"),
    [
        ([60, 50, 40, 30, 20], 1, []),  # it falls: nothing ends
        ([60, 50, 51, 52, 53], 3, [5]),  # 50 was the best, three epochs in a row did not lower it
        ([60, 50, 51, 52, 49, 55, 56], 3, []),  # lowered in time, and only two since
        ([60, 50, 50, 50], 2, [4]),  # an equal error does not lower it
        ([60, 61], 1, [2]),
        ([60], 1, []),
    ],
)
def test_a_phase_ends_once_so_many_epochs_have_not_lowered_its_validation_error(errors, plateau_epochs, expected):
    assert lengths(errors, plateau_epochs) == expected


def test_the_plateau_counts_from_the_phases_own_best():
    """A drop of the rate can raise the error first; what an earlier phase reached does not end the next."""
    assert lengths([25, 24, 23], 1, number=2, before=history([40, 20, 21], 1)) == []
    assert lengths([25, 26], 1, number=2, before=history([40, 20, 21], 1)) == [2]


def test_the_rule_of_file_5_compares_its_loss_with_the_first_phases():
    rule, rows = phase("file_5_reaches_first_phase_loss"), history([None])
    sums = {1: [1.0, 0.0, 10.0], 5: [20.0, 0.0, 10.0]}  # 2 nats an image on file 5
    assert ends_early(rule, 2, rows, sums, 2.0) and ends_early(rule, 2, rows, sums, 2.1)
    assert not ends_early(rule, 2, rows, sums, 1.9)
    assert not ends_early(rule, 1, rows, sums, None)
    assert not ends_early(rule, 2, rows, {1: [0.0, 0.0, 10.0]}, 2.0)  # the phase does not read file 5


def test_epochs_alone_never_end_early():
    assert not ends_early(phase("epochs"), 1, history([1, 2, 3, 4, 5, 6]), {5: [0.0, 0.0, 1.0]}, 9.0)


@pytest.mark.parametrize(
    ("running", "clean", "expected"),
    [
        (25.0, None, True),  # where no clean pass is recorded, the running error decides
        (25.1, None, False),
        (24.0, 26.0, False),  # both have to be there
        (26.0, 24.0, False),
        (24.0, 25.0, True),
    ],
)
def test_reaching_a_training_error_takes_every_recorded_one(running, clean, expected):
    row = {"training_error_percent": running} | ({} if clean is None else {"clean_training_error_percent": clean})
    to_target = phase("training_error_reached", target_error_percent=25.0)
    assert ends_early(to_target, 1, [row], {}, None) is expected


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        ([60, 40, 30, 20, 10], 3.5),  # 30 after three epochs and 20 after four: 25 halfway
        ([60, 25, 20], 2.0),
        ([24, 20], 1.0),  # within the first epoch
        ([60, 26, 28, 25], 4.0),
        ([60, 50], None),
        ([], None),
    ],
)
def test_epochs_to_reach_an_error_are_read_off_the_straight_line_between_epochs(errors, expected):
    rows = [{"training_error_percent": error} for error in errors]
    assert epochs_to_reach(rows, "training_error_percent", 25.0) == (expected and pytest.approx(expected))
