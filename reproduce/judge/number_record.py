"""One number that may be cited: its fields, the fields of each kind, and its row in ``numbers.json``."""

import math
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd

_DECIMALS = 6  # more would differ between machines in the last bit

Kind = Literal["claim", "mean", "comparison", "effect", "analysis", "groups", "published", "drop"]


@dataclass(frozen=True)
class Arm:
    """The finished runs of one variant at one length behind a number.

    ``variant`` is ``study/variant``; ``seeds`` counts its runs, of ``epochs`` each. ``full_epochs`` is the length of
    the source's schedule, None where the variant's study was not read.
    """

    variant: str
    seeds: int
    epochs: int
    full_epochs: int | None


def arm_names(runs: pd.DataFrame) -> dict[tuple[str, str, int], str]:
    """Return how the ids of an arm's numbers begin, by study, variant and epochs.

    They begin with ``<study>.<variant>`` for the first length in ``runs``, and with ``<study>.<variant>.epochs<n>``
    for a variant's other lengths. ``runs`` is the frame of ``table.read_runs``.
    """
    names: dict[tuple[str, str, int], str] = {}
    first_lengths: dict[tuple[str, str], int] = {}
    for study, variant, epochs in runs[["study", "variant", "epochs"]].drop_duplicates().itertuples(index=False):
        first = first_lengths.setdefault((study, variant), epochs)
        length = "" if epochs == first else f".epochs{epochs}"
        names[study, variant, epochs] = f"{study}.{variant}{length}"
    return names


@dataclass(frozen=True)
class Number:
    """One number, its setting and its runs.

    Attributes:
        kind: origin of the number, which decides what later fields the row has: a claim's verdict, a mean over seeds, a
            declared comparison, an effect of a 2 x 2 design, a further analysis, an analysis over groups of nets, a
            figure that others published, or the drop between two published figures.
        quantity: the measured quantity in words.
        statement: the claim or question in words.
        sources: keys of ``references.bib``, each optionally followed by a comma and the place.
        figures: figures claimed, or the two that a drop lies between: value, unit, kind and place of each.
        n_groups: number of groups of nets, where the interval is over groups.
        ends: the ids of the two figures that a drop lies between.
    """

    kind: Kind
    id: str
    quantity: str | None
    value: float | None
    low: float | None
    high: float | None
    method: str | None
    unit: str | None
    n_seeds: int
    dataset: str | None
    scale: str | None
    schedule: str | None
    protocol: str | None
    runs: list[str]
    statement: str | None = None
    std: float | None = None
    epochs: str | None = None
    verdict: str | None = None
    why: str | None = None
    command: str | None = None
    finding: str | None = None
    finding_why: str | None = None
    source: str | None = None
    sources: list[str] = field(default_factory=list)
    figures: list[dict[str, Any]] = field(default_factory=list)
    target_value: float | None = None
    target_kind: str | None = None
    margin: float | None = None
    confidence_percent: float | None = None
    n_groups: int | None = None
    caveat: str | None = None
    read_in: str | None = None
    verification: str | None = None
    ends: list[str] = field(default_factory=list)
    n_images: int | None = None


_COMMON = (
    "id kind quantity statement value low high unit method few_seeds n_seeds arms dataset scale schedule protocol runs "
    "n_images config_sha256 git_commits precision hardware date"
)
_PUBLISHED = "sources read_in verification caveat"
_FURTHER: dict[Kind, str] = {
    "claim": "confidence_percent epochs verdict why command finding finding_why source sources figures target_value "
    "target_kind margin",
    "mean": "std",
    "comparison": "",
    "effect": "",
    "analysis": "",
    "groups": "n_groups",
    "published": _PUBLISHED,
    "drop": f"{_PUBLISHED} ends figures",
}


def fields_of(kind: Kind) -> list[str]:
    """Return the names of a row's fields, in the order in which they are written."""
    return f"{_COMMON} {_FURTHER[kind]}".split()


def plain(value: Any) -> Any:
    """Return a value as it is written to JSON: None where it is missing or infinite, floats rounded."""
    if isinstance(value, (list, str, dict)) or value is None:
        return value
    if pd.isna(value) or math.isinf(value):
        return None
    return int(value) if float(value).is_integer() and not isinstance(value, float) else round(float(value), _DECIMALS)
