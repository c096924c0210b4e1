"""The quantities that arms are compared in: recorded metrics, and those derived from them."""

from collections.abc import Callable

import pandas as pd

from reproduce.base.errors import ReproduceError
from reproduce.runs.table import IDENTITY, METRICS, TIMES


def _gap(runs: pd.DataFrame, first: str, second: str) -> pd.Series:
    return runs[f"{first}_error_percent"] - runs[f"{second}_error_percent"]


# Estimands that are no column of the runs table but made from it, one value per run.
DERIVED_ESTIMANDS: dict[str, Callable[[pd.DataFrame], pd.Series]] = {
    "generalization_gap_percent": lambda runs: _gap(runs, "test_top1", "training_top1"),
    "center_generalization_gap_percent": lambda runs: _gap(runs, "test_center_top1", "training_top1"),
    "ten_view_gain_percent": lambda runs: _gap(runs[runs["views"].eq(10)], "test_center_top1", "test_top1"),
    "ten_view_top5_gain_percent": lambda runs: _gap(runs[runs["views"].eq(10)], "test_center_top5", "test_top5"),
    "validation_test_top1_difference_percentage_points": lambda runs: _gap(runs, "validation_top1", "test_top1").abs(),
    "validation_test_top5_difference_percentage_points": lambda runs: _gap(runs, "validation_top5", "test_top5").abs(),
}


# Metrics that only some runs record, and numbers derived from the arrays that only some runs keep.
_FURTHER_METRICS = [
    *("test_top5_error_percent", "test_center_top5_error_percent"),
    *("validation_top1_error_percent", "validation_top5_error_percent", "validation_loss_nats"),
    *("held_out_top1_error_percent", "sift_test_top1_error_percent", "color_test_top1_error_percent"),
    *("final_training_loss_nats", "epochs_to_25_percent_training_error", "epochs_to_25_percent_clean_training_error"),
    *("updates", "updates_to_leave_chance", "updates_to_held_out_level"),
    *("updates_to_converge", "updates_to_converge_at_first_rate"),
    *("color_specialization_above_chance_percent", "neighbor_purity_gain_percent"),
]


def known_estimands(runs: pd.DataFrame) -> list[str]:
    """Return every quantity that arms can be compared in: recorded by some runs, here or elsewhere, or derived."""
    recorded = [name for name in runs.columns if pd.api.types.is_numeric_dtype(runs[name])]
    known = dict.fromkeys([*METRICS, *TIMES, *_FURTHER_METRICS, *DERIVED_ESTIMANDS, *recorded])
    return [name for name in known if name not in IDENTITY]


def values_of_arm(arm: pd.DataFrame, estimand: str, where: str) -> list[float]:
    """Return one value per finished run; an empty list if any run lacks it, since a mean of the others would be biased.

    Args:
        arm: rows of the runs table.
        estimand: a metric, or one of ``DERIVED_ESTIMANDS``.
        where: name of the claim or comparison, for the error message.

    Raises:
        ReproduceError: there is no such metric.
    """
    finished = arm[arm["status"] == "finished"]
    if estimand in DERIVED_ESTIMANDS:
        values = DERIVED_ESTIMANDS[estimand](finished)
    elif estimand in arm and pd.api.types.is_numeric_dtype(arm[estimand]):
        values = finished[estimand]
    else:
        raise ReproduceError(f"{where}: runs have no metric {estimand!r}; correct its estimand")
    return [] if values.isna().any() else values.tolist()
