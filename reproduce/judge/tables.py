"""From the listed runs of all studies to the committed tables: the stage ``collect``.

Every table is written with fixed decimals in a fixed order, so that the same runs give the same bytes.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from reproduce.base.files import write_text
from reproduce.base.paths import RESULTS
from reproduce.judge import ablations, analyses, comparisons, factorial, numbers
from reproduce.judge.markdown import verdicts_markdown
from reproduce.judge.reasons import unit_of
from reproduce.judge.verdicts import Verdict, judge
from reproduce.runs.statistics import mean_interval
from reproduce.runs.table import METRICS, TIMES, published_runs, read_histories, read_runs
from reproduce.runs.updates import read_activations, read_update_losses
from reproduce.study.claims import Claim, load_claims
from reproduce.study.study import Study

# Format by the end of a column's name; anything else gets four decimals.
_FORMATS = {
    "standard_deviation": "{:.6g}",
    "over_images": "{:.6g}",
    "weight_rate_factor": "{:.6g}",
    "p_value": "{:.3g}",
    "p_value_holm": "{:.3g}",
    "seconds": "{:.1f}",
}
_FURTHER_METRICS = ("test_top", "epochs_to_", "final_training_loss_nats")
_SUMMARY_IDENTITY = ["study", "variant", "dataset", "scale", "schedule", "precision", "views", "epochs"]


def collect(
    studies: Iterable[Study],
    out: Path = RESULTS,
    runs_root: Path | None = None,
    claims: Sequence[Claim] | None = None,
) -> list[Verdict]:
    """Write ``tables/*.csv``, ``tables/verdicts.md`` and ``numbers.json`` below ``out``.

    Args:
        studies: whose listed runs are read, and no others.
        out: the results folder.
        runs_root: the folder of all run folders.
        claims: those to judge; by default all of ``paper_notes/claims.yaml``.

    Returns:
        The verdicts, in the claims' order.

    Raises:
        ReproduceError: a run or claim is malformed, or a table cannot be written.
    """
    studies = list(studies)
    claims = load_claims() if claims is None else claims
    run_ids = [run_id for study in studies for run_id in published_runs(study, runs_root)]
    averaged = {run_id for study in studies for run_id in study.ensemble_runs()}
    runs = read_runs(run_ids, runs_root)
    histories = read_histories([run_id for run_id in run_ids if run_id not in averaged], runs_root)
    verdicts = judge(claims, runs, studies)
    summary = summarize(runs, claims)
    compared = comparisons.compare_all(studies, runs)
    effects = factorial.analyze_all(studies, runs)
    analyzed = analyses.analyze(runs, runs_root)
    tables = out / "tables"
    write_table(runs, tables / "runs.csv")
    write_table(histories, tables / "histories.csv")
    write_table(average_histories(histories), tables / "histories_mean.csv")
    write_table(summary, tables / "summary.csv")
    write_table(compared, tables / "comparisons.csv")
    write_table(effects, tables / "factorials.csv")
    write_table(ablations.ablation_table(claims, verdicts, runs), tables / "ablations.csv")
    write_table(read_update_losses(run_ids, runs_root), tables / "update_losses.csv")
    write_table(read_activations(run_ids, runs_root), tables / "activations.csv")
    for name, frame in analyzed.items():
        write_table(frame, tables / f"{name}.csv")
    write_table(pd.DataFrame([verdict.as_row() for verdict in verdicts]), tables / "verdicts.csv")
    write_text(tables / "verdicts.md", verdicts_markdown(verdicts))
    further = analyses.number_entries(analyzed)
    rows = numbers.build_rows(verdicts, summary, compared, effects, runs, further)
    numbers.write_numbers(out / "numbers.json", rows)
    return verdicts


def write_table(frame: pd.DataFrame, path: Path) -> None:
    """Write ``frame`` as CSV: fixed decimals by column, lists joined by ``;``, empty for missing."""
    text = frame.copy()
    for column in text.columns:
        if pd.api.types.is_float_dtype(text[column]):
            text[column] = [None if pd.isna(value) else _format(column).format(value) for value in frame[column]]
        elif text[column].map(lambda value: isinstance(value, list)).any():
            text[column] = [";".join(map(str, value)) for value in frame[column]]
    write_text(path, text.to_csv(index=False, lineterminator="\n"))


def _format(column: str) -> str:
    return next((form for ending, form in _FORMATS.items() if column.endswith(ending)), "{:.4f}")


def summarize(runs: pd.DataFrame, claims: Sequence[Claim] = ()) -> pd.DataFrame:
    """Return one row per variant and metric: seeds, mean, sample standard deviation, 95 % t-interval, published value.

    ``listed`` runs are ``finished``, ``missing`` or ``diverged``; the mean is over those finished. The published value
    is the target of the single-value claim on that variant and metric, where there is one (``claim_id``).
    """
    rows = []
    for (study, variant, epochs), group in runs.groupby(["study", "variant", "epochs"], sort=False):
        existing = group[group["status"] != "missing"]
        identity = dict.fromkeys(_SUMMARY_IDENTITY) | {"study": study, "variant": variant, "epochs": epochs}
        if len(existing):
            identity |= existing.iloc[0][_SUMMARY_IDENTITY].to_dict()
        identity |= {"listed": len(group)}
        identity |= {status: int((group["status"] == status).sum()) for status in ("finished", "missing", "diverged")}
        rows += [identity | _summary(group, metric, claims) for metric in _metrics_of(group)]
    frame = pd.DataFrame(rows)
    return frame.astype({"views": "Int64"}) if rows else frame


def _metrics_of(group: pd.DataFrame) -> list[str]:
    recorded = [name for name in group.columns if name.startswith(_FURTHER_METRICS)]
    further = [name for name in recorded if name not in METRICS]
    measured = [name for name in [*METRICS, *further, *TIMES] if group[name].notna().any()]
    return measured or METRICS[:1]


def _summary(group: pd.DataFrame, metric: str, claims: Sequence[Claim]) -> dict[str, object]:
    variant = (group["study"].iloc[0], [group["variant"].iloc[0]])
    found = [c for c in claims if (c.study, c.arms, c.estimand, c.kind) == (*variant, metric, "single_value")]
    published = {
        "published_value": found[0].targets[0].value if found and found[0].targets else None,
        "claim_id": found[0].id if found else None,
    }
    row = {"metric": metric, "unit": unit_of(metric)}
    finished = group.loc[group["status"] == "finished", metric]
    values = [] if finished.isna().any() else finished.tolist()  # without those that never came to a target: biased
    if not values:
        empty = dict.fromkeys(["mean", "std", "low", "high"], float("nan"))
        return row | {"n_seeds": 0} | empty | {"method": None} | published
    found_mean = mean_interval(values)
    interval = {"mean": found_mean.value, "std": found_mean.std, "low": found_mean.low, "high": found_mean.high}
    return row | {"n_seeds": found_mean.n} | interval | {"method": found_mean.method} | published


def average_histories(histories: pd.DataFrame) -> pd.DataFrame:
    """Return the mean and the sample standard deviation over seeds of every column, by epoch of each variant.

    ``n_seeds`` counts the seeds that reached the epoch. Columns of numbers become ``<name>_mean`` and ``<name>_std``;
    ``weight_rate_factor`` and ``phase``, equal for all seeds, stay as they are.
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
