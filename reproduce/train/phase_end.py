"""The rules by which a phase ends before its epochs are over."""

import math

from reproduce.study.variant import Phase

TRAINING_ERRORS = ("training_error_percent", "clean_training_error_percent")
History = list[dict[str, float | int | None]]


def ends_early(
    phase: Phase, number: int, history: History, sums: dict[int, list[float]], first_phase_loss: float | None
) -> bool:
    """Return whether ``phase`` is over after the last epoch in ``history``.

    Args:
        phase: the present phase.
        number: the phase's number, from 1, as in ``history``.
        history: one row per epoch of the whole run.
        sums: sums over the epoch's images, [loss, wrong answers, images], by file.
        first_phase_loss: mean training loss of the first phase's last epoch, in nats; None in the first phase.
    """
    match phase.until:
        case "file_5_reaches_first_phase_loss":
            loss, _, images = sums.get(5, [math.inf, 0.0, 1.0])
            return first_phase_loss is not None and loss / images <= first_phase_loss
        case "validation_error_plateau":
            errors = [row["validation_error_percent"] for row in history if row["phase"] == number]
            return len(errors) - 1 - errors.index(min(errors)) >= phase.plateau_epochs
        case "training_error_reached":
            reached = [history[-1].get(name) for name in TRAINING_ERRORS]
            return all(error is None or error <= phase.target_error_percent for error in reached)
    return False


def epochs_to_reach(history: History, column: str, error_percent: float) -> float | None:
    """Return the number of epochs until ``column`` is first at most ``error_percent``, None where it never is.

    Between the ends of two epochs the error is interpolated linearly. An error reached in the first epoch gives 1.
    """
    for index, row in enumerate(history):
        if row[column] <= error_percent:
            if index == 0:
                return 1.0
            before = history[index - 1][column]
            return index + (before - error_percent) / (before - row[column])
    return None
