"""The rows of ``numbers.json``: every number that may be cited, with the runs and machines that made it."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from reproduce.base.text import verdict_words
from reproduce.judge.bibliography import sources_of
from reproduce.judge.comparisons import Compared
from reproduce.judge.factorial import EffectRow
from reproduce.judge.few_seeds import few_seeds
from reproduce.judge.number_record import Arm, Number, arm_names, fields_of, plain
from reproduce.judge.quantities import of_arms, of_claim, of_mean, words_of
from reproduce.judge.summary import Summary
from reproduce.judge.verdicts import Verdict
from reproduce.study.claims import Claim
from reproduce.study.study import Study

Run = Mapping[str, Any]
"""A row of ``table.read_runs``."""

FullEpochs = Callable[[str, str], int | None]
"""Gives, for the names of a study and a variant, the length of the source's schedule in epochs."""


@dataclass(frozen=True)
class Provenance:
    """The origin of a number: its runs' test images, configurations, commits and machines, and the last run's date."""

    n_images: int | None
    config_sha256: list[str]
    git_commits: list[str]
    precision: list[str]
    hardware: list[str]
    date: str | None


def build_rows(
    judged: Sequence[tuple[Claim, Verdict]],
    summary: Sequence[Summary],
    compared: Sequence[Compared],
    effects: Sequence[EffectRow],
    runs: pd.DataFrame,
    studies: Sequence[Study] = (),
    further: Sequence[Number] = (),
) -> list[dict[str, Any]]:
    """Return the rows of ``numbers.json``.

    They come in this order, with these ids:

    - claims: the claim's id;
    - means: ``<study>.<variant>.<metric>.mean`` for the first length of a variant in ``runs``, and
      ``<study>.<variant>.epochs<n>.<metric>.mean`` for its other lengths;
    - declared comparisons: ``<study>.<comparison>.difference`` or ``.ratio``;
    - effects of 2 x 2 designs: ``<study>.<factorial>.<effect>``;
    - ``further`` numbers: their own ids.
    """
    numbers = [*(_of_claim(*pair) for pair in judged), *_of_means(summary, runs)]
    numbers += [_of_comparison(row, runs) for row in compared]
    numbers += [_of_effect(row, runs) for row in effects]
    numbers += further
    by_id, full_epochs = runs.set_index("run_id", drop=False).to_dict("index"), _full_epochs(studies)
    return [_as_row(number, by_id, full_epochs) for number in numbers]


def _of_claim(claim: Claim, verdict: Verdict) -> Number:
    check = claim.source_check
    return Number(
        kind="claim",
        id=verdict.claim_id,
        quantity=of_claim(claim),
        statement=claim.statement,
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
        why=verdict.why,
        command=verdict.command,
        finding=check.finding if check else None,
        finding_why=check.why if check else None,
        source=claim.source,
        sources=sources_of(claim),
        figures=[target.model_dump(exclude={"expression"}) for target in claim.targets],
        target_value=verdict.target_value,
        target_kind=verdict.target_kind,
        margin=verdict.margin,
        confidence_percent=verdict.confidence_percent,
    )


def _of_means(summary: Sequence[Summary], runs: pd.DataFrame) -> list[Number]:
    names = arm_names(runs)
    return [_of_mean(row, names[row.study, row.variant, row.epochs], runs) for row in summary]


def _of_mean(row: Summary, name: str, runs: pd.DataFrame) -> Number:
    of_variant = runs[["study", "variant", "epochs"]].eq([row.study, row.variant, row.epochs]).all(axis=1)
    return Number(
        kind="mean",
        id=f"{name}.{row.metric}.mean",
        quantity=of_mean(row.metric, row.variant),
        value=row.mean,
        low=row.low,
        high=row.high,
        method=row.method,
        unit=row.unit,
        n_seeds=row.n_seeds,
        dataset=row.dataset,
        scale=row.scale,
        schedule=row.schedule,
        protocol=None if row.views is None else _views_words([row.views]),
        runs=runs.loc[of_variant & runs["status"].eq("finished"), "run_id"].tolist(),
        std=row.std,
    )


def _of_comparison(row: Compared, runs: pd.DataFrame) -> Number:
    return Number(
        kind="comparison",
        id=f"{row.study}.{row.comparison}.{row.kind}",
        quantity=of_arms(row.estimand, row.kind, (row.first_arm, row.second_arm)),
        statement=row.question,
        n_seeds=min(row.n_first, row.n_second),
        protocol=_protocol(row, runs),
        **_alike(row),
    )


def _of_effect(row: EffectRow, runs: pd.DataFrame) -> Number:
    return Number(
        kind="effect",
        id=f"{row.study}.{row.factorial}.{row.effect}",
        quantity=f"{words_of(row.estimand)}; {row.meaning}",
        statement=row.question,
        n_seeds=min(row.n),
        protocol=_protocol(row, runs),
        **_alike(row),
    )


def _protocol(row: Compared | EffectRow, runs: pd.DataFrame) -> str | None:
    """Return the test views of the runs in words; None where the estimand is not measured on test images."""
    of_row = runs["run_id"].isin(row.runs)
    views = sorted(int(count) for count in runs.loc[of_row, "views"].dropna().unique())
    return _views_words(views) if views and row.estimand.startswith("test_") else None


def _views_words(views: Sequence[int]) -> str:
    return f"{' and '.join(map(str, views))} test view{'' if list(views) == [1] else 's'}"


def _alike(row: Compared | EffectRow) -> dict[str, Any]:
    """Return the fields that a number takes over, under the same names, from a comparison or an effect."""
    names = "value low high method unit dataset scale schedule runs"
    return {name: getattr(row, name) for name in names.split()}


def _full_epochs(studies: Sequence[Study]) -> FullEpochs:
    known = {study.study: study for study in studies}

    def full_epochs(study: str, variant: str) -> int | None:
        if study not in known:
            return None
        ensemble = known[study].ensembles.get(variant)
        return known[study].variant(ensemble.variant if ensemble else variant).full_epochs()

    return full_epochs


def _as_row(number: Number, runs: Mapping[str, Run], full_epochs: FullEpochs) -> dict[str, Any]:
    """Return a number with its arms and provenance in plain JSON values."""
    used = [runs[run] for run in dict.fromkeys(number.runs) if run in runs]
    fields = asdict(number) | {"arms": [asdict(arm) for arm in _arms(used, full_epochs)]}
    found = asdict(_provenance(used))
    fields |= found | {"n_images": found["n_images"] or number.n_images, "few_seeds": None}
    row = {name: plain(fields[name]) for name in fields_of(number.kind)}
    return row | {"few_seeds": few_seeds(row)}  # from the rounded numbers that readers of the file see


def _arms(used: Sequence[Run], full_epochs: FullEpochs) -> list[Arm]:
    """Return the arms in the order in which the number lists their runs."""
    finished = [run for run in used if run["status"] == "finished"]
    seeds = Counter((run["study"], run["variant"], int(run["epochs"])) for run in finished)
    return [
        Arm(f"{study}/{variant}", count, epochs, full_epochs(study, variant))
        for (study, variant, epochs), count in seeds.items()
    ]


def _provenance(used: Sequence[Run]) -> Provenance:
    images = {run["test_images"] for run in used if pd.notna(run["test_images"])}
    return Provenance(
        n_images=int(min(images)) if len(images) == 1 else None,
        config_sha256=sorted({run["config_sha256"] for run in used}),
        git_commits=sorted({run["git_commit"] for run in used if pd.notna(run["git_commit"])}),
        precision=sorted({run["precision"] for run in used if pd.notna(run["precision"])}),
        hardware=sorted({_hardware(run["cpu"], run["threads"], run["gpu"]) for run in used}),
        date=max((run["finished_utc"][:10] for run in used), default=None),
    )


def _hardware(cpu: str, threads: int, gpu: str | None) -> str:
    parts = [cpu, f"{threads} thread{'s' if threads != 1 else ''}", *([] if pd.isna(gpu) else [gpu])]
    return ", ".join(parts)
