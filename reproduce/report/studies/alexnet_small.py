"""AlexNet's ingredients at reduced scale: error by epoch of every arm, and the effect of each ingredient."""

from typing import Any

import pandas as pd

from reproduce.base.text import frame_as_markdown, p_value_words, unit_words, with_interval
from reproduce.data.registry import CIFAR10
from reproduce.judge.rules import NOT_RUN
from reproduce.report import ablation_table
from reproduce.report.effects import points_words
from reproduce.report.figures.arms_beside_base import arms_beside_base
from reproduce.report.records import Records
from reproduce.report.verdict_tables import bold_verdict
from reproduce.runs import statistics
from reproduce.runs.learning import WINDOW, updates_to_leave_chance

STUDY, BASE = "alexnet_small", "base"
_MEASURES = ("training", "validation")
_BIAS_ARMS, _BIAS_WINDOWS = ("early_biases_zero", "early"), (1, 10, 20, 50, WINDOW, 200)


def load_curves(loaded: Records) -> pd.DataFrame:
    """Return the study's mean curves over seeds: variant, epochs, epoch, n_seeds, training and validation errors.

    Errors are top-1, in percent. ``validation`` is of the held-out images; ``training`` is the running error, under the
    arm's own crops, flips, color noise and dropout.

    Raises:
        ReproduceError: the collected table is missing or lacks a column.
    """
    errors = [f"{measure}_error_percent_mean" for measure in _MEASURES]
    columns = ["variant", "epochs", "epoch", "n_seeds", *errors]
    frame = loaded.table("histories_mean", " ".join(["study", *columns]), STUDY)
    renamed = {name: name.removesuffix("_mean") for name in errors}
    return frame[columns].rename(columns=renamed)


def claimed_effects_table(loaded: Records) -> pd.DataFrame:
    """Return one row per claim that has runs: ingredient, measure, effect with its interval, seeds, p by Holm, verdict.

    An effect is the amount by which the ingredient lowers the measure, or the ratio claimed to be above 1. Holm's
    family is all judged claims of the study that compare something, run or not.
    """
    table = ablation_table.load_ablations(loaded)
    table = table[table["study"].eq(STUDY) & table["verdict"].ne(NOT_RUN)]
    rows = []
    for row in table.itertuples():
        rows.append(
            {
                "ingredient": row.ablation,
                "measure": ablation_table.MEASURES.get(row.estimand, row.estimand),
                "with the ingredient it is": _effect(row),
                "seeds": " and ".join(f"{n:.0f}" for n in (row.n_first, row.n_second) if pd.notna(n)),
                "p (Holm)": p_value_words(row.p_value_holm),
                "verdict": bold_verdict(row),
            }
        )
    return pd.DataFrame(rows)


def _effect(row: Any) -> str:
    if row.unit == "percentage_points":
        return points_words(row.estimate, row.low, row.high, row.confidence_percent)
    unit, confidence = unit_words(row.unit), row.confidence_percent
    return with_interval(row.estimate, row.low, row.high, unit=unit, confidence_percent=confidence)


def bias_windows_table(loaded: Records) -> pd.DataFrame:
    """Return one row per averaging window: updates to leave chance with biases at 0, divided by those with biases at 1.

    The intervals are Welch's 95 % over seeds, on the log scale. The window that decides the claim (D41) is bold.
    """
    losses = loaded.table("update_losses", "study variant seed training_loss_nats", STUDY)
    rows = []
    for window in _BIAS_WINDOWS:
        found = [_updates_by_seed(losses[losses["variant"].eq(arm)], window) for arm in _BIAS_ARMS]
        if not all(found):  # no runs, or one that never left chance
            continue
        ratio = statistics.ratio(*found)
        seen = f"**{window}**" if window == WINDOW else str(window)
        rows.append({"updates averaged": seen, "ratio": with_interval(ratio.value, ratio.low, ratio.high, 3)})
    return pd.DataFrame(rows, columns=["updates averaged", "ratio"])


def _updates_by_seed(losses: pd.DataFrame, window: int) -> list[int]:
    """Return each run's updates to leave chance, or an empty list if any run never does."""
    by_seed = losses.groupby("seed")["training_loss_nats"]
    found = [updates_to_leave_chance(run.to_numpy(), CIFAR10.classes, window) for _, run in by_seed]
    return [] if None in found else found


FIGURES = {"alexnet_small_learning_curves": lambda loaded: arms_beside_base(load_curves(loaded), BASE)}
BLOCKS = {
    "small-effects": lambda loaded: frame_as_markdown(claimed_effects_table(loaded)),
    "bias-windows": lambda loaded: frame_as_markdown(bias_windows_table(loaded)),
}
