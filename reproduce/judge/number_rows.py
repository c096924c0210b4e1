"""The rows of ``numbers.json``: every number that may be cited, with the runs and machines that made it."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import pandas as pd

from reproduce.base.text import verdict_words
from reproduce.judge.comparisons import Compared
from reproduce.judge.factorial import EffectRow
from reproduce.judge.summary import Summary
from reproduce.judge.verdicts import Verdict

_DECIMALS = 6  # more would differ between machines in the last bit


@dataclass(frozen=True)
class Number:
    """One number, its setting and its runs.

    ``kind`` is what it was made from, and says which of the later fields it has. ``n_groups`` counts the groups of
    nets that an interval is over, where it is over those.
    """

    kind: Literal["claim", "mean", "comparison", "effect", "analysis", "groups", "gap"]
    id: str
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
    std: float | None = None
    epochs: str | None = None
    verdict: str | None = None
    target_value: float | None = None
    target_kind: str | None = None
    margin: float | None = None
    confidence_percent: float | None = None
    n_groups: int | None = None


_ARMS = "id value low high unit method dataset scale schedule runs protocol n_seeds"
_FIELDS = {  # of each kind, in the order in which they are written
    "claim": "id value low high confidence_percent unit n_seeds method dataset protocol scale schedule epochs verdict "
    "target_value target_kind margin runs",
    "mean": "id value low high std unit n_seeds method dataset scale schedule protocol runs",
    "comparison": _ARMS,
    "effect": _ARMS,
    "analysis": "id dataset scale schedule value low high method unit n_seeds protocol runs",
    "groups": "id dataset scale schedule value low high method n_groups unit n_seeds protocol runs",
    "gap": "id dataset scale schedule low high method value unit n_seeds protocol runs",
}


@dataclass(frozen=True)
class Provenance:
    """The origin of a number: test images, configurations, commits and machines of its runs, and the last run's day."""

    n_images: int | None
    config_sha256: list[str]
    git_commits: list[str]
    hardware: list[str]
    date: str | None


def build_rows(
    verdicts: Sequence[Verdict],
    summary: Sequence[Summary],
    compared: Sequence[Compared],
    effects: Sequence[EffectRow],
    runs: pd.DataFrame,
    further: Sequence[Number] = (),
) -> list[dict[str, Any]]:
    """Return the rows of ``numbers.json``.

    One per claim (its id), one per mean (``<study>.<variant>.<metric>.mean``; for every length of a variant but its
    first, ``<study>.<variant>.epochs<n>.<metric>.mean``), one per declared comparison
    (``<study>.<comparison>.difference`` or ``.ratio``) and one per effect of a 2 x 2 design
    (``<study>.<factorial>.<effect>``), then ``further`` ones.
    """
    numbers = [*map(_of_claim, verdicts), *_of_means(summary, runs)]
    numbers += [*map(_of_comparison, compared), *map(_of_effect, effects), *further]
    return [_as_row(number, runs) for number in numbers]


def _of_claim(verdict: Verdict) -> Number:
    return Number(
        kind="claim",
        id=verdict.claim_id,
        value=verdict.estimate,
        low=verdict.low,
        high=verdict.high,
        method=verdict.method,
        unit=verdict.unit,
        n_seeds=verdict.n_seeds,
        dataset=verdict.dataset,
        scale=verdict.scale,
        schedule=verdict.schedule,
        protocol=verdict.protocol,
        runs=verdict.runs,
        epochs=verdict.epochs,
        verdict=verdict_words(verdict.verdict, verdict.negligible_within, verdict.unit),
        target_value=verdict.target_value,
        target_kind=verdict.target_kind,
        margin=verdict.margin,
        confidence_percent=verdict.confidence_percent,
    )


def _of_means(summary: Sequence[Summary], runs: pd.DataFrame) -> list[Number]:
    first_lengths: dict[tuple[str, str], int] = {}
    numbers = []
    for row in summary:
        name = f"{row.study}.{row.variant}"
        first = first_lengths.setdefault((row.study, row.variant), row.epochs)
        numbers.append(_of_mean(row, name if row.epochs == first else f"{name}.epochs{row.epochs}", runs))
    return numbers


def _of_mean(row: Summary, name: str, runs: pd.DataFrame) -> Number:
    of_variant = runs[["study", "variant", "epochs"]].eq([row.study, row.variant, row.epochs]).all(axis=1)
    return Number(
        kind="mean",
        id=f"{name}.{row.metric}.mean",
        value=row.mean,
        low=row.low,
        high=row.high,
        method=row.method,
        unit=row.unit,
        n_seeds=row.n_seeds,
        dataset=row.dataset,
        scale=row.scale,
        schedule=row.schedule,
        protocol=None if row.views is None else f"{row.views} test view{'s' if row.views > 1 else ''}",
        runs=runs.loc[of_variant & runs["status"].eq("finished"), "run_id"].tolist(),
        std=row.std,
    )


def _of_comparison(row: Compared) -> Number:
    return Number(
        kind="comparison",
        id=f"{row.study}.{row.comparison}.{row.kind}",
        n_seeds=min(row.n_first, row.n_second),
        protocol=f"{row.first_arm} {'over' if row.kind == 'ratio' else 'minus'} {row.second_arm}, {row.estimand}",
        **_alike(row),
    )


def _of_effect(row: EffectRow) -> Number:
    return Number(
        kind="effect",
        id=f"{row.study}.{row.factorial}.{row.effect}",
        n_seeds=min(row.n),
        protocol=f"{row.meaning}, {row.estimand}",
        **_alike(row),
    )


def _alike(row: Compared | EffectRow) -> dict[str, Any]:
    """Return the fields that comparisons and effects have by the same names as numbers."""
    names = "value low high method unit dataset scale schedule runs"
    return {name: getattr(row, name) for name in names.split()}


def _as_row(number: Number, runs: pd.DataFrame) -> dict[str, Any]:
    """Return a number with its provenance, in plain JSON values: None for what is missing, rounded floats."""
    fields = {name: getattr(number, name) for name in _FIELDS[number.kind].split()}
    return {name: _plain(value) for name, value in {**fields, **asdict(_provenance(number, runs))}.items()}


def _provenance(number: Number, runs: pd.DataFrame) -> Provenance:
    used = runs[runs["run_id"].isin(number.runs)]
    machines = zip(used["cpu"], used["threads"], used["gpu"], strict=True)
    images = used["test_images"].dropna().unique()
    return Provenance(
        n_images=int(images[0]) if len(images) == 1 else None,
        config_sha256=sorted(used["config_sha256"].unique()),
        git_commits=sorted(used["git_commit"].dropna().unique()),
        hardware=sorted({_hardware(*machine) for machine in machines}),
        date=max((finished[:10] for finished in used["finished_utc"]), default=None),
    )


def _hardware(cpu: str, threads: int, gpu: str | None) -> str:
    parts = [cpu, f"{threads} thread{'s' if threads != 1 else ''}", *([] if pd.isna(gpu) else [gpu])]
    return ", ".join(parts)


def _plain(value: Any) -> Any:
    if isinstance(value, (list, str)) or value is None:
        return value
    if pd.isna(value) or math.isinf(value):
        return None
    return int(value) if float(value).is_integer() and not isinstance(value, float) else round(float(value), _DECIMALS)
