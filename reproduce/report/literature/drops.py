"""Before and after 2012 as differences of published error rates, and the sentences that may be said of them."""

import math

import pandas as pd

from reproduce.base.text import format_number, with_interval
from reproduce.judge.published_figures import half_width_of_drop
from reproduce.report.literature.timeline import entry, single_alexnet

_ALEXNETS_YEAR = 2012
_SUPPLIED = "ILSVRC-2012 test, supplied data"
_OUTSIDE = "ILSVRC-2012 test, winner with outside data"
_OLDER = "ILSVRC-2010 test, one network"
_QUOTED = 'the quoted "25 to 16": 2011 winner to 2012 winner'


def drops(contest: pd.DataFrame) -> pd.DataFrame:
    """Return error rates before and after AlexNet, in pairs that say whether both were measured on the same images.

    Returns:
        one row per comparison: ``comparison``, ``metric``, ``before`` and ``after`` (words), ``before_percent``,
        ``after_percent``, ``drop_points`` (percentage points) with its 95 % interval ``low`` and ``high``,
        ``drop_percent`` (of the error before), ``same_images``. The interval is binomial and takes the two systems'
        errors as independent. On shared images the errors are most likely correlated, so the interval is too wide
        rather than too narrow. The interval is missing where the images differ.
    """
    tokyo = entry(contest, year=2012, place="runner-up", outside_data=False)
    supplied = entry(contest, year=2012, place="winner", outside_data=False)
    outside = entry(contest, year=2012, place="winner", outside_data=True)
    fisher = entry(contest, test_set="ILSVRC-2010", split="test", team="Sanchez & Perronnin")
    one_net = entry(contest, test_set="ILSVRC-2010", split="test", method="one CNN, ten-view average")
    winner_2011 = entry(contest, year=2011, place="winner", outside_data=False)
    rows = [
        (_SUPPLIED, tokyo, supplied, "top5"),
        (_OUTSIDE, tokyo, outside, "top5"),
        ("runner-up (test) to one network (validation)", tokyo, single_alexnet(contest), "top5"),
        (_OLDER, fisher, one_net, "top5"),
        (_OLDER, fisher, one_net, "top1"),
        (_QUOTED, winner_2011, supplied, "top5"),
    ]
    return pd.DataFrame([{"comparison": words} | _drop(before, after, metric) for words, before, after, metric in rows])


def drops_table(compared: pd.DataFrame) -> pd.DataFrame:
    """Return ``drops`` with headings and numbers for readers, each difference with its 95 % interval."""
    table = compared[["comparison", "metric", "before_percent", "after_percent"]].copy()
    table["points lower (95 % interval)"] = [
        with_interval(row.drop_points, row.low, row.high) for row in compared.itertuples()
    ]
    return table.assign(drop_percent=compared["drop_percent"], same_images=compared["same_images"])


def comparison(compared: pd.DataFrame, name: str) -> pd.Series:
    """Return one top-5 row of ``drops``: ``supplied``, ``outside``, ``older`` or ``quoted``."""
    wanted = {"supplied": _SUPPLIED, "outside": _OUTSIDE, "older": _OLDER, "quoted": _QUOTED}[name]
    return compared[compared["metric"].eq("top-5") & compared["comparison"].eq(wanted)].iloc[0]


def quotation(contest: pd.DataFrame) -> str:
    """Return the sentence to quote, its source below it, in Markdown."""
    compared = drops(contest)
    row = comparison(compared, "supplied")
    second = entry(contest, year=2012, place="runner-up", outside_data=False)
    winner = entry(contest, year=2012, place="winner", outside_data=False)
    interval = f"95 % interval {_one(row.low)} to {_one(row.high)}"
    nets = winner["ensemble_note"].removeprefix("yes (").removesuffix(")")
    return (
        f"> On the {winner['images']:,} test images of ILSVRC-2012 the top-5 error fell from "
        f"{_one(row.before_percent)} % ({_team(second)}; second place) to {_one(row.after_percent)} % "
        f"({_team(winner)}; {nets} trained on the supplied images), "
        f"{_one(row.drop_points)} points lower ({interval}).\n>\n"
        f"> Source: {winner['source']}\n\n"
        "To cite: `python -m reproduce cite drop-2012-supplied-data`."
    )


def later_fisher_words(contest: pd.DataFrame) -> str:
    """Return sentences on the errors of hand-designed features a year after AlexNet, on the same two sets of images."""
    older = comparison(drops(contest), "older")
    improved = entry(contest, test_set="ILSVRC-2010", split="test", role="post-challenge, published 2013")
    on_2012 = entry(contest, test_set="ILSVRC-2012", split="val", role="post-challenge")
    reached = improved["top5_error_percent"]
    left = reached - older["after_percent"]
    return (
        f"Simonyan, Vedaldi and Zisserman (2013) report {_one(reached)} % top-5 error for Fisher vectors on "
        f"ILSVRC-2010, where the paper before AlexNet had {_one(older['before_percent'])} % and AlexNet "
        f"{_one(older['after_percent'])} %. Against them the gap is {_one(left)} points, "
        f"not {_one(older['drop_points'])}. On ILSVRC-2012's validation images they make "
        f"{_one(on_2012['top5_error_percent'])} % errors."
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


def largest_drop_words(series: pd.DataFrame) -> str:
    """Return sentences on AlexNet's drop beside those of other years, in points and as a share of the errors left.

    Args:
        series: from ``timeline.contest_series``.
    """
    yearly = yearly_drops(series)
    is_alexnets = yearly["years"].str.endswith(f"to {_ALEXNETS_YEAR}")
    drop, others = yearly[is_alexnets].iloc[0], yearly[~is_alexnets]
    most = others.loc[others["drop_points"].idxmax()]
    larger = [
        f"{format_number(row.drop_percent, 0)} % from {row.years}"
        for row in others[others["drop_percent"] > drop["drop_percent"]].itertuples()
    ]
    share = f"{format_number(drop['drop_percent'], 0)} % went from {drop['years']}"
    answer = f"no: {share}, but {' and '.join(larger)}" if larger else f"yes: {share}"
    lower, next_lower = (format_number(row["drop_points"]) for row in (drop, most))
    return (
        f"In points, {'yes' if drop['drop_points'] > most['drop_points'] else 'no'}: from {drop['years']} the winner's "
        f"error became {lower} points lower. The most in another year is {next_lower} points, from {most['years']}. "
        f"As a share of the errors left, {answer}."
    )


def _drop(before: pd.Series, after: pd.Series, metric: str) -> dict[str, object]:
    same = before["test_set"] == after["test_set"] and before["split"] == after["split"]
    words = {name: f"{row['team']}, {row['method']}" for name, row in (("before", before), ("after", after))}
    change = _change(before, after, metric)
    ends = (change["before_percent"], before["images"]), (change["after_percent"], after["images"])
    half = half_width_of_drop(*ends) if same else math.nan
    interval = {"low": change["drop_points"] - half, "high": change["drop_points"] + half}
    return {"metric": metric.replace("top", "top-")} | words | change | interval | {"same_images": same}


def _team(row: pd.Series) -> str:
    """Return a team with its members or place after a colon, since the caller puts parentheses around the words."""
    return row["team"].replace(" (", ": ").removesuffix(")")


def _one(value: float) -> str:
    return format_number(value, 1)


def _change(before: pd.Series, after: pd.Series, metric: str) -> dict[str, float]:
    old, new = before[f"{metric}_error_percent"], after[f"{metric}_error_percent"]
    drop = round(old - new, 6)  # back to the decimals of the source
    return {"before_percent": old, "after_percent": new, "drop_points": drop, "drop_percent": 100 * drop / old}
