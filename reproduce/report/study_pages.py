"""Tables that a study's page shows of its own results: its arms, and the effects of its 2 x 2 designs."""

from pathlib import Path

import pandas as pd

from reproduce.base.csv_tables import read_table
from reproduce.base.text import frame_as_markdown, with_interval
from reproduce.report import records
from reproduce.runs.estimands import values_of_arm
from reproduce.runs.statistics import mean_interval

_SHARES = ["share_percent", "share_low_percent", "share_high_percent"]
_EFFECT_COLUMNS = " ".join(["study meaning n value low high p_value_holm published_gain", *_SHARES])
_GAP = "center_generalization_gap_percent"


def arms_table(study: str, tables: Path | None = None) -> str:
    """Return a row an arm: finished seeds, test and training error and their difference, with 95 % t-intervals.

    The difference is that of the center view, by which training error is taken; the test error is that of all views.
    """
    frame = read_table(_tables(tables) / "summary.csv", "study variant epochs listed finished metric mean low high")
    runs = read_table(_tables(tables) / "runs.csv", "study variant epochs status")
    rows = []
    for (variant, epochs), arm in frame[frame["study"].eq(study)].groupby(["variant", "epochs"], sort=False):
        of = arm.set_index("metric")
        row = {"arm": f"`{variant}`", "epochs": epochs, "seeds": f"{of['finished'].iloc[0]} of {of['listed'].iloc[0]}"}
        for name, metric in (("test error, %", "test_top1"), ("training error, %", "training_top1")):
            row[name] = with_interval(*of.loc[f"{metric}_error_percent", ["mean", "low", "high"]])
        same = runs["study"].eq(study) & runs["variant"].eq(variant) & runs["epochs"].eq(epochs)
        row["test minus training error (center), points"] = _gap(runs[same], study)
        rows.append(row)
    return frame_as_markdown(pd.DataFrame(rows))


def _gap(arm: pd.DataFrame, study: str) -> str:
    values = values_of_arm(arm, _GAP, f"the page of {study}")
    if not values:
        return "-"
    gap = mean_interval(values)
    return with_interval(gap.value, gap.low, gap.high)


def effects_table(study: str, tables: Path | None = None) -> str:
    """Return a row an effect of the study's designs: points of error lowered, share of the published gain if any is."""
    frame = read_table(_tables(tables) / "factorials.csv", _EFFECT_COLUMNS)
    rows = []
    effects = frame[frame["study"].eq(study)]
    for effect in effects.itertuples():
        row = {
            "effect": effect.meaning,
            "points": with_interval(effect.value, effect.low, effect.high),
            "p (Holm)": "-" if pd.isna(effect.p_value_holm) else f"{effect.p_value_holm:.2g}",
        }
        if effects["published_gain"].notna().any():
            shares = (getattr(effect, name) for name in _SHARES)
            row["share of the published gain, %"] = with_interval(*shares, decimals=0)
        rows.append(row)
    return frame_as_markdown(pd.DataFrame(rows))


def _tables(folder: Path | None) -> Path:
    return folder or records.TABLES
