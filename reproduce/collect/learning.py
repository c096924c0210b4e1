"""How soon a run learned, from what it keeps beside its metrics: losses of every update, errors of every epoch."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

WINDOW = 100  # updates that a loss is averaged over
_OF_CHANCE = 6 / 7  # ILSVRC: 5.92 nats, one below the 6.91 of guessing; CIFAR-10: 1.97 of 2.30


def updates_to_leave_chance(losses: np.ndarray, classes: int, window: int = WINDOW) -> int | None:
    """Return after how many updates the loss is a seventh below what guessing costs, None if it never is (D41).

    The level is the same for every net of as many classes. One below the first update's loss would not be: biases of 1
    raise that loss, and so the level to be reached.

    Args:
        losses: of every update in order, in nats.
        classes: of the data; guessing costs ln(classes).
        window: updates that the loss is averaged over.
    """
    return updates_to_reach(pd.Series(losses), _OF_CHANCE * math.log(classes), window)


def updates_to_reach(losses: pd.Series, loss_nats: float, window: int = 20) -> int | None:
    """Return the first update at which the mean loss of the last ``window`` updates is below ``loss_nats``, or None.

    Args:
        losses: of one run's updates in order, in nats.
        loss_nats: the loss to reach.
        window: updates averaged; none is counted before there are so many.
    """
    below = losses.reset_index(drop=True).rolling(window).mean() < loss_nats
    return int(below.idxmax()) + 1 if below.any() else None


def updates_to_converge(history: pd.DataFrame, updates: int, waits: Sequence[int]) -> list[int] | None:
    """Return the updates until the best held-out error at each rate (D40); None where a phase was cut off before.

    The epochs in which the rule waited for a better one are left out: they are the same number for every net, and
    would draw the ratio of two nets toward 1. A phase that came to its longest without having waited was still
    improving: where its best lies is not known.

    Args:
        history: of a run whose phases end when the validation error stops improving; a row an epoch.
        updates: of the whole run; every epoch has as many.
        waits: of each phase, the epochs without a better error that end it.
    """
    found = []
    for (_, errors), wait in zip(history.groupby("phase")["validation_error_percent"], waits, strict=True):
        epochs = int(np.argmin(errors.to_numpy())) + 1
        if len(errors) - epochs < wait:
            return None
        found.append(round(epochs * updates / len(history)))
    return found
