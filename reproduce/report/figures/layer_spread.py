"""A map of arms by layers: the share of each layer's spread that is between images."""

import numpy as np
import pandas as pd
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from reproduce.report.style import INK, SMALL_PT, WIDE_INCHES, headline, new_figure, not_run, styled

_LAST_HIDDEN = "fc7"
_WITH_WEIGHTS = ("conv", "fc")  # the layers that every arm has


@styled
def image_shares(shares: pd.DataFrame) -> Figure:
    """Draw the share of each layer's spread that is between images, before training: arms by layers.

    Args:
        shares: columns variant, layer (in the order of the net) and share.
    """
    if shares.empty:
        return not_run()
    figure, axes = new_figure(WIDE_INCHES, 1.6 + 0.26 * shares["variant"].nunique())
    headline(figure, _sentence(shares))
    variants = list(dict.fromkeys(shares["variant"]))
    layers = [name for name in dict.fromkeys(shares["layer"]) if name.startswith(_WITH_WEIGHTS)]
    table = shares.pivot(index="variant", columns="layer", values="share").reindex(index=variants, columns=layers)
    cells = axes.imshow(100 * table.to_numpy(), cmap="cividis", norm=LogNorm(0.1, 100), aspect="auto")
    axes.set_xticks(range(len(layers)), layers, rotation=45, ha="right")
    axes.set_yticks(range(len(variants)), [name.replace("_", " ") for name in variants])
    axes.spines[:].set_visible(False)
    for (row, column), value in np.ndenumerate(table.to_numpy()):
        if np.isfinite(value):
            light = value < 0.05
            axes.text(
                column,
                row,
                f"{100 * value:.{0 if value >= 0.01 else 1}f}",
                ha="center",
                va="center",
                fontsize=SMALL_PT - 0.5,
                color="white" if light else INK,
            )
    figure.colorbar(cells, ax=axes, pad=0.01, label="share, % (log scale)")
    axes.set_title("share of each layer's spread that is between images, before training, %", fontweight="normal")
    return figure


def _sentence(shares: pd.DataFrame) -> str:
    """Return a sentence on the arms with the smallest and the largest share at the last hidden layer."""
    last = shares[shares["layer"].eq(_LAST_HIDDEN)].set_index("variant")["share"].sort_values()
    if last.empty:
        return "What is left of the image at each layer, before training."
    worst, best = last.index[0].replace("_", " "), last.index[-1].replace("_", " ")
    return (
        f"Before training, {100 * last.iloc[0]:.1f} % of the spread at {_LAST_HIDDEN} is between images in the arm "
        f"{worst!r}, {100 * last.iloc[-1]:.0f} % in {best!r}: some ports lose the image before they start."
    )
