"""Statistics of each layer's outputs; their scale is the most frequent reason why a loss does not move."""

import pandas as pd
import torch
from torch import Tensor

from reproduce.models.network import Network


@torch.no_grad()
def activation_scales(network: Network, images: Tensor) -> pd.DataFrame:
    """Return one row per layer, in order, of statistics of its outputs over all images, in test mode.

    Args:
        network: on the images' device.
        images: (N, C, H, H), as the network reads them.

    Returns:
        Columns layer, mean, standard_deviation, share_zero (0 to 1) and standard_deviation_over_images. The last is the
        standard deviation of one output from image to image, averaged over the outputs. Where it is far smaller than
        standard_deviation, the layer's outputs are nearly the same for every image.
    """
    rows = []
    for name, output in network.outputs(images):
        out = output.float()
        row = {"layer": name, "mean": out.mean().item(), "standard_deviation": out.std().item()}
        row |= {"share_zero": (out == 0).float().mean().item()}
        rows.append(row | {"standard_deviation_over_images": out.std(dim=0).mean().item()})
    return pd.DataFrame(rows)
