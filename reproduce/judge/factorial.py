"""The 2 x 2 designs that studies declare: what each of two factors is worth, alone and beside the other.

Every effect is a contrast of the four cells' means, low level minus high level: positive where the estimand falls from
the low to the high level, so that an error lowered is a gain. With m(a, b) for the mean of a cell:

- main effect of a: the mean over b of m(low, b) - m(high, b); of b alike;
- simple effects of b: m(a, low) - m(a, high), at a low and at a high;
- interaction: the simple effect of b at a high minus that at a low (a and b may be swapped in it).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from reproduce.judge.comparisons import answerable
from reproduce.judge.reasons import unit_of
from reproduce.runs import statistics
from reproduce.runs.estimands import values_of_arm
from reproduce.runs.statistics import Estimate
from reproduce.runs.table import rows_of_arm, went_wrong
from reproduce.study.designs import Factorial
from reproduce.study.study import Study

COLUMNS = [
    *("study", "factorial", "question", "effect", "meaning", "estimand", "unit", "dataset", "scale", "schedule"),
    *("epochs", "cells", "n", "diverged", "missing", "value", "low", "high", "method", "p_value", "p_value_holm"),
    *("published_gain", "published_where", "share_percent", "share_low_percent", "share_high_percent", "runs"),
]
_FLOATS = [
    *("value", "low", "high", "p_value", "p_value_holm"),
    *("published_gain", "share_percent", "share_low_percent", "share_high_percent"),
]


@dataclass(frozen=True)
class Effect:
    """One contrast of a design: its id, the factor it is an effect of, in words, and the weight of each cell used."""

    id: str
    factor: str | None
    meaning: str
    weights: Mapping[str, float]


def effects_of(design: Factorial) -> list[Effect]:
    """Return the main effects of a and b, the interaction, and the simple effects of b."""
    (low_low, low_high), (high_low, high_high) = design.cells
    (a, b), ((a_low, a_high), (b_low, b_high)) = design.factors, design.levels
    gain = f"{b}: {b_low} minus {b_high}"
    at_low, at_high = {low_low: 1.0, low_high: -1.0}, {high_low: 1.0, high_high: -1.0}
    main_a = {low_low: 0.5, low_high: 0.5, high_low: -0.5, high_high: -0.5}
    main_b = {cell: weight / 2 for cell, weight in (at_low | at_high).items()}
    interaction = {cell: -weight for cell, weight in at_low.items()} | at_high
    return [
        Effect(f"main-{a}", a, f"{a}: {a_low} minus {a_high}, mean over {b}", main_a),
        Effect(f"main-{b}", b, f"{gain}, mean over {a}", main_b),
        Effect("interaction", None, f"interaction: {gain}, at {a} {a_high} less the same at {a} {a_low}", interaction),
        Effect(f"{b}-at-low-{a}", b, f"{gain}, at {a} {a_low}", at_low),
        Effect(f"{b}-at-high-{a}", b, f"{gain}, at {a} {a_high}", at_high),
    ]


def analyze_all(studies: Iterable[Study], runs: pd.DataFrame) -> pd.DataFrame:
    """Return five rows a declared design, each with Welch-Satterthwaite's 95 % interval over seeds.

    All cells are taken at one length, the longest of those that most cells have runs of, unless the design's second
    factor is the length; then each at its level's. An effect whose cells have not
    all values has none; one seed in a cell gives no interval. Diverged and missing runs are counted; where one diverged
    or a seed was left out there is no value, since what is left is what went well.
    ``p_value_holm`` is adjusted within the design. The shares are of the published gain, for effects of its factor.

    Raises:
        ReproduceError: a design's estimand is no metric.
    """
    rows = []
    for study in studies:
        for design in answerable(study, study.factorials, runs):
            of_design = _rows(study.study, design, runs)
            adjusted = statistics.holm({row["effect"]: row.get("p_value") for row in of_design})
            rows += [row | {"p_value_holm": adjusted[row["effect"]]} for row in of_design]
    return pd.DataFrame(rows, columns=COLUMNS).astype(dict.fromkeys(_FLOATS, "float64"))


def _rows(study: str, design: Factorial, runs: pd.DataFrame) -> list[dict[str, Any]]:
    listed = pd.concat([rows_of_arm(runs, study, arm).assign(arm=arm) for arm in design.arms])
    cells = _cells_by_level(design, listed) if design.epochs else _cells_at_one_length(design, listed)
    common = {
        "study": study,
        "factorial": design.id,
        "question": design.question,
        "estimand": design.estimand,
        "unit": unit_of(design.estimand, "difference"),
    }
    where = f"factorial {design.id!r} of study {study}"
    values = {name: values_of_arm(cell, design.estimand, where) for name, cell in cells.items()}
    return [common | _row(effect, design, cells, values) for effect in effects_of(design)]


def _cells_by_level(design: Factorial, listed: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return each cell's listed runs of its level's length, by variant, where length is the second factor."""
    return {name: listed[listed["arm"].eq(name) & listed["epochs"].eq(n)] for name, n in design.lengths.items()}


def _cells_at_one_length(design: Factorial, listed: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return each cell's listed runs, by variant; a shorter training in one cell would pass for an effect."""
    there = listed[listed["status"] != "missing"]
    cells_there = (there if len(there) else listed).groupby("epochs")["arm"].nunique()
    epochs = max(cells_there.items(), key=lambda counted: (counted[1], counted[0]), default=(None, 0))[0]
    chosen = listed[listed["epochs"] == epochs]
    return {arm: chosen[chosen["arm"] == arm] for arm in design.arms}


def _row(
    effect: Effect, design: Factorial, cells: Mapping[str, pd.DataFrame], values: Mapping[str, list[float]]
) -> dict[str, Any]:
    listed = pd.concat([cells[name] for name in effect.weights])
    finished = listed[listed["status"] == "finished"]
    row: dict[str, Any] = {"effect": effect.id, "meaning": effect.meaning, "cells": list(effect.weights)}
    row["n"] = [len(values[name]) for name in effect.weights]
    row |= {status: int((listed["status"] == status).sum()) for status in ("diverged", "missing")}
    row |= {name: "; ".join(sorted(finished[name].unique())) or None for name in ("dataset", "scale", "schedule")}
    row |= {"epochs": " and ".join(map(str, listed["epochs"].unique())) or None, "runs": finished["run_id"].tolist()}
    gain = design.published_gain if design.published_gain and design.published_gain.of == effect.factor else None
    row |= {"published_gain": gain.value, "published_where": gain.where} if gain else {}
    if not all(row["n"]) or any(went_wrong(cells[name]) for name in effect.weights):
        return row
    found = statistics.welch_contrast([values[name] for name in effect.weights], list(effect.weights.values()))
    row |= {name: getattr(found, name) for name in ("value", "low", "high", "method", "p_value")}
    return row | (_shares(found, gain.value) if gain else {})


def _shares(found: Estimate, published: float) -> dict[str, float | None]:
    """Return the effect and its interval in percent of what was published."""
    ends = {"share_percent": found.value, "share_low_percent": found.low, "share_high_percent": found.high}
    return {name: None if end is None else 100 * end / published for name, end in ends.items()}
