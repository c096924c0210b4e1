"""Measured quantities in words: "test top-1 error of no_normalization minus that of base"."""

from collections.abc import Sequence

from reproduce.study.claims import Claim

_UNIT_ENDINGS = ("_percentage_points", "_percent", "_nats", "_seconds", "_days")
_MORE_WORDS = {
    "center_generalization_gap": "gap of test over training top-1 error by the center view",
    "generalization_gap": "gap of test over training top-1 error",
    "ten_view_gain": "test top-1 error by the center view minus that by ten views",
    "ten_view_top5_gain": "test top-5 error by the center view minus that by ten views",
    "neighbor_purity_gain": "share of neighbors of the query's class, by features minus by pixels",
    "updates_to_held_out_level": "updates until the held-out error is below a fixed level",
}


def words_of(estimand: str) -> str:
    """Return an estimand's name in words, without its unit."""
    ending = next((ending for ending in _UNIT_ENDINGS if estimand.endswith(ending)), "")
    name = estimand.removesuffix(ending)
    plain = name.replace("top1", "top-1").replace("top5", "top-5").replace("_percent_", " % ").replace("_", " ")
    return _MORE_WORDS.get(name, plain)


def of_mean(metric: str, variant: str) -> str:
    """Return the quantity of a mean over a variant's seeds."""
    return f"{words_of(metric)} of {variant}, mean over seeds"


def of_arms(estimand: str, kind: str, arms: Sequence[str]) -> str:
    """Return the quantity of a difference or ratio of two arms."""
    return f"{words_of(estimand)} of {arms[0]} {'over' if kind == 'ratio' else 'minus'} that of {arms[1]}"


def of_claim(claim: Claim) -> str | None:
    """Return the quantity that a claim is judged by; None where it fixes no number."""
    if claim.kind == "arithmetic":
        return "the derived figure"
    if claim.estimand is None:
        return None
    if claim.kind in ("difference", "ratio") and len(claim.arms) == 2:
        return of_arms(claim.estimand, claim.kind, claim.arms)
    of_variant = f" of {claim.arms[0]}" if claim.arms else ""
    return f"{words_of(claim.estimand)}{of_variant}"
