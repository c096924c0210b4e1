"""Published errors and their protocols: single models on ImageNet after AlexNet, methods on CIFAR-10 up to 2012."""

from pathlib import Path

import numpy as np
import pandas as pd

from reproduce.base.errors import ReproduceError
from reproduce.base.paths import PAPER_NOTES, relative_to_repo
from reproduce.base.tables import percentages, read_table, yes_or_no
from reproduce.base.text import format_number

LATER_MODELS_CSV = PAPER_NOTES / "later_models.csv"
CIFAR10_BEFORE_CSV = PAPER_NOTES / "cifar10_before_2012.csv"

MILESTONES = {
    "AlexNet, 1 CNN": "AlexNet",
    "ZFNet, 1 convnet": "ZFNet",
    "VGG, 1 net (D/E)": "VGG",
    "Inception V3": "Inception-v3",
    "ResNet-152": "ResNet-152",
    "PolyNet": "PolyNet",
    "NASNet-A (6 @ 4032)": "NASNet-A",
    "SENet-154": "SENet-154",
    "AmoebaNet-B (GPipe)": "AmoebaNet-B",
    "EfficientNet-B8 with AdvProp": "EfficientNet-B8",
    "VOLO-D5": "VOLO-D5",
    "ResNeXt-101 32x48d": "ResNeXt WSL",
    "NoisyStudent EfficientNet-L2": "NoisyStudent",
    "ViT-H/14": "ViT-H/14",
    "CoCa, fine-tuned": "CoCa",
    "AIMv2-3B, frozen trunk": "AIMv2-3B",
}
"""The models that the figure and the table name, with their short names: a choice of rows, not a measurement."""

# Weights are published under file names; these are the names that papers and people use.
_KNOWN_AS = {
    "nasnetalarge": "NASNet-A",
    "volo_d5_512": "VOLO-D5",
    "eva02_large_patch14_448": "EVA-02-L",
    "shufflenet_v2_x0_5": "ShuffleNet V2 x0.5",
    "squeezenet1_1": "SqueezeNet 1.1",
    "efficientnet_b4": "EfficientNet-B4",
    "tf_efficientnetv2_s": "EfficientNetV2-S",
    "mobilenetv4_hybrid_medium": "MobileNetV4 hybrid medium",
    "mobilenet_v3_large": "MobileNetV3 large",
    "mobilenet_v2": "MobileNetV2",
    "googlenet": "GoogLeNet",
    "vgg16": "VGG-16",
    "resnet18": "ResNet-18",
    "resnet50": "ResNet-50",
    "resnet152": "ResNet-152",
    "regnet_y_400mf": "RegNetY-400MF",
    "AlexNet, 1 CNN": "AlexNet",
    "NASNet-A (6 @ 4032)": "NASNet-A",
    "BVLC AlexNet (Caffe)": "AlexNet, Caffe's copy",
}

# Rows of one architecture, trained and tested in several ways: they show what the protocol adds to an error.
_SAME_NETWORK = {
    "AlexNet": ("AlexNet, 1 CNN", "BVLC AlexNet (Caffe)"),
    "ResNet-50": ("ResNet-50", "resnet50 (IMAGENET1K_V1)", "resnet50 (IMAGENET1K_V2)"),
    "ResNet-152": ("ResNet-152", "resnet152 (IMAGENET1K_V1)", "resnet152 (IMAGENET1K_V2)"),
}


def load_later_models(path: Path = LATER_MODELS_CSV) -> pd.DataFrame:
    """Read published models, library weights and re-evaluations.

    Returns:
        one row per figure: ``model``, ``year`` int, ``kind``, ``top1_error_percent`` and ``top5_error_percent`` float,
        ``real_top1_error_percent`` and ``imagenetv2_top1_error_percent`` (other labels, other images),
        ``params_millions``, ``gmacs`` (10^9 multiply-accumulates per view), ``input_px`` (words, as printed),
        ``crop_protocol``, ``views`` ("one" or "several"), ``outside_data`` nullable boolean and ``outside_data_note``,
        ``split``, ``single_model`` boolean, ``verification``, ``notes``, ``source``. Weights distilled from a model
        that saw outside images count as outside data, whatever their own training set was.

    Raises:
        ReproduceError: a missing file or column, or a percentage outside 0 to 100.
    """
    raw = read_table(
        path,
        "model single_model year kind top1_accuracy_percent top5_accuracy_percent real_top1_accuracy_percent "
        "imagenetv2_top1_accuracy_percent params_millions gmacs input_size crop_protocol views extra_data split "
        "verification notes source",
    )
    return pd.DataFrame(
        {
            **{name: raw[name] for name in ("model", "year", "kind")},
            **{
                f"{name}_error_percent": _error(raw[f"{name}_accuracy_percent"], path)
                for name in ("top1", "top5", "real_top1", "imagenetv2_top1")
            },
            "params_millions": raw["params_millions"].astype(float),
            "gmacs": raw["gmacs"].astype(float),
            "input_px": raw["input_size"],
            "crop_protocol": raw["crop_protocol"],
            "views": raw["views"],
            # BEiT v2 saw the supplied images only, but its tokenizer was distilled from CLIP, which saw others.
            "outside_data": yes_or_no(raw["extra_data"]) | raw["model"].str.startswith("beitv2"),
            "outside_data_note": raw["extra_data"],
            "split": raw["split"],
            "single_model": raw["single_model"].eq("yes"),
            **{name: raw[name] for name in ("verification", "notes", "source")},
        }
    )


def known_as(model: str) -> str:
    """Return the name people know a model by, where it differs from the name of its weights or its row."""
    bare = model.split(" (IMAGENET1K")[0]
    return _KNOWN_AS.get(model) or _KNOWN_AS.get(bare) or _KNOWN_AS.get(bare.split(".")[0], model)


def published_single_models(models: pd.DataFrame) -> pd.DataFrame:
    """Return published single models whose top-1 error on ImageNet validation was read in its source, each model once.

    ``record`` says whether no model of an earlier year or of the same year has a lower top-1 error under the same data
    rule (supplied images only, or outside images allowed). ``label`` is the short name of a milestone, else missing.
    """
    chosen = models[
        models["kind"].eq("published")
        & models["single_model"]
        & models["split"].eq("val")
        & models["top1_error_percent"].notna()
        & ~models["verification"].str.startswith("C")  # quoted from a citation, read in no source
    ]
    chosen = chosen.sort_values(["year", "top1_error_percent", "params_millions"])
    chosen = chosen.drop_duplicates(["model", "year", "top1_error_percent", "crop_protocol", "input_px"]).reset_index(
        drop=True
    )
    best_so_far = chosen.groupby("outside_data")["top1_error_percent"].cummin()
    first_of_year = ~chosen.duplicated(["outside_data", "year"])
    earlier = best_so_far.groupby(chosen["outside_data"]).shift().fillna(np.inf)
    record = first_of_year & (chosen["top1_error_percent"] < earlier)
    return chosen.assign(record=record, label=chosen["model"].map(MILESTONES).where(_is_best_row(chosen)))


def milestones(models: pd.DataFrame) -> pd.DataFrame:
    """Return the named models, each with its best published error, oldest first.

    Raises:
        ReproduceError: the table lacks a milestone.
    """
    single = published_single_models(models)
    missing = sorted(set(MILESTONES.values()) - set(single["label"].dropna()))
    if missing:
        raise ReproduceError(
            f"{relative_to_repo(LATER_MODELS_CSV)} has no published figure for {missing[0]}; restore it with git"
        )
    measured = ["label", "year", "top1_error_percent", "top5_error_percent", "params_millions"]
    setting = ["input_px", "crop_protocol", "views", "outside_data_note", "verification", "source"]
    named = single[single["label"].notna()].sort_values(["year", "top1_error_percent"], ascending=[True, False])
    return named[measured + setting].reset_index(drop=True)


def best_weights(models: pd.DataFrame) -> pd.DataFrame:
    """Return two rows: the best re-evaluated public weights trained without outside images, and the best with them."""
    tested = models[models["kind"].eq("independent re-evaluation")]
    best = [tested[tested["outside_data"].eq(flag)].nsmallest(1, "top1_error_percent") for flag in (False, True)]
    return pd.concat(best).reset_index(drop=True)


def smaller_than_nasnet(models: pd.DataFrame) -> pd.DataFrame:
    """Return NASNet-A re-evaluated, and the smallest public weights trained on the supplied images that beat it.

    The error of these weights may be measured by their own library or by somebody else.

    Raises:
        ReproduceError: the table has no re-evaluation of NASNet-A.
    """
    public = models[models["kind"].isin(["independent re-evaluation", "library weights"]) & ~models["outside_data"]]
    nasnet = public[public["model"].str.startswith("nasnetalarge")]
    if nasnet.empty:
        raise ReproduceError(
            f"{relative_to_repo(LATER_MODELS_CSV)} has no re-evaluation of nasnetalarge; restore it with git"
        )
    better = public[public["top1_error_percent"] < nasnet["top1_error_percent"].iloc[0]]
    chosen = pd.concat([nasnet.head(1), better.nsmallest(1, "params_millions")]).reset_index(drop=True)
    return chosen.assign(model=chosen["model"].map(known_as))


def protocol_spread(models: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of architectures that were trained or tested in several ways, by ``network``."""
    parts = [models[models["model"].isin(names)].assign(network=network) for network, names in _SAME_NETWORK.items()]
    columns = ["network", "model", "year", "kind", "crop_protocol", "input_px", "top1_error_percent", "source"]
    return pd.concat(parts)[columns].reset_index(drop=True)


def recipe_words(models: pd.DataFrame) -> str:
    """Return what a later training recipe is worth to ResNet-50, beside NASNet-A's lead over the nets of 2015."""
    weights = models.drop_duplicates("model").set_index("model")["top1_error_percent"]
    first, later = weights["resnet50 (IMAGENET1K_V1)"], weights["resnet50 (IMAGENET1K_V2)"]
    named = milestones(models).set_index("label")
    resnet, nasnet = named.loc[["ResNet-152", "NASNet-A"], "top1_error_percent"]
    protocol = named.loc["ResNet-152", "crop_protocol"]
    return (
        f"A later recipe makes ResNet-50's error {format_number(first - later, 1)} points lower "
        f"({format_number(first, 1)} to {format_number(later, 1)} %, library weights by one view). NASNet-A's error is "
        f"{format_number(resnet - nasnet, 1)} points lower than the best printed for ResNet-152 of 2015 "
        f"({format_number(resnet, 1)} %, {protocol}, to {format_number(nasnet, 1)} %)."
    )


def load_cifar10_before(path: Path = CIFAR10_BEFORE_CSV) -> pd.DataFrame:
    """Read CIFAR-10 test accuracies up to 2012 and return them as errors, largest first.

    Columns are ``year`` of the source (missing where it has none), ``method``, ``family``, ``test_error_percent``,
    ``protocol``, ``verification`` and ``source``.

    Raises:
        ReproduceError: a missing file or column, or a percentage outside 0 to 100.
    """
    raw = read_table(path, "year method family accuracy_percent protocol verification source")
    error = _error(raw["accuracy_percent"], path)
    columns = ["year", "method", "family", "test_error_percent", "protocol", "verification", "source"]
    raw = raw.astype({"year": "Int64"})
    return raw.assign(test_error_percent=error)[columns].sort_values(
        "test_error_percent", ascending=False, ignore_index=True
    )


def best_error_before_2012() -> float:
    """Return the lowest error of a method on CIFAR-10 in print before 2012, in percent."""
    printed = load_cifar10_before()
    return float(printed.loc[printed["year"].lt(2012) & printed["family"].ne("human"), "test_error_percent"].min())


def _error(accuracy: pd.Series, path: Path) -> pd.Series:
    return (100 - percentages(accuracy, path)).round(6)  # back to the decimals of the source


def _is_best_row(single: pd.DataFrame) -> pd.Series:
    """Mark the lowest top-1 error of each model (one architecture is printed under several protocols)."""
    return single.index.isin(single.groupby("model")["top1_error_percent"].idxmin())
