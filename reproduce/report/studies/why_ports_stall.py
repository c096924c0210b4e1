"""Why ports of AlexNet stall: losses by update, and the share of each layer's spread that is between images."""

import math

import pandas as pd

from reproduce.base.text import frame_as_markdown
from reproduce.report.figures.layer_spread import image_shares
from reproduce.report.figures.update_losses import losses_by_update
from reproduce.report.records import Records
from reproduce.runs.learning import updates_to_reach

STUDY = "why_ports_stall"
PLATEAU_NATS = math.log(10)  # the loss of a net that knows that there are ten classes, and nothing about the image
LEFT_NATS = 2.2  # fixed with the study's design: a mean over 20 updates below it has left the plateau
FINAL_UPDATES = 30


def load_losses(loaded: Records) -> pd.DataFrame:
    """Return the study's losses: variant, epochs, seed, update, training_loss_nats."""
    wanted = "study variant epochs seed update training_loss_nats"
    return loaded.table("update_losses", wanted, STUDY).drop(columns="study")


def load_activations(loaded: Records) -> pd.DataFrame:
    """Return the study's activation scales: variant, epochs, seed, layer, both deviations, when."""
    wanted = "study variant epochs seed layer standard_deviation standard_deviation_over_images when"
    return loaded.table("activations", wanted, STUDY).drop(columns="study")


def shortest(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the runs of the study's shortest length, at which every arm is run."""
    return frame[frame["epochs"].eq(frame["epochs"].min())]


def summary(losses: pd.DataFrame) -> pd.DataFrame:
    """Return one row per run: its updates, final loss (mean of the last 30, nats) and update of leaving the plateau.

    ``left_at`` is the first update at which the mean loss of the last 20 updates is below 2.2 nats, else empty.
    """
    rows = [
        {
            "variant": variant,
            "seed": seed,
            "updates": len(run),
            "final_loss_nats": run["training_loss_nats"].tail(FINAL_UPDATES).mean(),
            "left_at": updates_to_reach(run["training_loss_nats"], LEFT_NATS),
        }
        for (variant, _, seed), run in losses.groupby(["variant", "epochs", "seed"], sort=False)
    ]
    columns = ["variant", "seed", "updates", "final_loss_nats", "left_at"]
    return pd.DataFrame(rows, columns=columns).astype({"left_at": "Int64"})


def image_share(activations: pd.DataFrame) -> pd.DataFrame:
    """Return the share of each layer's spread that is between images before the first update, by variant and layer.

    ``share`` is a ratio of standard deviations, averaged over seeds: one output's over the images, averaged over the
    layer's outputs, divided by the one over all outputs and images. Near 0, all images look alike to the layer.
    """
    before = activations[activations["when"].eq("before")]
    share = before["standard_deviation_over_images"] / before["standard_deviation"]
    groups = before.assign(share=share).groupby(["variant", "layer"], sort=False)
    return groups["share"].mean().reset_index()


def page_table(loaded: Records) -> str:
    """Return the study's results as a Markdown table, one row per arm and length."""
    runs, shares = summary(load_losses(loaded)), image_share(shortest(load_activations(loaded)))
    last = shares[shares["layer"].eq("fc7")].set_index("variant")["share"]
    rows = [
        {
            "arm": f"`{variant}`",
            "updates": f"{updates:,}",
            "final loss, nats (each seed)": ", ".join(f"{value:.2f}" for value in arm["final_loss_nats"]),
            "left the plateau at update": ", ".join("never" if pd.isna(n) else str(n) for n in arm["left_at"]),
            "spread between images at fc7, before training": f"{last[variant]:.2g}" if variant in last else "-",
        }
        for (variant, updates), arm in runs.groupby(["variant", "updates"], sort=False)
    ]
    return frame_as_markdown(pd.DataFrame(rows)) if rows else "Not run yet."


FIGURES = {
    "why_ports_stall_losses": lambda loaded: losses_by_update(shortest(load_losses(loaded)), PLATEAU_NATS, LEFT_NATS),
    "why_ports_stall_layers": lambda loaded: image_shares(image_share(shortest(load_activations(loaded)))),
}
BLOCKS = {"stalls": page_table}
