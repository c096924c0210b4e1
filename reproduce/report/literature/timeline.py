"""The contest's error rates, 2010 to 2017, as typed tables whose rows say how each figure was measured.

An error rate means something only with its test set, the number of networks and views behind it, and the data it was
trained on. Every table here carries those columns, and differences between different images are marked as such.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from reproduce.base.errors import ReproduceError
from reproduce.base.paths import PAPER_NOTES, relative_to_repo
from reproduce.base.tables import percentages, read_table, yes_or_no
from reproduce.base.text import format_number

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
    return _entry(contest, test_set="ILSVRC-2012", split="val", role="paper, validation", method="1 CNN, ten-view")


def human_error(contest: pd.DataFrame) -> pd.Series:
    """Return the row of the better trained annotator (Russakovsky et al. 2015, section 6.4)."""
    return contest[contest["role"].eq("human")].nsmallest(1, "top5_error_percent").iloc[0]


def drops(contest: pd.DataFrame) -> pd.DataFrame:
    """Return before and after figures of 2012, each saying whether the two ends were measured on the same images.

    Returns:
        one row per comparison: ``comparison``, ``metric``, ``before`` and ``after`` (words), ``before_percent``,
        ``after_percent``, ``drop_points`` (percentage points), ``drop_percent`` (of the error before), ``same_images``,
        ``standard_errors`` (the drop over the binomial standard error of the difference;
        missing where the images differ).
    """
    tokyo = _entry(contest, year=2012, place="runner-up", outside_data=False)
    supplied = _entry(contest, year=2012, place="winner", outside_data=False)
    outside = _entry(contest, year=2012, place="winner", outside_data=True)
    fisher = _entry(contest, test_set="ILSVRC-2010", split="test", team="Sanchez & Perronnin")
    one_net = _entry(contest, test_set="ILSVRC-2010", split="test", method="one CNN, ten-view average")
    winner_2011 = _entry(contest, year=2011, place="winner", outside_data=False)
    rows = [
        ("ILSVRC-2012 test, supplied data", tokyo, supplied, "top5"),
        ("ILSVRC-2012 test, winner with outside data", tokyo, outside, "top5"),
        ("runner-up (test) to one network (validation)", tokyo, single_alexnet(contest), "top5"),
        ("ILSVRC-2010 test, one network", fisher, one_net, "top5"),
        ("ILSVRC-2010 test, one network", fisher, one_net, "top1"),
        ('the quoted "25 to 16": 2011 winner to 2012 winner', winner_2011, supplied, "top5"),
    ]
    return pd.DataFrame([{"comparison": words} | _drop(before, after, metric) for words, before, after, metric in rows])


def statement(compared: pd.DataFrame) -> str:
    """Return ``drops`` as the sentence that may be said: on the same images first, then what the quoted one mixes."""
    top5 = compared[compared["metric"].eq("top-5")].set_index("comparison")
    supplied = top5.loc["ILSVRC-2012 test, supplied data"]
    outside = top5.loc["ILSVRC-2012 test, winner with outside data"]
    older = top5.loc["ILSVRC-2010 test, one network"]
    quoted = top5[top5.index.str.contains("quoted")].iloc[0]
    ends = {
        row.name: [format_number(row[f"{end}_percent"], 1) for end in ("before", "after")] for _, row in top5.iterrows()
    }
    points, share = format_number(supplied.drop_points, 1), format_number(supplied.drop_percent, 0)
    return (
        f"On the same 2012 test images the top-5 error fell from {ends[supplied.name][0]} % (runner-up) to "
        f"**{ends[supplied.name][1]} %** with the supplied training images ({points} points, {share} % of the errors), "
        f"or to {ends[outside.name][1]} % with outside images ({format_number(outside.drop_percent, 0)} %). On 2010's "
        f"test images one network took it from {ends[older.name][0]} % to {ends[older.name][1]} %. The quoted ends, "
        f"{ends[quoted.name][0]} and {ends[quoted.name][1]} %, are the winners of two years on two sets of images."
    )


def yearly_drops(series: pd.DataFrame) -> pd.DataFrame:
    """Return the winner's error year by year on supplied data: ``drop_points``, ``drop_percent``, ``same_images``."""
    winners = series[series["place"].eq("winner") & ~series["outside_data"]].sort_values("year")
    rows = []
    for (_, before), (_, after) in zip(winners.iloc[:-1].iterrows(), winners.iloc[1:].iterrows(), strict=True):
        same = before["test_set"] == after["test_set"]
        rows.append(
            {"years": f"{before['year']} to {after['year']}", "winner": after["team"]}
            | _change(before, after, "top5")
            | {"same_images": same}
        )
    return pd.DataFrame(rows)


def best_per_team(contest: pd.DataFrame, last_year: int = 2012) -> pd.DataFrame:
    """Return each team's best test result on supplied data up to contest ``last_year``, by test set and error."""
    entries = contest[contest["year"].le(last_year) & contest["split"].eq("test") & ~contest["outside_data"]]
    team = entries["team"].str.replace(r" \(.*", "", regex=True)
    best = (
        entries.assign(team=team).sort_values(["test_set", "top5_error_percent"]).drop_duplicates(["test_set", "team"])
    )
    columns = ["test_set", "team", "method", "top1_error_percent", "top5_error_percent", "role", "verification"]
    return best[columns].reset_index(drop=True)


def _drop(before: pd.Series, after: pd.Series, metric: str) -> dict[str, object]:
    same = before["test_set"] == after["test_set"] and before["split"] == after["split"]
    words = {name: f"{row['team']}, {row['method']}" for name, row in (("before", before), ("after", after))}
    change = _change(before, after, metric)
    errors = np.array([change["before_percent"], change["after_percent"]])
    spread = np.sqrt((errors * (100 - errors) / [before["images"], after["images"]]).sum())  # binomial, independent
    noise = {"same_images": same, "standard_errors": change["drop_points"] / spread if same else np.nan}
    return {"metric": metric.replace("top", "top-")} | words | change | noise


def _change(before: pd.Series, after: pd.Series, metric: str) -> dict[str, float]:
    old, new = before[f"{metric}_error_percent"], after[f"{metric}_error_percent"]
    drop = round(old - new, 6)  # back to the decimals of the source
    return {"before_percent": old, "after_percent": new, "drop_points": drop, "drop_percent": 100 * drop / old}


def _entry(contest: pd.DataFrame, **wanted: object) -> pd.Series:
    """Return the one row whose columns have the values wanted."""
    fits = pd.concat([contest[name].eq(value) for name, value in wanted.items()], axis=1).all(axis=1)
    chosen = contest[fits].drop_duplicates("top5_error_percent")
    if len(chosen) != 1:
        said = ", ".join(f"{name} {value}" for name, value in wanted.items())
        raise ReproduceError(
            f"{len(chosen)} rows of {relative_to_repo(TIMELINE_CSV)} have {said}; one is needed: "
            "restore the table with git"
        )
    return chosen.iloc[0]
