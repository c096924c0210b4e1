"""The authors' own measurements of why the error fell: ablations and averages, in points of error."""

from collections.abc import Sequence

import pandas as pd

from reproduce.study.claims import Claim

_SUPPLIED, _OUTSIDE = "averaging", "outside images"
_INGREDIENT = "ingredient"

# The step, its kind, and the claims of its printed effect on the top-1 and, where the paper prints it, the top-5 error.
_PRINTED = (
    ("two columns on two GPUs, for one of half the maps", _INGREDIENT, "two-gpus-top1", "two-gpus-top5"),
    ("response normalization", _INGREDIENT, "lrn-top1", "lrn-top5"),
    ("overlapping pooling", _INGREDIENT, "overlapping-pooling-top1", "overlapping-pooling-top5"),
    ("color noise", _INGREDIENT, "color-noise-top1", None),
    ("any middle convolution", _INGREDIENT, "removing-conv4-top1", None),
    ("ten views for the center crop", _SUPPLIED, "ilsvrc2010-ten-views-top1", "ilsvrc2010-ten-views-top5"),
)
# Effects that the paper prints as two error rates, the error before first.
_PAIRS = (
    ("five nets for one", _SUPPLIED, "ilsvrc2012-one-cnn", "ilsvrc2012-five-cnns"),
    (
        "pre-training on Fall 2011, with a sixth convolution",
        _OUTSIDE,
        "ilsvrc2012-one-cnn",
        "ilsvrc2012-pretrained-cnn",
    ),
    ("seven nets, two of them pre-trained, for one", _OUTSIDE, "ilsvrc2012-one-cnn", "ilsvrc2012-seven-cnns"),
)


def reasons(claims: Sequence[Claim]) -> pd.DataFrame:
    """Return the steps that the paper credits, with their effects in points of error.

    Returns:
        one row per step: ``step`` (words), ``kind`` (ingredient, averaging or outside images), ``top1_points`` and
        ``top5_points`` (by which the step lowers the error; missing where the paper prints none), ``is_bound``
        (whether the paper says "at least"), ``dataset``, ``source``.
    """
    known = {claim.id: claim for claim in claims}
    rows = [
        {
            "step": step,
            "kind": kind,
            "top1_points": _printed(known[top1]),
            "top5_points": _printed(known[top5]) if top5 else None,
            "is_bound": known[top1].relation == "at_least",
        }
        | _place(known[top1])
        for step, kind, top1, top5 in _PRINTED
    ]
    for step, kind, before, after in _PAIRS:
        lower = {
            f"{metric}_points": round(_printed(known[f"{before}-{metric}"]) - _printed(known[f"{after}-{metric}"]), 6)
            for metric in ("top1", "top5")
        }
        last = known[f"{after}-top5"]
        rows.append({"step": step, "kind": kind} | lower | {"is_bound": False} | _place(last))
    return pd.DataFrame(rows).astype({"top5_points": "float64"})


def _place(claim: Claim) -> dict[str, str | None]:
    return {"dataset": claim.dataset, "source": claim.source}


def _printed(claim: Claim) -> float:
    return next(target.value for target in claim.targets if target.kind == "published")
