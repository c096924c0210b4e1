"""The contest's error rates, 2010 to 2017, as typed tables whose rows say how each figure was measured.

An error rate means something only with its test set, the number of networks and views, and the training data. Every
table here has columns for these, and marks differences between errors on different images.
"""

from pathlib import Path

import pandas as pd

from reproduce.base.errors import ReproduceError
from reproduce.base.paths import PAPER_NOTES, relative_to_repo
from reproduce.base.tables import percentages, read_table, yes_or_no

TIMELINE_CSV = PAPER_NOTES / "ilsvrc_timeline.csv"

# Images that were scored: 2012 to 2017 share one test set of 100,000 (the official results pages).
_TEST_SETS = {
    "ILSVRC2010": "ILSVRC-2010",
    "ILSVRC2011": "ILSVRC-2011",
    "ILSVRC2012": "ILSVRC-2012",
    "ILSVRC2012 test": "ILSVRC-2012",
    "ILSVRC2012-2014 test sample": "ILSVRC-2012 to 2014 sample",
}
_SPLITS = {"test": "test", "test (top-1 on val)": "test", "val": "val", "test sample": "test sample"}
_COLUMNS = (
    "year test_set n_images split role place team method top1_error_pct top5_error_pct ensemble external_data se_pp "
    "verification notes source"
)
_CONTEST_YEARS = range(2010, 2018)


def _mapped(column: pd.Series, meaning: dict[str, str], path: Path) -> pd.Series:
    unknown = column[~column.isin(list(meaning))]
    if len(unknown):
        raise ReproduceError(
            f"{unknown.iloc[0]!r} in column {column.name} of {relative_to_repo(path)}, line {unknown.index[0] + 2}, "
            f"is not one of {', '.join(meaning)}"
        )
    return column.map(meaning)


def load_contest(path: Path = TIMELINE_CSV) -> pd.DataFrame:
    """Read the contest's entries and the papers around it.

    Returns:
        one row per published figure: ``year`` int, ``test_set``, ``split``, ``images``, ``role``, ``team``, ``method``,
        ``top1_error_percent``, ``top5_error_percent`` and ``standard_error_points`` float (binomial, one standard
        error), ``ensemble`` and ``outside_data`` nullable boolean, their words in ``*_note``; ``verification``,
        ``notes``, ``source``.

    Raises:
        ReproduceError: a missing file or column, an unknown test set or split, or a percentage outside 0 to 100.
    """
    raw = read_table(path, _COLUMNS)
    return pd.DataFrame(
        {
            "year": raw["year"],
            "test_set": _mapped(raw["test_set"], _TEST_SETS, path),
            "split": _mapped(raw["split"], _SPLITS, path),
            "images": raw["n_images"],
            **{name: raw[name] for name in ("role", "place", "team", "method")},
            "top1_error_percent": percentages(raw["top1_error_pct"], path),
            "top5_error_percent": percentages(raw["top5_error_pct"], path),
            "standard_error_points": percentages(raw["se_pp"], path),
            "ensemble": yes_or_no(raw["ensemble"]),
            "ensemble_note": raw["ensemble"],
            "outside_data": yes_or_no(raw["external_data"]),
            "outside_data_note": raw["external_data"],
            **{name: raw[name] for name in ("verification", "notes", "source")},
        }
    )


def contest_series(contest: pd.DataFrame) -> pd.DataFrame:
    """Return the winners and runners-up of 2010 to 2017 on the test sets, outside-data entries flagged.

    Raises:
        ReproduceError: a year without exactly one winner on the supplied data and one runner-up.
    """
    entries = contest[contest["place"].notna()]
    supplied = entries[~entries["outside_data"]]
    for year in _CONTEST_YEARS:
        places = sorted(supplied.loc[supplied["year"].eq(year), "place"])
        if places != ["runner-up", "winner"]:
            raise ReproduceError(
                f"{year} has the supplied-data entries {places}, not one winner and one runner-up; "
                f"correct the column place in {relative_to_repo(TIMELINE_CSV)}"
            )
    columns = (
        "year test_set place team outside_data ensemble_note top5_error_percent standard_error_points verification"
    )
    series = entries.sort_values(["year", "place", "outside_data"], ascending=[True, False, True])
    return series[[*columns.split(), "source"]].reset_index(drop=True)


def single_alexnet(contest: pd.DataFrame) -> pd.Series:
    """Return the row of one AlexNet, ten views, on ILSVRC-2012 validation (paper, table 2)."""
    return entry(contest, test_set="ILSVRC-2012", split="val", role="paper, validation", method="1 CNN, ten-view")


def human_error(contest: pd.DataFrame) -> pd.Series:
    """Return the row of the better trained annotator (Russakovsky et al. 2015, section 6.4)."""
    return contest[contest["role"].eq("human")].nsmallest(1, "top5_error_percent").iloc[0]


def best_per_team(contest: pd.DataFrame) -> pd.DataFrame:
    """Return each team's best test result on supplied data up to 2012, sorted by test set and error."""
    entries = contest[contest["year"].le(2012) & contest["split"].eq("test") & ~contest["outside_data"]]
    team = entries["team"].str.replace(r" \(.*", "", regex=True)
    best = (
        entries.assign(team=team).sort_values(["test_set", "top5_error_percent"]).drop_duplicates(["test_set", "team"])
    )
    columns = ["test_set", "team", "method", "top1_error_percent", "top5_error_percent", "role", "verification"]
    return best[columns].reset_index(drop=True)


def entry(contest: pd.DataFrame, **wanted: object) -> pd.Series:
    """Return the only row with these values in these columns.

    Raises:
        ReproduceError: no row has them, or rows with different errors have.
    """
    fits = pd.concat([contest[name].eq(value) for name, value in wanted.items()], axis=1).all(axis=1)
    chosen = contest[fits].drop_duplicates("top5_error_percent")
    if len(chosen) != 1:
        said = ", ".join(f"{name} {value}" for name, value in wanted.items())
        raise ReproduceError(
            f"{len(chosen)} rows of {relative_to_repo(TIMELINE_CSV)} have {said}; one is needed: "
            "restore the table with git"
        )
    return chosen.iloc[0]
