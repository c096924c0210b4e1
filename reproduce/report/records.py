"""The collected tables of our runs, brought into the shape that figures, notebooks and the README show."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from reproduce.base.errors import ReproduceError
from reproduce.base.paths import RESULTS
from reproduce.base.tables import read_table
from reproduce.base.text import format_number, with_interval
from reproduce.judge.few_seeds import few_seeds_of_verdict
from reproduce.study.claims import Claim, load_claims

TABLES = RESULTS / "tables"
ERROR = "test_top1_error_percent"

_COLUMNS = {
    "verdicts": "claim_id statement source kind dataset scale schedule epochs target_kind target_value unit margin "
    "seeds_planned verdict why estimate low high n_seeds n_by_arm method confidence_percent negligible_within "
    "negligible precision processors command source_check source_check_why runs",
    "runs": f"run_id study variant epochs seed status precision {ERROR} training_seconds images_per_second cpu threads "
    "torch",
    "histories": "study variant epochs seed epoch",
    "summary": "study variant epochs metric mean low high",
    "comparisons": "study question kind first_arm second_arm estimand n_first n_second first_mean second_mean "
    "value low high method",
}


class Records:
    """The tables as ``collect`` wrote them, and the claims; each is read when first needed.

    A listed run that does not exist has a row too. A table that is missing or lacks a column raises ReproduceError.
    """

    def __init__(self, folder: Path, claims: Sequence[Claim] | None = None) -> None:
        """Take the folder of the tables, and the claims (by default those of ``paper_notes/claims.yaml``)."""
        self.folder = folder
        if claims is not None:
            self.claims = claims

    @cached_property
    def claims(self) -> Sequence[Claim]:
        """All claims, in the order of their file."""
        return load_claims()

    @cached_property
    def verdicts(self) -> pd.DataFrame:
        """One row per claim. With two seeds ``few_seeds`` has their values, and the interval is left empty."""
        found = self._known("verdicts")
        words = pd.Series(map(few_seeds_of_verdict, found.itertuples()), index=found.index, dtype=object)
        shown = words.isna()
        return found.assign(few_seeds=words, low=found["low"].where(shown), high=found["high"].where(shown))

    @cached_property
    def runs(self) -> pd.DataFrame:
        """One row per listed run."""
        return self._known("runs")

    @cached_property
    def histories(self) -> pd.DataFrame:
        """One row per run and epoch."""
        return self._known("histories")

    @cached_property
    def summary(self) -> pd.DataFrame:
        """One row per arm and metric."""
        return self._known("summary")

    @cached_property
    def comparisons(self) -> pd.DataFrame:
        """One row per declared comparison."""
        return self._known("comparisons")

    @property
    def runs_root(self) -> Path:
        """The folder of all run folders, beside the tables."""
        return self.folder.parent / "runs"

    def table(self, name: str, columns: str, study: str | None = None) -> pd.DataFrame:
        """Return the space-separated ``columns`` of the table ``<name>.csv``, of ``study`` alone if it is given.

        Raises:
            ReproduceError: the table is missing or lacks a column (``dvc repro`` makes it).
        """
        frame = read_table(self.folder / f"{name}.csv", columns)
        return frame if study is None else frame[frame["study"].eq(study)].reset_index(drop=True)

    def _known(self, name: str) -> pd.DataFrame:
        return self.table(name, _COLUMNS[name])

    def claim(self, claim_id: str) -> Claim:
        """Return the claim of that id.

        Raises:
            ReproduceError: the tables judge a claim that ``claims.yaml`` does not have.
        """
        found = next((claim for claim in self.claims if claim.id == claim_id), None)
        if found is None:
            raise ReproduceError(
                f"results/tables/verdicts.csv judges {claim_id!r}, which claims.yaml does not have; run `dvc repro`"
            )
        return found


def estimate_words(row: Any, unit: str) -> str:
    """Return a verdict's value with its unit and its interval, or with both seeds' values where there are two seeds."""
    if row.few_seeds:
        return f"{format_number(row.estimate)}{unit} ({row.few_seeds})"
    return with_interval(row.estimate, row.low, row.high, unit=unit, confidence_percent=row.confidence_percent)


def load_records(folder: Path | None = None, claims: Sequence[Claim] | None = None) -> Records:
    """Return the collected tables of ``folder``, by default ``results/tables``."""
    return Records(folder or TABLES, claims)


def forest_rows(records: Records, study: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the single error rates of a study for ``verdict_forest``: verdict rows, and one value per seed."""
    wanted = [claim for claim in records.claims if claim.study == study and claim.kind == "single_value"]
    verdicts = records.verdicts[records.verdicts["claim_id"].isin([claim.id for claim in wanted])]
    verdicts = verdicts[verdicts["unit"].eq("percent")]
    claims = {claim.id: claim for claim in wanted}
    labels = [_label(row, claims[row.claim_id]) for row in verdicts.itertuples()]
    verdicts = verdicts.assign(label=labels).reset_index(drop=True)
    estimands = {claim.id: claim.estimand for claim in wanted}
    parts = [_seed_values(row, estimands[row.claim_id], records.runs) for row in verdicts.itertuples()]
    empty = pd.DataFrame({"claim_id": pd.Series(dtype=str), "value": pd.Series(dtype=float)})
    return verdicts, pd.concat([empty, *parts], ignore_index=True)


def _label(row: tuple, claim: Claim) -> str:
    name = claim.arms[0]
    return f"{name} ({row.schedule})" if row.schedule in ("shortened", "lengthened") else name


def _seed_values(row: tuple, estimand: str, runs: pd.DataFrame) -> pd.DataFrame:
    used = [] if pd.isna(row.runs) else str(row.runs).split(";")
    finished = runs[runs["run_id"].isin(used) & runs["status"].eq("finished")]
    return pd.DataFrame({"claim_id": row.claim_id, "value": finished[estimand].astype(float)})


def published_errors(records: Records, study: str) -> pd.DataFrame:
    """Return each variant's published test error for ``learning_curves``: ``variant``, ``value``, ``label``."""
    rows = []
    for claim in records.claims:
        printed = [target.value for target in claim.targets if target.kind == "published"]
        if (claim.study, claim.kind, claim.estimand) != (study, "single_value", ERROR) or not printed:
            continue
        rows.append({"variant": claim.arms[0], "value": printed[0], "label": f"published {printed[0]:g} %"})
    return pd.DataFrame(rows, columns=["variant", "value", "label"])


def study_histories(records: Records, study: str) -> pd.DataFrame:
    """Return the epochs of a study's existing runs for ``learning_curves``."""
    return records.histories[records.histories["study"].eq(study)].reset_index(drop=True)


def averaged_view_errors(records: Records, study: str) -> pd.DataFrame:
    """Return the mean test error of finished runs tested on several views: variant, epochs, error_percent."""
    runs = records.runs[records.runs["study"].eq(study) & records.runs["status"].eq("finished")]
    means = runs[runs["views"].gt(1)].groupby(["variant", "epochs"], sort=False)[ERROR].mean()
    return means.rename("error_percent").reset_index()


def runs_overview(records: Records, study: str) -> pd.DataFrame:
    """Return how many of the listed runs exist, by variant and length, with seconds, images per second and machine.

    ``finished`` below ``listed`` means that runs are still to be made; a variant without runs has no times.
    """
    runs = records.runs[records.runs["study"].eq(study)]
    rows = []
    for (variant, epochs), group in runs.groupby(["variant", "epochs"], sort=False):
        finished = group[group["status"].eq("finished")]
        machine = finished[["cpu", "threads", "torch"]].drop_duplicates()
        rows.append(
            {
                "variant": variant,
                "epochs": epochs,
                "precision": ", ".join(sorted(finished["precision"].unique())) or "-",
                "listed": len(group),
                "finished": len(finished),
                "training seconds, median": finished["training_seconds"].median(),
                "images a second, median": finished["images_per_second"].median(),
                "machine": "; ".join(map(_machine, machine.itertuples())) or "not run",
            }
        )
    return pd.DataFrame(rows)


def _machine(row: Any) -> str:
    return f"{row.cpu}, {row.threads:.0f} thread{'s' if row.threads != 1 else ''}, torch {row.torch}"


def of_errors(comparisons: pd.DataFrame, study: str) -> pd.DataFrame:
    """Return a study's declared comparisons of test errors."""
    return comparisons[comparisons["study"].eq(study) & comparisons["estimand"].eq(ERROR)]


def of_first_length(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of each variant at the length that its study lists first: runs of two lengths are two arms.

    Args:
        frame: rows in the order of the collected tables, columns study, variant, epochs and others.
    """
    first = frame.groupby(["study", "variant"], sort=False)["epochs"].transform("first")
    return frame[frame["epochs"].eq(first)]


def precision_frames(records: Records, study: str) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return the runs of a study's fp32 and bf16 arms, the arms' means, and the comparison of the two.

    The comparison is the study's first declared one of test errors between bf16 and fp32, in this order: a row of
    comparisons.csv. All tables are empty while no such run exists.
    """
    runs = of_first_length(records.runs[records.runs["study"].eq(study)])
    runs = runs[runs["status"].eq("finished")]
    means = of_first_length(records.summary[records.summary["study"].eq(study) & records.summary["metric"].eq(ERROR)])
    precision = runs.drop_duplicates("variant").set_index("variant")["precision"]
    declared = of_errors(records.comparisons, study)
    in_order = [
        [precision.get(arm) for arm in (row.first_arm, row.second_arm)] == ["bf16", "fp32"]
        for row in declared.itertuples()
    ]
    compared = declared[in_order].head(1)
    arms = [*compared["first_arm"], *compared["second_arm"]]
    means = means[means["variant"].isin(arms)].assign(precision=means["variant"].map(precision))
    runs = runs[runs["variant"].isin(arms)]
    means = means.rename(columns={"mean": "estimate"})
    return runs.reset_index(drop=True), means.reset_index(drop=True), compared.reset_index(drop=True)
