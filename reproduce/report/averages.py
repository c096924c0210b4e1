"""Tables of the gains from averaging nets and views, for the notebook on averaging."""

import pandas as pd

from reproduce.base.text import with_interval
from reproduce.data.registry import DATASETS
from reproduce.report.effects import points_words
from reproduce.report.records import Records

_IDENTITY = "study variant epochs dataset scale schedule n_seeds"
_COLUMNS = {
    "ensembles": f"{_IDENTITY} nets groups member_error_percent ensemble_error_percent gain_percentage_points low high "
    "gain_percent_of_member_error",
    "views": f"{_IDENTITY} ten_view_error_percent center_error_percent difference_percentage_points low high",
    "validation_gaps": f"{_IDENTITY} validation_images test_images validation_error_percent test_error_percent "
    "absolute_difference_percentage_points low high sampling_standard_error_percentage_points "
    "sampling_mean_absolute_percentage_points by_seed_percentage_points",
}


def load(loaded: Records, name: str) -> pd.DataFrame:
    """Return ``ensembles``, ``views`` or ``validation_gaps`` as ``collect`` wrote it.

    Raises:
        ReproduceError: the table is missing or lacks a column.
    """
    return loaded.table(name, _COLUMNS[name])


def ensembles_table(ensembles: pd.DataFrame) -> pd.DataFrame:
    """Return each variant's gain by number of nets (two to five, and all), with its interval over groups, in words."""
    shown = ensembles[ensembles["nets"].between(2, 5) | ensembles["nets"].eq(ensembles["n_seeds"])]
    return pd.DataFrame(
        {
            "variant": shown["study"] + " " + shown["variant"],
            "setting": _settings(shown),
            "nets": shown["nets"],
            "groups": shown["groups"],
            "one net, %": shown["member_error_percent"],
            "their mean, %": shown["ensemble_error_percent"],
            "gain, points (95 % interval)": with_intervals(shown, "gain_percentage_points"),
            "gain, % of the error": shown["gain_percent_of_member_error"],
        }
    )


def views_table(views: pd.DataFrame) -> pd.DataFrame:
    """Return ten views against the center view of the same nets, in words."""
    return pd.DataFrame(
        {
            "variant": views["study"] + " " + views["variant"],
            "setting": _settings(views),
            "seeds": views["n_seeds"],
            "center, %": views["center_error_percent"],
            "ten views, %": views["ten_view_error_percent"],
            "with ten views the error is (95 % interval)": [
                points_words(-row.difference_percentage_points, -row.high, -row.low) for row in views.itertuples()
            ],
        }
    )


def validation_table(gaps: pd.DataFrame) -> pd.DataFrame:
    """Return the distance between validation and test error, beside the distance that sampling alone would give."""
    return pd.DataFrame(
        {
            "variant": gaps["study"] + " " + gaps["variant"],
            "setting": _settings(gaps),
            "seeds": gaps["n_seeds"],
            "images": gaps["validation_images"].astype(str) + " and " + gaps["test_images"].astype(str),
            "validation, %": gaps["validation_error_percent"],
            "test, %": gaps["test_error_percent"],
            "apart, points (95 % interval)": with_intervals(gaps, "absolute_difference_percentage_points"),
            "sampling alone, points": gaps["sampling_mean_absolute_percentage_points"],
        }
    )


def _settings(table: pd.DataFrame) -> list[str]:
    """Return in words each row's data set, its scale and, unless it is the source's, its length of schedule."""
    return [
        f"{DATASETS[row.dataset].title}, {row.scale} scale"
        + ("" if row.schedule == "full" else f", {row.schedule} schedule")
        for row in table.itertuples()
    ]


def with_intervals(table: pd.DataFrame, value: str) -> list[str]:
    """Return each row's ``value`` in words, with its interval from ``low`` to ``high`` if it has one."""
    return [
        with_interval(number, low, high) for number, low, high in table[[value, "low", "high"]].itertuples(index=False)
    ]
