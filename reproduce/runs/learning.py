"""Speed of learning, from the losses of every update and the errors of every epoch that a run keeps."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

WINDOW = 100  # updates that a loss is averaged over
_OF_CHANCE = 6 / 7  # share of the loss of guessing: 5.92 of 6.91 nats on ILSVRC, 1.97 of 2.30 on CIFAR-10

# In study alexnet_small, the lowest whole percent that every run of base, no_dropout, plateau and plateau_no_dropout
# falls below at the first rate. Chosen when these runs were known, by that rule alone.
HELD_OUT_LEVEL_PERCENT = 26.0
_HELD_OUT_WINDOW = 5  # epochs


def updates_to_leave_chance(losses: np.ndarray, classes: int, window: int = WINDOW) -> int | None:
    """Return the updates until the loss is a seventh below that of guessing, None if it never is (D41).

    The level is the same for all nets on data with the same number of classes. A level relative to the first update's
    loss would not be, since biases of 1 raise that loss.

    Args:
        losses: loss of every update in order, in nats.
        classes: number of classes in the data; guessing costs ln(classes).
        window: number of updates that the loss is averaged over.
    """
    return updates_to_reach(pd.Series(losses), _OF_CHANCE * math.log(classes), window)


def updates_to_reach(values: pd.Series, level: float, window: int = 20) -> int | None:
    """Return the first update at which the mean of the last ``window`` values is below ``level``, or None.

    Args:
        values: one per update of a run, in order; of values that are one per epoch, epochs are counted.
        level: the mean to fall below, in the values' unit.
        window: number of values averaged, and so the first number that can be returned.
    """
    below = values.reset_index(drop=True).rolling(window).mean() < level
    return int(below.idxmax()) + 1 if below.any() else None


def updates_to_held_out_level(history: pd.DataFrame, updates: int) -> int | None:
    """Return the updates until five epochs' mean held-out error first lies below a fixed level, None if never (D40).

    The paper's "roughly doubles the number of iterations required to converge" (section 4.2) names no measure; this one
    was chosen when the runs were known. Only epochs at the first learning rate count: nets may leave that rate at
    different times, and the error falls whenever the rate falls. The level is the same for every net, so it measures
    the time to a given error and not to a net's own best error. A net with a lower final error passes the level sooner.

    Args:
        history: history of one run, one row per epoch.
        updates: updates of the whole run; every epoch has the same number.
    """
    at_first_rate = history["phase"].eq(history["phase"].iloc[0])
    errors = history.loc[at_first_rate, "validation_error_percent"]
    epochs = updates_to_reach(errors, HELD_OUT_LEVEL_PERCENT, _HELD_OUT_WINDOW)
    return None if epochs is None else round(epochs * updates / len(history))


def updates_to_converge(history: pd.DataFrame, updates: int, waits: Sequence[int]) -> list[int] | None:
    """Return the updates until the best held-out error at each learning rate (D40).

    The result is None where a phase was cut off at its greatest length: it was still improving, so its best error is
    not known. The epochs in which the rule waits for a better error are left out. Their number is the same for every
    net, so they would draw the ratio of two nets toward 1.

    Args:
        history: history of a run whose phases end when the validation error stops improving; one row per epoch.
        updates: updates of the whole run; every epoch has the same number.
        waits: for each phase, the number of epochs without a better error that ends the phase.
    """
    found = []
    for (_, errors), wait in zip(history.groupby("phase")["validation_error_percent"], waits, strict=True):
        epochs = int(np.argmin(errors.to_numpy())) + 1
        if len(errors) - epochs < wait:
            return None
        found.append(round(epochs * updates / len(history)))
    return found
