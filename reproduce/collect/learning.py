"""How soon a run learned, from what it keeps beside its metrics: losses of every update, errors of every epoch."""

import math

import numpy as np
import pandas as pd

_WINDOW = 100  # updates that a loss is averaged over
_OF_CHANCE = 6 / 7  # ILSVRC: 5.92 nats, one below the 6.91 of guessing; CIFAR-10: 1.97 of 2.30


def updates_to_leave_chance(losses: np.ndarray, classes: int) -> int | None:
    """Return after how many updates the loss is a seventh below what guessing costs, None if it never is (D41).

    The level is the same for every net of as many classes. One below the first update's loss would not be: biases of 1
    raise that loss, and so the level to be reached.

    Args:
        losses: of every update in order, in nats; averaged over the last 100.
        classes: of the data; guessing costs ln(classes).
    """
    return updates_to_reach(pd.Series(losses), _OF_CHANCE * math.log(classes), _WINDOW)


def updates_to_reach(losses: pd.Series, loss_nats: float, window: int = 20) -> int | None:
    """Return the first update at which the mean loss of the last ``window`` updates is below ``loss_nats``, or None.

    Args:
        losses: of one run's updates in order, in nats.
        loss_nats: the loss to reach.
        window: updates averaged; none is counted before there are so many.
    """
    below = losses.reset_index(drop=True).rolling(window).mean() < loss_nats
    return int(below.idxmax()) + 1 if below.any() else None


def updates_to_converge(history: pd.DataFrame, updates: int) -> int:
    """Return the updates until the best held-out error at each rate, summed over the rates (D40).

    The epochs in which the rule waited for a better one are left out: they are the same number for every net, and
    would draw the ratio of two nets toward 1.

    Args:
        history: of a run whose phases end when the validation error stops improving; a row an epoch.
        updates: of the whole run; every epoch has as many.
    """
    errors = history.groupby("phase")["validation_error_percent"]
    epochs = sum(int(np.argmin(each.to_numpy())) + 1 for _, each in errors)
    return round(epochs * updates / len(history))
