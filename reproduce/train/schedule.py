"""When a phase ends before its epochs are over."""

import math

from reproduce.config import Phase

History = list[dict[str, float | int | None]]


def ends_early(
    phase: Phase, number: int, history: History, sums: dict[int, list[float]], first_phase_loss: float | None
) -> bool:
    """Return whether ``phase`` is over after the epoch that ``history`` ends with.

    Args:
        phase: the present phase.
        number: its number, from 1, as in ``history``.
        history: a row an epoch, of the whole run.
        sums: [loss, wrong, images] of the epoch, by file.
        first_phase_loss: mean training loss of the first phase's last epoch, in nats; None in the first phase.
    """
    match phase.until:
        case "file_5_reaches_first_phase_loss":
            loss, _, images = sums.get(5, [math.inf, 0.0, 1.0])
            return first_phase_loss is not None and loss / images <= first_phase_loss
        case "validation_error_plateau":
            errors = [row["validation_error_percent"] for row in history if row["phase"] == number]
            return len(errors) - 1 - errors.index(min(errors)) >= phase.plateau_epochs
    return False
