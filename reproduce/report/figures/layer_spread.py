"""A map of arms by layers: the share of each layer's spread that is between images."""

import numpy as np
import pandas as pd
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from reproduce.report.style import INK, MUTED, SMALL_PT, WIDE_INCHES, new_figure, styled

_WITH_WEIGHTS = ("conv", "fc")  # the layers that every arm has


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
