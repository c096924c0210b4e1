"""The 2 x 2 designs that studies declare: the effect of each of two factors, alone and together with the other.

Every effect is a contrast of the four cells' means, low level minus high level. It is positive where the estimand is
lower at the high level, so a lower error counts as a gain. With m(a, b) for the mean of a cell:

- main effect of a: the mean over b of m(low, b) - m(high, b); the main effect of b likewise;
- simple effects of b: m(a, low) - m(a, high), at a low and at a high;
- interaction: the simple effect of b at a high minus that at a low (swapping a and b gives the same).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import pandas as pd

from reproduce.judge.comparisons import Arm, answerable, has_planned_runs, planned_runs
from reproduce.judge.reasons import unit_of
from reproduce.judge.row_tables import BEFORE_ALL_SEEDS, interval_fields
from reproduce.runs import statistics
from reproduce.runs.estimands import values_of_arm
from reproduce.runs.table import rows_of_arm, went_wrong
from reproduce.study.designs import Factorial
from reproduce.study.study import Study


@dataclass(frozen=True)
class Effect:
    """One contrast of a design: its id, its factor, its meaning in words, and the weight of each cell used."""

    id: str
    factor: str | None
    meaning: str
    weights: Mapping[str, float]


@dataclass(frozen=True)
class EffectRow:
    """One row of factorials.csv: an effect of a design, its runs, and what they gave.

    ``n`` counts the values of each of the ``cells``. Shares are the effect and its interval in percent of
    ``published_gain``; only effects of the factor with a published gain have them.
    """

    study: str
    factorial: str
    question: str
    effect: str
    meaning: str
    estimand: str
    unit: str | None
    dataset: str | None
    scale: str | None
    schedule: str | None
    epochs: str | None
    cells: list[str]
    n: list[int]
    diverged: int
    missing: int
    value: float | None = None
    low: float | None = None
    high: float | None = None
    method: str | None = None
    p_value: float | None = None
    p_value_holm: float | None = None
    published_gain: float | None = None
    published_where: str | None = None
    share_percent: float | None = None
    share_low_percent: float | None = None
    share_high_percent: float | None = None
    runs: list[str] = field(default_factory=list)


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
        Effect(
            "interaction",
            None,
            f"interaction: ({gain}) at {a} = {a_high}, minus the same at {a} = {a_low}",
            interaction,
        ),
        Effect(f"{b}-at-low-{a}", b, f"{gain}, at {a} {a_low}", at_low),
        Effect(f"{b}-at-high-{a}", b, f"{gain}, at {a} {a_high}", at_high),
    ]


def analyze_all(studies: Iterable[Study], runs: pd.DataFrame) -> list[EffectRow]:
    """Return five rows per declared design, each with Welch-Satterthwaite's 95 % interval over seeds.

    Where the second factor is the length of training, each cell is taken at the length of its level. Otherwise all
    cells are taken at one length: the length that the most cells have run, and the longest of several such lengths.
    A cell with a diverged or left-out run has no value, since its other runs are those that went well. An effect has no
    value where one of its cells has none. It has no interval where a cell has one seed or lacks a planned one.
    ``p_value_holm`` is corrected for the effects of the design.

    Raises:
        ReproduceError: a design's estimand is no metric.
    """
    studies, rows = list(studies), []
    plans = planned_runs(studies)
    for study in studies:
        for design in answerable(study, study.factorials, runs):
            of_design = _rows(study.study, design, runs, plans)
            adjusted = statistics.holm({row.effect: row.p_value for row in of_design})
            rows += [replace(row, p_value_holm=adjusted[row.effect]) for row in of_design]
    return rows


def _rows(study: str, design: Factorial, runs: pd.DataFrame, plans: Mapping[Arm, int]) -> list[EffectRow]:
    listed = pd.concat([rows_of_arm(runs, study, arm).assign(arm=arm) for arm in design.arms])
    cells = _cells_by_level(design, listed) if design.epochs else _cells_at_one_length(design, listed)
    where = f"factorial {design.id!r} of study {study}"
    values = {name: values_of_arm(cell, design.estimand, where) for name, cell in cells.items()}
    rows = [_row(study, design, effect, cells, values) for effect in effects_of(design)]
    finished = {name: cell[cell["status"] == "finished"] for name, cell in cells.items()}
    return [
        row if row.value is None or has_planned_runs((finished[name] for name in row.cells), plans) else _waiting(row)
        for row in rows
    ]


def _waiting(row: EffectRow) -> EffectRow:
    """Return an effect without what waits for all planned seeds."""
    return replace(row, **BEFORE_ALL_SEEDS, share_low_percent=None, share_high_percent=None)


def _cells_by_level(design: Factorial, listed: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return each cell's listed runs, by variant, at the length of training that is the cell's level."""
    return {name: listed[listed["arm"].eq(name) & listed["epochs"].eq(n)] for name, n in design.lengths.items()}


def _cells_at_one_length(design: Factorial, listed: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return each cell's listed runs, by variant, all of one length.

    A shorter training in one cell would pass for an effect.
    """
    there = listed[listed["status"] != "missing"]
    cells_there = (there if len(there) else listed).groupby("epochs")["arm"].nunique()
    epochs = max(cells_there.items(), key=lambda counted: (counted[1], counted[0]), default=(None, 0))[0]
    chosen = listed[listed["epochs"] == epochs]
    return {arm: chosen[chosen["arm"] == arm] for arm in design.arms}


def _row(
    study: str,
    design: Factorial,
    effect: Effect,
    cells: Mapping[str, pd.DataFrame],
    values: Mapping[str, list[float]],
) -> EffectRow:
    listed = pd.concat([cells[name] for name in effect.weights])
    finished = listed[listed["status"] == "finished"]
    gain = design.published_gain if design.published_gain and design.published_gain.of == effect.factor else None
    row = EffectRow(
        study=study,
        factorial=design.id,
        question=design.question,
        effect=effect.id,
        meaning=effect.meaning,
        estimand=design.estimand,
        unit=unit_of(design.estimand, "difference"),
        dataset=_joined(finished["dataset"]),
        scale=_joined(finished["scale"]),
        schedule=_joined(finished["schedule"]),
        epochs=" and ".join(map(str, listed["epochs"].unique())) or None,
        cells=list(effect.weights),
        n=[len(values[name]) for name in effect.weights],
        diverged=int((listed["status"] == "diverged").sum()),
        missing=int((listed["status"] == "missing").sum()),
        published_gain=gain.value if gain else None,
        published_where=gain.where if gain else None,
        runs=finished["run_id"].tolist(),
    )
    if not all(row.n) or any(went_wrong(cells[name]) for name in effect.weights):
        return row
    found = statistics.welch_contrast([values[name] for name in effect.weights], list(effect.weights.values()))
    return _with_shares(replace(row, **interval_fields(found)))


def _joined(column: pd.Series) -> str | None:
    return "; ".join(sorted(column.unique())) or None


def _with_shares(row: EffectRow) -> EffectRow:
    """Return the row with effect and interval in percent of the published gain, where one is published."""
    if row.published_gain is None:
        return row
    ends = (row.value, row.low, row.high)
    share, low, high = (None if end is None else 100 * end / row.published_gain for end in ends)
    return replace(row, share_percent=share, share_low_percent=low, share_high_percent=high)
