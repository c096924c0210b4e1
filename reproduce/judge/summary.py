"""Means over seeds of every metric of every variant, and of every column of its histories."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from reproduce.judge.reasons import unit_of
from reproduce.runs.statistics import mean_interval
from reproduce.runs.table import METRICS, TIMES
from reproduce.study.claims import Claim
from reproduce.study.run_id import RunId

_FURTHER_METRICS = ("test_top", "epochs_to_", "final_training_loss_nats")


@dataclass(frozen=True)
class Summary:
    """One row of summary.csv: a metric of a variant at one length.

    ``planned`` counts the seeds that the study's profiles list at that length, published or still to be made.
    ``listed`` runs are ``finished``, ``missing`` or ``diverged``; the mean, sample standard deviation and 95 %
    t-interval are over those finished. The published value is the target of the single-value claim on that variant and
    metric, where there is one (``claim_id``). Settings are None where no run was made.
    """

    study: str
    variant: str
    dataset: str | None
    scale: str | None
    schedule: str | None
    precision: str | None
    views: int | None
    epochs: int
    planned: int
    listed: int
    finished: int
    missing: int
    diverged: int
    metric: str
    unit: str | None
    n_seeds: int
    mean: float | None
    std: float | None
    low: float | None
    high: float | None
    method: str | None
    published_value: float | None
    claim_id: str | None


def summarize(runs: pd.DataFrame, claims: Sequence[Claim] = (), planned: Sequence[RunId] = ()) -> list[Summary]:
    """Return one row per variant, length and metric of ``runs``; ``planned`` are all runs that profiles list."""
    plans = Counter((run.study, run.variant, run.epochs) for run in planned)
    groups = list(runs.groupby(["study", "variant", "epochs"], sort=False))
    return [
        _summary(group, metric, claims, max(plans[arm], len(group)))
        for arm, group in groups
        for metric in _metrics_of(group)
    ]


def _metrics_of(group: pd.DataFrame) -> list[str]:
    recorded = [name for name in group.columns if name.startswith(_FURTHER_METRICS)]
    further = [name for name in recorded if name not in METRICS]
    measured = [name for name in [*METRICS, *further, *TIMES] if group[name].notna().any()]
    return measured or METRICS[:1]


def _summary(group: pd.DataFrame, metric: str, claims: Sequence[Claim], planned: int) -> Summary:
    study, variant = group["study"].iloc[0], group["variant"].iloc[0]
    asked = (study, [variant], metric, "single_value")
    length = int(group["epochs"].iloc[0])
    fitting = [c for c in claims if (c.study, c.arms, c.estimand, c.kind) == asked and c.epochs in (None, [length])]
    claim = fitting[0] if fitting else None
    finished = group.loc[group["status"] == "finished", metric]
    values = [] if finished.isna().any() else finished.tolist()  # a mean over the others would be biased
    found = mean_interval(values) if values else None
    counts = group["status"].value_counts()
    return Summary(
        study=study,
        variant=variant,
        dataset=_setting(group, "dataset"),
        scale=_setting(group, "scale"),
        schedule=_setting(group, "schedule"),
        precision=_setting(group, "precision"),
        views=_setting(group, "views"),
        epochs=length,
        planned=planned,
        listed=len(group),
        finished=int(counts.get("finished", 0)),
        missing=int(counts.get("missing", 0)),
        diverged=int(counts.get("diverged", 0)),
        metric=metric,
        unit=unit_of(metric),
        n_seeds=found.n if found else 0,
        mean=found.value if found else None,
        std=found.std if found else None,
        low=found.low if found else None,
        high=found.high if found else None,
        method=found.method if found else None,
        published_value=claim.targets[0].value if claim and claim.targets else None,
        claim_id=claim.id if claim else None,
    )


def _setting(group: pd.DataFrame, name: str) -> Any:
    """Return the value under ``name`` of the first run that was made; None where none was."""
    made = group.loc[group["status"] != "missing", name]
    return None if made.empty or pd.isna(made.iloc[0]) else made.iloc[0]


def average_histories(histories: pd.DataFrame) -> pd.DataFrame:
    """Return the mean and the sample standard deviation over seeds of every column, by epoch of each variant.

    ``n_seeds`` counts the seeds that reached the epoch. Columns of numbers become ``<name>_mean`` and ``<name>_std``;
    ``weight_rate_factor`` and ``phase`` are those of the first seed. Seeds differ in them where a rule ends a phase.
    """
    keys = ["study", "variant", "epochs", "epoch"]
    if histories.empty:
        return pd.DataFrame(columns=[*keys, "n_seeds"])
    groups = histories.groupby(keys, sort=False)
    common = [name for name in ("phase", "weight_rate_factor") if name in histories]
    averaged = [
        name
        for name in histories.columns
        if name not in {*keys, "run_id", "seed", *common} and pd.api.types.is_numeric_dtype(histories[name])
    ]
    columns = [groups["seed"].count().rename("n_seeds"), *(groups[name].first() for name in common)]
    for name in averaged:
        columns += [groups[name].mean().rename(f"{name}_mean"), groups[name].std().rename(f"{name}_std")]
    return pd.concat(columns, axis=1).reset_index()
