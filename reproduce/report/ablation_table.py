"""The table of ablations in the shape of its figure: panels by unit, rows by ingredient, everything in words."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from reproduce.base.text import verdict_words, with_interval
from reproduce.judge.rules import INCONCLUSIVE, NO_EFFECT, NOT_RUN
from reproduce.report.effects import EFFECTS
from reproduce.report.records import Records
from reproduce.report.verdict_tables import smallness

_COLUMNS = (
    "ablation claim study arms estimand unit scale schedule dataset relation margin published authors_log estimate low "
    "high confidence_percent n_first n_second p_value_holm negligible_within negligible verdict"
)
_LEVEL = "95 % intervals where no level is named"
TEST_ERROR = f"points by which the ingredient lowers the test error; {_LEVEL}"
OTHER_ERROR = f"points by which it lowers the training error, or test minus training error;\n{_LEVEL}"
RATIO = f"ratio of the two arms (logarithmic axis); the effect claimed is above 1;\n{_LEVEL}"
MEASURES = {
    "test_top1_error_percent": "top-1 error",
    "test_top5_error_percent": "top-5 error",
    "generalization_gap_percent": "test minus training error",
    "center_generalization_gap_percent": "test minus training error",
    "ten_view_gain_percent": "top-1 error",
    "ten_view_top5_gain_percent": "top-5 error",
    "training_top1_error_percent": "training error",
    "training_seconds": "training time",
    "epochs_to_25_percent_training_error": "epochs to 25 % training error",
    "updates_to_converge": "updates to converge",
    "updates_to_held_out_level": "updates to a fixed error",
    "updates_to_leave_chance": "updates to leave chance",
}
_SCALES = {"own": "own scale", "imagenet": "ImageNet scale", "reduced": "reduced scale", "synthetic": "synthetic scale"}
_LABEL_CHARACTERS = 38


@dataclass(frozen=True)
class Row:
    """One claim: the lines of words at its left and right, its figures (nan for a missing one), and its verdict."""

    label: list[str]
    result: list[str]
    verdict: str
    margin: float
    published: float
    authors_log: float
    is_bound: bool
    estimate: float
    low: float
    high: float

    @property
    def is_direction(self) -> bool:
        """True where the source claims an effect but gives no figure."""
        return pd.isna(self.published) and pd.isna(self.authors_log)


@dataclass(frozen=True)
class Panel:
    """Rows that share an axis, grouped by ingredient. On the axis no effect is at 1 if ``is_ratio``, else at 0."""

    title: str
    is_ratio: bool
    groups: dict[str, list[Row]]

    @property
    def rows(self) -> list[Row]:
        """All rows, from top to bottom."""
        return [row for group in self.groups.values() for row in group]


def load_ablations(loaded: Records) -> pd.DataFrame:
    """Return the collected table of ablations.

    Raises:
        ReproduceError: the table is missing or lacks a column.
    """
    return loaded.table("ablations", _COLUMNS)


def load_effects(numbers: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Return what each ingredient does to the reduced net's test error, the largest gain first.

    Args:
        numbers: the rows of ``results/numbers.json`` by id.

    Returns:
        one row per ingredient that was run: ``ingredient``, ``value``, ``low`` and ``high`` (points lower with it),
        ``n_seeds``, ``method``, ``confidence_percent``, ``verdict`` (on the claim), ``on_test_error`` (whether the
        claim is about the test error too), ``verdict_kind`` (the verdict without the bound of "no effect"), and
        ``lowers``: whether the interval lies above zero and the verdict is neither open nor "no effect".
    """
    measured = ["value", "low", "high", "n_seeds", "method", "confidence_percent"]
    rows = [
        {"ingredient": name, "verdict": numbers[claim_id]["verdict"], "on_test_error": number_id == claim_id}
        | {field: numbers[number_id].get(field) for field in measured}
        for name, number_id, claim_id in EFFECTS
        if numbers[number_id]["value"] is not None
    ]
    table = pd.DataFrame(rows, columns=["ingredient", *measured, "verdict", "on_test_error"])
    table["verdict_kind"] = table["verdict"].where(~table["verdict"].str.startswith(NO_EFFECT), NO_EFFECT)
    table["lowers"] = table["low"].gt(0) & ~table["verdict_kind"].isin([INCONCLUSIVE, NO_EFFECT])
    return table.sort_values("value", ascending=False, kind="stable").reset_index(drop=True)


def panels(table: pd.DataFrame) -> list[Panel]:
    """Return the panels that have rows: test errors, other errors, other units, ratios.

    The rows of a panel keep the order of the table.
    """
    titles = [_title(row) for row in table.itertuples()]
    known = [TEST_ERROR, OTHER_ERROR, *sorted(set(titles) - {TEST_ERROR, OTHER_ERROR, RATIO}), RATIO]
    return [_panel(title, table[[each == title for each in titles]]) for title in known if title in titles]


def _title(row: Any) -> str:
    if row.unit == "ratio":
        return RATIO
    if row.unit == "percentage_points":
        return OTHER_ERROR if "training" in row.estimand or "gap" in row.estimand else TEST_ERROR
    return str(row.unit).replace("_", " ")


def _panel(title: str, table: pd.DataFrame) -> Panel:
    groups = {}
    for ablation, group in table.groupby("ablation", sort=False):
        names = [_name(row) for row in group.itertuples()]
        groups[str(ablation)] = [
            _row(row, name, names.count(name) > 1) for row, name in zip(group.itertuples(), names, strict=True)
        ]
    return Panel(title, title == RATIO, groups)


def _name(row: Any) -> list[str]:
    """Return the measure, data set and scale in one or two lines.

    The scale is left out for ImageNet, since the names of its data sets tell it.
    """
    measure = MEASURES.get(row.estimand, row.estimand.replace("_", " "))
    places = [row.dataset, None if row.scale == "imagenet" else _SCALES.get(row.scale, row.scale)]
    where = ", ".join(place for place in places if pd.notna(place))
    line = ", ".join(filter(None, [measure, where]))
    return [line] if len(line) <= _LABEL_CHARACTERS else [f"{measure},", where]


def _row(row: Any, name: list[str], is_ambiguous: bool) -> Row:
    figures = (row.margin, row.published, row.authors_log, row.relation == "at_least", row.estimate, row.low, row.high)
    return Row(name + ([_arms(row)] if is_ambiguous else []), _result(row), row.verdict, *figures)


def _arms(row: Any) -> str:
    if pd.isna(row.arms):
        return str(row.claim).replace("-", " ")
    sign = " / " if row.unit == "ratio" else " \N{MINUS SIGN} "
    return sign.join(str(row.arms).split(";"))


def _result(row: Any) -> list[str]:
    if row.verdict == NOT_RUN:
        return [f"not run at {_SCALES.get(row.scale, row.scale)}"]
    schedule = "" if pd.isna(row.schedule) or row.schedule == "full" else f", {row.schedule}"
    if pd.isna(row.estimate):
        return ["no value", f"{row.verdict}{schedule}"]
    seeds = ", ".join(f"{n:.0f}" for n in (row.n_first, row.n_second) if pd.notna(n))
    words = verdict_words(row.verdict, row.negligible_within, row.unit)
    verdict = f"{words}{schedule}{smallness(row)}"
    value = with_interval(row.estimate, row.low, row.high, confidence_percent=row.confidence_percent)
    return [f"{value}, n = {seeds}", verdict]


def verdicts_shown(shown: Iterable[Panel]) -> set[str]:
    """Return the verdicts of all rows."""
    return {row.verdict for panel in shown for row in panel.rows}
