"""Figures that others published, and the drops between two of them: each with an id, a source and a caveat.

``paper_notes/cited_figures.yaml`` says which cells of the tables of literature have an id. Nothing is measured here: an
interval covers the sampling of test images alone and follows from their number.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Annotated, Literal

import pandas as pd
from pydantic import Field

from reproduce.base.errors import ReproduceError
from reproduce.base.paths import PAPER_NOTES, relative_to_repo
from reproduce.base.tables import read_csv
from reproduce.base.validation import Strict, read_yaml, validated
from reproduce.judge.number_record import Number
from reproduce.runs.statistics import CONFIDENCE, error_of_difference, wilson

FIGURES_FILE = PAPER_NOTES / "cited_figures.yaml"

_NORMAL_95 = NormalDist().inv_cdf(0.975)
_Id = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
_QUANTITIES = {
    "top1_error_pct": "top-1 error",
    "top5_error_pct": "top-5 error",
    "top1_accuracy_percent": "top-1 accuracy",
    "top5_accuracy_percent": "top-5 accuracy",
}
_TEST_SETS = {"ILSVRC2010": "ILSVRC-2010", "ILSVRC2011": "ILSVRC-2011"}  # any other is that of 2012
_SPLITS = {"val": "validation", "test (top-1 on val)": "test"}


class Figure(Strict):
    """One cell of a table: in ``column``, of the only row of the table that has the values given in ``row``."""

    id: _Id
    table: Literal["ilsvrc_timeline", "later_models"]
    column: Literal["top1_error_pct", "top5_error_pct", "top1_accuracy_percent", "top5_accuracy_percent"]
    row: dict[str, str]
    sources: Annotated[list[str], Field(min_length=1)]


class Drop(Strict):
    """The figure ``before`` minus the figure ``after``, and what else differs between the two."""

    id: _Id
    before: str
    after: str
    caveat: str


class CitedFigures(Strict):
    """The content of ``cited_figures.yaml``."""

    figures: list[Figure]
    drops: list[Drop]


@dataclass(frozen=True)
class _Known:
    """A figure as a number, with the test set and split that it was measured on."""

    number: Number
    images: tuple[str, str]


def published_numbers(path: Path = FIGURES_FILE, folder: Path = PAPER_NOTES) -> list[Number]:
    """Return every figure of others that may be cited, then the drops.

    Args:
        path: the file that gives figures their ids.
        folder: the folder of the tables.

    Raises:
        ReproduceError: a file is missing or malformed, a figure fits no row or several rows, or a drop names an unknown
            figure.
    """
    shown = relative_to_repo(path)
    cited = validated(CitedFigures, read_yaml(path), shown)
    tables = {
        name: read_csv(folder / f"{name}.csv", dtype=str, keep_default_na=False)
        for name in dict.fromkeys(figure.table for figure in cited.figures)
    }
    twice = [name for name, count in Counter(figure.id for figure in cited.figures).items() if count > 1]
    if twice:
        raise ReproduceError(f"{shown}: the id {twice[0]!r} is given to two figures; rename one")
    known = {figure.id: _figure(figure, tables[figure.table], shown) for figure in cited.figures}
    return [*(each.number for each in known.values()), *(_drop(drop, known, shown) for drop in cited.drops)]


def _figure(figure: Figure, table: pd.DataFrame, shown: str) -> _Known:
    unknown = [name for name in (*figure.row, figure.column) if name not in table]
    if unknown:
        raise ReproduceError(
            f"{shown}: {figure.table}.csv has no column {unknown[0]!r}, which {figure.id} names; correct it"
        )
    fits = table[pd.concat([table[name].eq(value) for name, value in figure.row.items()], axis=1).all(axis=1)]
    if len(fits) != 1 or not fits[figure.column].iloc[0]:
        found = f"{len(fits)} rows fit" if len(fits) != 1 else f"the row has no {figure.column}"
        raise ReproduceError(f"{shown}: {figure.id} needs one row of {figure.table}.csv, and {found}; correct its row")
    row = fits.iloc[0]
    return _of_contest(figure, row) if figure.table == "ilsvrc_timeline" else _of_model(figure, row)


def _of_contest(figure: Figure, row: Mapping[str, str]) -> _Known:
    value, images = float(row[figure.column]), int(row["n_images"])
    dataset = _TEST_SETS.get(row["test_set"], "ILSVRC-2012")
    low, high, method = None, None, None
    if row["split"] in ("test", "val", "test sample") or figure.column == "top5_error_pct":
        drawn = wilson(round(value / 100 * images), images)
        low, high, method = drawn.low, drawn.high, f"{drawn.method}; of drawing the images, computed here"
    split = _SPLITS.get(row["split"], row["split"])
    ensemble, outside = row["ensemble"] or "not said", row["external_data"] or "not said"
    number = _published(figure, row, value, dataset)
    statement = f"ILSVRC {row['year']}, {row['role']}: {row['team']}; {row['method']}"
    protocol = f"{split}, {images:,} images; ensemble: {ensemble}; outside data: {outside}"
    return _Known(
        Number(**number, statement=statement, protocol=protocol, low=low, high=high, method=method, n_images=images),
        (row["test_set"], row["split"]),
    )


def _of_model(figure: Figure, row: Mapping[str, str]) -> _Known:
    number = _published(figure, row, float(row[figure.column]), "ILSVRC-2012")
    split = _SPLITS.get(row["split"], row["split"])
    side = f", {row['input_size']} px" if row["input_size"] else ""
    single = "one model" if row["single_model"] == "yes" else "several models"
    protocol = f"{split}; {row['crop_protocol']}{side}; {single}; outside data: {row['extra_data']}"
    statement = f"{row['model']} ({row['year']}): {row['paper']}"
    return _Known(
        Number(**number, statement=statement, protocol=protocol, low=None, high=None, method=None),
        ("ILSVRC2012", row["split"]),
    )


def _published(figure: Figure, row: Mapping[str, str], value: float, dataset: str) -> dict[str, object]:
    """Return the fields that are filled in the same way for both tables."""
    return {
        "kind": "published",
        "id": figure.id,
        "quantity": _QUANTITIES[figure.column],
        "value": value,
        "unit": "percent",
        "n_seeds": 0,
        "dataset": dataset,
        "scale": "literature",
        "schedule": None,
        "runs": [],
        "sources": figure.sources,
        "read_in": row["source"],
        "verification": row["verification"],
        "caveat": row["notes"] or None,
    }


def _drop(drop: Drop, known: Mapping[str, _Known], shown: str) -> Number:
    unknown = [name for name in (drop.before, drop.after) if name not in known]
    if unknown:
        raise ReproduceError(f"{shown}: {drop.id} names the unknown figure {unknown[0]!r}; correct it")
    before, after = known[drop.before].number, known[drop.after].number
    is_same = known[drop.before].images == known[drop.after].images
    value = round(before.value - after.value, 6)  # back to the decimals of the sources
    half_width = None
    if is_same and before.n_images and after.n_images:
        half_width = half_width_of_drop((before.value, before.n_images), (after.value, after.n_images))
    return Number(
        kind="drop",
        id=drop.id,
        quantity=f"{before.quantity} of {drop.before} minus that of {drop.after}",
        figures=[
            {"value": end.value, "unit": end.unit, "kind": "published", "where": end.statement}
            for end in (before, after)
        ],
        value=value,
        low=value - half_width if half_width else None,
        high=value + half_width if half_width else None,
        method=(
            f"{100 * CONFIDENCE:g} % interval of drawing the images, computed here as if the two saw different ones; "
            "they saw the same, so it is too wide"
            if half_width
            else "different images: no interval"
        ),
        unit="percentage_points",
        n_seeds=0,
        dataset=before.dataset if is_same else f"{before.dataset} and {after.dataset}",
        scale="literature",
        schedule=None,
        protocol="the same test images" if is_same else "two sets of test images",
        runs=[],
        sources=list(dict.fromkeys([*before.sources, *after.sources])),
        read_in="; ".join(dict.fromkeys(filter(None, (before.read_in, after.read_in)))),
        verification=" and ".join(dict.fromkeys((before.verification, after.verification))),
        caveat=drop.caveat,
        ends=[drop.before, drop.after],
        n_images=before.n_images if is_same else None,
    )


def half_width_of_drop(before: tuple[float, int], after: tuple[float, int]) -> float:
    """Return the half-width of the 95 % interval of a drop from one error rate to another, in percentage points.

    Args:
        before: the first rate in percent, and its number of images.
        after: the same of the second rate.
    """
    return _NORMAL_95 * error_of_difference(before, after)
