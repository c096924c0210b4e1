"""The training loss of every update, a panel per arm."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reproduce.report.style import BLUE, INK, SMALL_PT, WIDE_INCHES, headline, new_figure, styled

_WINDOW = 20
_CONTROL = "torchvision"  # its net is known to train
_LOSS_RANGE = (1.4, 3.1)


@styled
def losses_by_update(losses: pd.DataFrame, plateau_nats: float, left_nats: float) -> Figure:
    """Draw the loss of every update, one panel per arm: thin lines are seeds, thick ones means over 20 updates.

    Args:
        losses: columns variant, seed, update, training_loss_nats.
        plateau_nats: the loss of a net that knows only the number of classes, drawn dashed.
        left_nats: the plateau counts as left once the mean over 20 updates is below this loss.
    """
    arms = list(losses.groupby("variant", sort=False))
    rows = -(-len(arms) // 4) or 1
    figure, grid = new_figure(
        WIDE_INCHES, 0.75 + 1.75 * rows, nrows=rows, ncols=4, squeeze=False, sharex=True, sharey=True
    )
    if arms:
        headline(figure, _sentence(losses, left_nats))
    for axes, (name, arm) in zip(grid.flat, arms, strict=False):
        _draw_arm(axes, str(name), arm, plateau_nats)
    for axes in grid.flat[len(arms) :]:
        axes.set_visible(False)
    grid[0, 0].set_ylim(*_LOSS_RANGE)
    figure.supylabel("training loss, nats", fontsize=SMALL_PT + 1)
    figure.supxlabel(
        f"update (thin: each of two seeds; thick: mean of {_WINDOW} updates)\n"
        "dashed: ln 10, the loss of a net that knows the ten classes and nothing of the image",
        fontsize=SMALL_PT + 1,
    )
    return figure


def _sentence(losses: pd.DataFrame, left_nats: float) -> str:
    runs = losses.groupby(["variant", "seed"], sort=False)["training_loss_nats"]
    left = runs.apply(lambda run: bool(run.rolling(_WINDOW).mean().lt(left_nats).any())).groupby("variant", sort=False)
    stuck = [str(name).replace("_", " ") for name, seeds in left if not seeds.any()]
    updates = losses["update"].max()
    return (
        f"Within {updates} updates {len(stuck)} of {len(left)} arms do not come below the plateau where nothing of the "
        f"image is used: {', '.join(stuck)}.{_of_control(stuck)}"
        if stuck
        else f"Within {updates} updates every arm comes below the plateau where nothing of the image is used."
    )


def _of_control(stuck: Sequence[str]) -> str:
    return f" The control, {_CONTROL}, is known to train." if _CONTROL in stuck else ""


def _draw_arm(axes: Axes, name: str, arm: pd.DataFrame, plateau_nats: float) -> None:
    axes.set_title(name.replace("_", " "))
    axes.axhline(plateau_nats, color=INK, linestyle="--", linewidth=0.8, zorder=1)
    for _, run in arm.groupby("seed"):
        axes.plot(run["update"], run["training_loss_nats"], color=BLUE, linewidth=0.4, alpha=0.35)
        axes.plot(run["update"], run["training_loss_nats"].rolling(_WINDOW).mean(), color=BLUE, linewidth=1.4)
