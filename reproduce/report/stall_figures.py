"""The figures of the study of stalled ports: losses by update, and what of an image is left at each layer."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from reproduce.report.stalls import PLATEAU_NATS
from reproduce.report.style import BLUE, INK, MUTED, SMALL_PT, WIDE_INCHES, new_figure, styled

_WINDOW = 20
_LOSS_RANGE = (1.4, 3.1)
_WITH_WEIGHTS = ("conv", "fc")  # the layers that every arm has


@styled
def stall_losses(losses: pd.DataFrame) -> Figure:
    """Draw the loss of every update, a panel an arm: points are updates, lines the mean of 20, dashed ln 10.

    Args:
        losses: columns variant, seed, update, training_loss_nats.
    """
    arms = list(losses.groupby("variant", sort=False))
    rows = -(-len(arms) // 4) or 1
    figure, grid = new_figure(
        WIDE_INCHES, 0.4 + 1.75 * rows, nrows=rows, ncols=4, squeeze=False, sharex=True, sharey=True
    )
    for axes, (name, arm) in zip(grid.flat, arms, strict=False):
        _draw_arm(axes, str(name), arm)
    for axes in grid.flat[len(arms) :]:
        axes.set_visible(False)
    grid[0, 0].set_ylim(*_LOSS_RANGE)
    figure.supylabel("training loss, nats", fontsize=SMALL_PT + 1)
    figure.supxlabel(
        "update (thin: each of two seeds; thick: mean of 20; dashed: ln 10, which says nothing about the image)",
        fontsize=SMALL_PT + 1,
    )
    return figure


def _draw_arm(axes: Axes, name: str, arm: pd.DataFrame) -> None:
    axes.set_title(name.replace("_", " "))
    axes.axhline(PLATEAU_NATS, color=INK, linestyle="--", linewidth=0.8, zorder=1)
    for _, run in arm.groupby("seed"):
        axes.plot(run["update"], run["training_loss_nats"], color=BLUE, linewidth=0.4, alpha=0.35)
        axes.plot(run["update"], run["training_loss_nats"].rolling(_WINDOW).mean(), color=BLUE, linewidth=1.4)


@styled
def image_shares(shares: pd.DataFrame) -> Figure:
    """Draw the share of each layer's spread that is between images, before training: arms by layers.

    Args:
        shares: columns variant, layer (in the order of the net) and share.
    """
    figure, axes = new_figure(WIDE_INCHES, 1.2 + 0.26 * max(1, shares["variant"].nunique()))
    if shares.empty:
        axes.set_axis_off()
        axes.text(0.5, 0.5, "not run yet", ha="center", color=MUTED, fontstyle="italic")
        return figure
    variants = list(dict.fromkeys(shares["variant"]))
    layers = [name for name in dict.fromkeys(shares["layer"]) if name.startswith(_WITH_WEIGHTS)]
    table = shares.pivot(index="variant", columns="layer", values="share").reindex(index=variants, columns=layers)
    cells = axes.imshow(table.to_numpy(), cmap="cividis", norm=LogNorm(1e-3, 1), aspect="auto")
    axes.set_xticks(range(len(layers)), layers, rotation=45, ha="right")
    axes.set_yticks(range(len(variants)), [name.replace("_", " ") for name in variants])
    axes.spines[:].set_visible(False)
    for (row, column), value in np.ndenumerate(table.to_numpy()):
        if np.isfinite(value):
            light = value < 0.05
            axes.text(
                column,
                row,
                f"{value:.1g}",
                ha="center",
                va="center",
                fontsize=SMALL_PT - 1.5,
                color="white" if light else INK,
            )
    figure.colorbar(cells, ax=axes, pad=0.01)
    axes.set_title("share of each layer's spread that is between images, before training")
    return figure
