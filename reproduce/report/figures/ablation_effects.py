"""Each ingredient's effect on the reduced net's test error, largest first. Table in, figure out."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from reproduce.base.text import format_number
from reproduce.judge.rules import INCONCLUSIVE
from reproduce.report.figures.verdict_forest import VERDICT_LOOKS
from reproduce.report.style import (
    INK,
    MUTED,
    RULE,
    WIDE_INCHES,
    headline,
    label_point,
    new_figure,
    not_run,
    styled,
    text_color,
)

_OTHER_MEASURE, _CORRECTED = "\N{DAGGER}", "\N{DOUBLE DAGGER}"


@styled
def ablation_effects(effects: pd.DataFrame) -> Figure:
    """Draw the points by which each ingredient lowers the test error, with 95 % intervals, the largest at the top.

    Args:
        effects: from ``ablation_table.load_effects``.
    """
    if effects.empty:
        return not_run()
    figure, axes = new_figure(WIDE_INCHES, 1.25 + 0.25 * len(effects))
    headline(figure, _sentence(effects))
    reach = 1.04 * effects[["value", "high"]].max(axis=None)
    axes.axvline(0, color=INK, linestyle="--", linewidth=0.8, zorder=1)
    for place, row in enumerate(effects.itertuples()):
        color, marker = VERDICT_LOOKS.get(row.verdict_kind, (MUTED, "D"))
        axes.plot([row.low, row.high], [-place] * 2, color=color, linewidth=1.8, zorder=2)
        look = {
            "marker": marker,
            "color": color,
            "markersize": 5,
            "markeredgewidth": 0.6,
            "markeredgecolor": "white",
            "zorder": 3,
        }
        axes.plot(row.value, -place, **look)
        words = f"{_side(row.value)}  {row.verdict}{_marks(row)}"
        label_point(axes, reach, -place, words, (6, 0), color=text_color(color))
    axes.set(xlim=(1.1 * min(0, effects["low"].min()), reach), ylim=(0.6 - len(effects), 0.6))
    names = [f"{row.ingredient} (n = {row.n_seeds}{_level(row)})" for row in effects.itertuples()]
    axes.set_yticks([-place for place in range(len(effects))], names)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=RULE, linewidth=0.6)
    axes.set_xlabel("\n".join(["points of test error lower with the ingredient", *_notes(effects)]))
    return figure


def _level(row: Any) -> str:
    return "" if pd.isna(row.confidence_percent) or row.confidence_percent == 95 else f", {row.confidence_percent:g} %"


def _is_corrected(row: Any) -> bool:
    return row.verdict_kind == INCONCLUSIVE and (row.low > 0 or row.high < 0)


def _marks(row: Any) -> str:
    marks = {_OTHER_MEASURE: not row.on_test_error, _CORRECTED: _is_corrected(row)}
    found = "".join(mark for mark, is_needed in marks.items() if is_needed)
    return f" {found}" if found else ""


def _notes(effects: pd.DataFrame) -> list[str]:
    """Return what the marks mean, for those that are drawn."""
    notes = ["n: seeds of the smaller arm; bars: 95 % intervals where no other level is named"]
    if not effects["on_test_error"].all():
        notes.append(f"{_OTHER_MEASURE} the claim judged is about overfitting or training error, not about this bar")
    if any(_is_corrected(row) for row in effects.itertuples()):
        notes.append(f"{_CORRECTED} the bar excludes 0, but p is not below 0.05 once corrected for the other claims")
    return notes


def _side(points: float) -> str:
    size = format_number(abs(points), 1)
    side = "lower " if points >= 0 else "higher"
    return f"{size} {side if float(size) else 'points'}"


def _sentence(effects: pd.DataFrame) -> str:
    clear = effects[effects["lowers"]]
    if clear.empty:
        return "On the reduced net no ingredient is shown to lower the test error."
    first = clear.iloc[0]
    return (
        f"With {first['ingredient']} the reduced net's test error is {format_number(first['value'], 1)} points lower, "
        f"the largest gain shown among {len(effects)} ingredients."
    )
