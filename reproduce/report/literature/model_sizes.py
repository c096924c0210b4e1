"""Error against parameters and operations, and the error under other labels and on other images."""

import pandas as pd

from reproduce.base.text import format_number
from reproduce.report.literature.milestones import known_as

ALEXNET = "AlexNet, 1 CNN"
_LABELS = "real_top1_error_percent"
_IMAGES = "imagenetv2_top1_error_percent"


def sized_models(models: pd.DataFrame) -> pd.DataFrame:
    """Return the single models trained on the supplied images alone whose sizes and top-1 error are known.

    The sizes are parameters and operations; the error is on the validation images. ``name`` is the well-known name.
    ``frontier`` marks a model whose error is lower than that of every other model with as few or fewer parameters.
    """
    chosen = models[
        models["single_model"] & ~models["outside_data"] & models["split"].eq("val") & models["gmacs"].notna()
    ].dropna(subset=["params_millions", "top1_error_percent"])
    chosen = chosen.sort_values(["params_millions", "top1_error_percent"], kind="stable").reset_index(drop=True)
    best = chosen["top1_error_percent"].cummin()
    return chosen.assign(
        name=chosen["model"].map(known_as), frontier=chosen["top1_error_percent"] < best.shift(fill_value=float("inf"))
    )


def alexnet_and_its_equal(sized: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Return one AlexNet, and the model with the fewest parameters whose top-1 error is no higher."""
    alexnet = sized[sized["model"].eq(ALEXNET)].iloc[0]
    equal = sized[sized["top1_error_percent"] <= alexnet["top1_error_percent"]].iloc[0]
    return alexnet, equal


def relabeled(models: pd.DataFrame) -> pd.DataFrame:
    """Return the re-tested weights with errors on three measures, sorted by the first.

    Columns: ``name``, ``year``, ``outside_data``, ``top1_error_percent`` (the contest's labels),
    ``real_top1_error_percent`` (its images under reassessed labels), ``imagenetv2_top1_error_percent`` (new images).
    """
    columns = ["model", "year", "outside_data", "top1_error_percent", _LABELS, _IMAGES]
    tested = models[models["kind"].eq("independent re-evaluation")].dropna(subset=columns)[columns]
    ordered = tested.sort_values("top1_error_percent", kind="stable").reset_index(drop=True)
    return ordered.assign(name=ordered["model"].map(known_as))


def known_names(tested: pd.DataFrame) -> pd.DataFrame:
    """Return the row of ``relabeled`` with the lowest error for each well-known model, with headings for readers."""
    named = tested[tested["name"].ne(tested["model"])].drop_duplicates("name").reset_index(drop=True)
    headings = {
        "top1_error_percent": "by the contest's labels, %",
        _LABELS: "by reassessed labels (ReaL), %",
        _IMAGES: "on new images (ImageNet-V2), %",
    }
    return named[["name", "year", "outside_data", *headings]].rename(columns=headings)


def relabeled_words(tested: pd.DataFrame) -> str:
    """Return sentences on why a difference of one point near 90 % accuracy says little, for above ``known_names``."""
    best = tested.iloc[0]
    on_images = tested[_IMAGES] - tested["top1_error_percent"]
    nasnet = tested[tested["name"].eq("NASNet-A")].iloc[0]
    of_nasnet = nasnet["top1_error_percent"] - best["top1_error_percent"]
    left = nasnet[_LABELS] - best[_LABELS]
    return (
        f"All {len(tested)} re-tested weights make more errors on new images, {format_number(on_images.min(), 1)} to "
        f"{format_number(on_images.max(), 1)} points more. Between NASNet-A and {best['name']} lie "
        f"{format_number(of_nasnet, 1)} points by the contest's labels and {format_number(left, 1)} by the reassessed "
        "ones. A difference of a point near 90 % accuracy is therefore as much about labels and images as about "
        "networks."
    )
