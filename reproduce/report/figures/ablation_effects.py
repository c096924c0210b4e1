"""Each ingredient's effect on the reduced net's test error, largest first. Table in, figure out."""

import pandas as pd
from matplotlib.figure import Figure

from reproduce.base.text import format_number
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
        label_point(axes, reach, -place, f"{_side(row.value)}  {row.verdict}", (6, 0), color=text_color(color))
    axes.set(xlim=(1.1 * min(0, effects["low"].min()), reach), ylim=(0.6 - len(effects), 0.6))
    names = [f"{row.ingredient} (n = {row.n_seeds})" for row in effects.itertuples()]
    axes.set_yticks([-place for place in range(len(effects))], names)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=RULE, linewidth=0.6)
    axes.set_xlabel(
        "points of test error lower with the ingredient (n: seeds of the smaller arm)\n"
        "bars: 95 % intervals, wider where seeds were added later\n"
        "right: the verdict on the claim, which for some is about overfitting or training error"
    )
    return figure


def _side(points: float) -> str:
    side = "lower " if points >= 0 else "higher"
    return f"{format_number(abs(points), 1)} {side}"


def _sentence(effects: pd.DataFrame) -> str:
    clear = effects[effects["lowers"]]
    if clear.empty:
        return "On the reduced net no ingredient is shown to lower the test error."
    first = clear.iloc[0]
    return (
        f"Largest gain of {len(effects)} ingredients on the reduced net's test error: {first['ingredient']}, "
        f"{format_number(first['value'], 1)} points. Claims reproduced in direction: {len(clear)}."
    )
