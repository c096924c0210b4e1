"""Each arm's error minus the base's error, by epoch, one panel per arm."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from reproduce.base.text import format_number
from reproduce.report.style import (
    BLUE,
    INK,
    MUTED,
    SMALL_PT,
    VERMILION,
    WIDE_INCHES,
    headline_with_key,
    new_figure,
    styled,
)

_MEASURES = {"training": "--", "validation": "-"}
_COLUMNS = 4
_PANEL_INCHES = 1.55
_LARGEST_LEFT_OUT = 2  # arms that may have a scale of their own, so that the others can be told apart


@styled
def arms_beside_base(curves: pd.DataFrame, base: str) -> Figure:
    """Draw by how much each arm's errors exceed the base's, epoch by epoch, the arm that ends highest first.

    Args:
        curves: columns variant, epochs, epoch, n_seeds, training_error_percent, validation_error_percent.
        base: the variant that every other variant with a schedule of the same length is compared with.
    """
    differences = _differences(curves, base)
    last = differences[differences["epoch"].eq(differences["epoch"].max())].set_index("variant")["validation"]
    ends = last.sort_values(ascending=False, kind="stable")
    rows = max(1, -(-len(ends) // _COLUMNS))
    figure, grid = new_figure(
        WIDE_INCHES,
        1.2 + _PANEL_INCHES * rows,
        nrows=rows,
        ncols=min(_COLUMNS, max(1, len(ends))),
        squeeze=False,
        sharex=True,
    )
    for axes in grid.flat[len(ends) :]:
        axes.set_axis_off()
    if ends.empty:
        grid[0, 0].text(0, 0.5, "not run yet", color=MUTED)
        return figure
    reach = _reach(ends)
    for place, (axes, (variant, end)) in enumerate(zip(grid.flat, ends.items(), strict=False)):
        arm = differences[differences["variant"].eq(variant)]
        has_own_scale = abs(end) > reach
        height = 1.25 * float(arm[[*_MEASURES]].iloc[-1].abs().max()) if has_own_scale else reach
        _draw_arm(axes, arm, end, height, has_own_scale)
        axes.tick_params(labelbottom=True, labelleft=has_own_scale or place % _COLUMNS == 0)
    headline_with_key(figure, _sentence(ends), _key())
    figure.supylabel("points of top-1 error above the base's (means over seeds)", fontsize=SMALL_PT + 1)
    figure.supxlabel("epoch (n: seeds)", fontsize=SMALL_PT + 1)
    return figure


def _key() -> list[Line2D]:
    looks = {"training": "running training error", "validation": "held-out error, center view"}
    lines = [
        Line2D([], [], color=_color(name), linestyle=_MEASURES[name], label=words) for name, words in looks.items()
    ]
    return [*lines, Line2D([], [], color=INK, linewidth=0.7, label="the net with every ingredient")]


def _differences(curves: pd.DataFrame, base: str) -> pd.DataFrame:
    """Return variant, epoch, n_seeds, and ``training`` and ``validation`` minus the base's.

    Arms with a schedule of another length than the base's are left out.
    """
    errors = {f"{measure}_error_percent": measure for measure in _MEASURES}
    length = curves.loc[curves["variant"].eq(base), "epochs"].max()
    curves = curves[curves["epochs"].eq(length)].rename(columns=errors)
    of_base = curves[curves["variant"].eq(base)].set_index("epoch")[[*_MEASURES]]
    arms = curves[curves["variant"].ne(base)].reset_index(drop=True)
    return arms.assign(**{measure: arms[measure] - arms["epoch"].map(of_base[measure]) for measure in _MEASURES})


def _reach(ends: pd.Series) -> float:
    """Return the shared axis' half height, which holds the last value of every arm except the two largest."""
    sizes = ends.abs().sort_values(ascending=False)
    return 2.4 * float(sizes.iloc[min(_LARGEST_LEFT_OUT, len(sizes) - 1)]) or 1.0


def _sentence(ends: pd.Series) -> str:
    largest = [f"{format_number(end, 1)} points with {_name(name)}" for name, end in ends.iloc[:2].items()]
    close = int(ends.abs().lt(0.5).sum())
    return (
        f"The held-out error ends above the base's by {' and '.join(largest)}; {close} of {len(ends)} changes move it "
        "by less than half a point."
    )


def _name(variant: str) -> str:
    return variant.replace("_", " ")


def _draw_arm(axes: Axes, arm: pd.DataFrame, end: float, reach: float, has_own_scale: bool) -> None:
    axes.axhline(0, color=INK, linewidth=0.7, zorder=1)
    for measure, line in _MEASURES.items():
        axes.plot(arm["epoch"], arm[measure], color=_color(measure), linestyle=line, linewidth=1.1)
    axes.set_title(_name(arm["variant"].iloc[0]) + ("\n(own scale)" if has_own_scale else ""), fontsize=SMALL_PT)
    words = (
        f"held out ends\n{format_number(abs(end), 1)} {'higher' if end >= 0 else 'lower'}, n = {arm['n_seeds'].iloc[0]}"
    )
    box = {"boxstyle": "square,pad=0.1", "facecolor": "white", "alpha": 0.8, "linewidth": 0}
    is_low = _is_low(arm, reach)
    look = {"ha": "right", "va": "top" if is_low else "bottom", "color": MUTED, "fontsize": SMALL_PT - 0.5, "bbox": box}
    axes.text(0.98, 0.97 if is_low else 0.03, words, transform=axes.transAxes, **look)
    axes.set_ylim(-reach, reach)
    axes.set_xlim(left=0)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True, steps=[1, 2, 2.5, 5, 10]))


def _is_low(arm: pd.DataFrame, reach: float) -> bool:
    """Return whether more of the lines lies where words at the bottom would stand than where words at the top would."""
    last = arm.loc[arm["epoch"].gt(0.4 * arm["epoch"].max()), [*_MEASURES]].stack()
    return bool(last.lt(-0.3 * reach).sum() > last.gt(0.3 * reach).sum())


def _color(measure: str) -> str:
    return VERMILION if measure == "training" else BLUE
