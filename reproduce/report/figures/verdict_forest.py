"""Claims on single error rates as a forest: seeds, mean and interval about the published value."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from reproduce.base.text import format_number, with_interval
from reproduce.judge import rules
from reproduce.report.style import (
    BLUE,
    GRAY,
    GREEN,
    INK,
    MUTED,
    RULE,
    VERMILION,
    WIDE_INCHES,
    headline,
    label_point,
    new_figure,
    styled,
    text_color,
)

VERDICT_LOOKS = {
    rules.REPRODUCED: (GREEN, "o"),
    rules.DIRECTION: (BLUE, "^"),
    rules.DIRECTION_ONLY: (BLUE, "v"),
    rules.NO_EFFECT: (MUTED, "s"),
    rules.INCONCLUSIVE: (MUTED, "D"),
    rules.NOT_REPRODUCED: (VERMILION, "X"),
    rules.NOT_RUN: (GRAY, "none"),
}


@styled
def verdict_forest(verdicts: pd.DataFrame, seeds: pd.DataFrame) -> Figure:
    """Draw each claim's seeds, mean and 95 % interval as distances from the published value, with its margin as a band.

    Args:
        verdicts: rows of the verdict table in percent or percentage points (``claim_id``, ``label``, ``target_kind``,
            ``target_value``, ``margin``, ``estimate``, ``low``, ``high``, ``few_seeds``, ``n_seeds``,
            ``seeds_planned``, ``verdict``); a claim without runs stays as a row.
        seeds: columns ``claim_id`` and ``value``, one value per seed, in the claim's unit.
    """
    figure, axes = new_figure(WIDE_INCHES, 1.3 + 0.42 * max(1, len(verdicts)))
    headline(figure, _sentence(verdicts))
    reach = _forest_reach(verdicts, seeds)
    for position, row in enumerate(verdicts.itertuples()):
        _draw_claim(axes, -position, row, seeds.loc[seeds["claim_id"].eq(row.claim_id), "value"], reach)
    axes.axvline(0, color=INK, linestyle="--", linewidth=1, zorder=1)
    axes.set(xlim=(-reach, reach), ylim=(-len(verdicts) + 0.4, 0.6))
    key = "band: the margin fixed before the runs; small dots: seeds"
    axes.set_xlabel(f"ours minus the source's figure, percentage points\n({key})")
    axes.set_yticks(-np.arange(len(verdicts)), [_claim_words(row) for row in verdicts.itertuples()])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    return figure


def _sentence(verdicts: pd.DataFrame) -> str:
    counts = verdicts["verdict"].value_counts()
    said = [f"{count} {verdict}" for verdict, count in counts.items()]
    return f"Published error rates against ours: {', '.join(said)}." if said else "No claim on an error rate."


def _forest_reach(verdicts: pd.DataFrame, seeds: pd.DataFrame) -> float:
    targets = verdicts.set_index("claim_id")["target_value"]
    distances = [
        verdicts["margin"],
        verdicts["low"] - verdicts["target_value"],
        verdicts["high"] - verdicts["target_value"],
        seeds["value"] - seeds["claim_id"].map(targets[~targets.index.duplicated()]).astype(float),
    ]
    return 1.1 * max([float(part.abs().max()) for part in distances if part.notna().any()], default=1.0)


def _claim_words(row: tuple) -> str:
    kind = {"authors_log": "authors' log"}.get(row.target_kind, row.target_kind)
    return f"{row.label}\n{kind} {format_number(row.target_value, 1)} %"


def _draw_claim(axes: Axes, y: int, row: tuple, values: pd.Series, reach: float) -> None:
    color, marker = VERDICT_LOOKS.get(row.verdict, (MUTED, "D"))
    if pd.notna(row.margin):
        axes.add_patch(Rectangle((-row.margin, y - 0.36), 2 * row.margin, 0.72, color=RULE, linewidth=0, zorder=0))
    if pd.isna(row.estimate):
        label_point(axes, reach, y, row.verdict, (6, 0), color=MUTED, fontstyle="italic")
        return
    away = np.asarray(values) - row.target_value
    below = y - 0.16 - 0.10 * (np.arange(len(away)) % 2)
    axes.plot(away, below, linestyle="none", marker=".", markersize=3, color=GRAY)
    axes.plot([row.low - row.target_value, row.high - row.target_value], [y, y], color=color, linewidth=2)
    mark = {"marker": marker, "markersize": 8, "markeredgecolor": "white", "linestyle": "none"}
    axes.plot(row.estimate - row.target_value, y, color=color, **mark)
    label_point(axes, reach, y, _estimate_words(row), (6, 0), color=text_color(color))


def _estimate_words(row: tuple) -> str:
    if row.few_seeds:
        return f"{format_number(row.estimate)} %\n{row.few_seeds}; {row.verdict}"
    planned = f" of {row.seeds_planned:.0f}" if row.n_seeds < row.seeds_planned else ""  # nan where none is planned
    seeds = f"{row.n_seeds:.0f}{planned} seed{'s' if row.n_seeds > 1 or planned else ''}"
    return f"{with_interval(row.estimate, row.low, row.high, unit=' %')}\n{seeds}: {row.verdict}"
