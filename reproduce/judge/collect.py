"""From the listed runs of all studies to the committed tables: the stage ``collect``.

Every table is written with fixed decimals in a fixed order, so that the same runs give the same bytes.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from reproduce.base.files import write_text
from reproduce.base.paths import RESULTS
from reproduce.judge import analyses
from reproduce.judge.ablations import AblationRow, ablation_rows
from reproduce.judge.bibliography import read_citation
from reproduce.judge.comparisons import Compared, compare_all
from reproduce.judge.exports import as_csv, as_tex
from reproduce.judge.factorial import EffectRow, analyze_all
from reproduce.judge.markdown import verdicts_markdown
from reproduce.judge.names import check_names
from reproduce.judge.number_rows import build_rows
from reproduce.judge.numbers import refuse_made_twice, write_numbers
from reproduce.judge.published_figures import published_numbers
from reproduce.judge.row_tables import table_of
from reproduce.judge.summary import Summary, average_histories, summarize
from reproduce.judge.verdicts import Verdict, judge
from reproduce.runs.fits import read_fits
from reproduce.runs.table import published_runs, read_histories, read_runs
from reproduce.runs.updates import read_activations, read_update_losses
from reproduce.study.claims import Claim, load_claims
from reproduce.study.run_id import RunId
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


@dataclass(frozen=True)
class _Gathered:
    """Everything that the tables are made from."""

    claims: Sequence[Claim]
    run_ids: list[RunId]
    without_epochs: list[RunId]
    runs_root: Path | None
    runs: pd.DataFrame
    histories: pd.DataFrame
    verdicts: list[Verdict]
    summary: list[Summary]
    compared: list[Compared]
    effects: list[EffectRow]


_TABLES: dict[str, Callable[[_Gathered], pd.DataFrame]] = {
    "runs": lambda of: of.runs,
    "histories": lambda of: of.histories,
    "histories_mean": lambda of: average_histories(of.histories),
    "classifier_fits": lambda of: read_fits(of.without_epochs, of.runs_root),
    "summary": lambda of: table_of(of.summary, Summary),
    "comparisons": lambda of: table_of(of.compared, Compared),
    "factorials": lambda of: table_of(of.effects, EffectRow),
    "update_losses": lambda of: read_update_losses(of.run_ids, of.runs_root),
    "activations": lambda of: read_activations(of.run_ids, of.runs_root),
    "ablations": lambda of: table_of(ablation_rows(of.claims, of.verdicts, of.runs), AblationRow),
    "verdicts": lambda of: pd.DataFrame([verdict.as_row() for verdict in of.verdicts]),
}
# The files of the stage, below results/; `report pipeline` lists them as its outs.
COLLECTED = (
    *(f"tables/{name}.csv" for name in sorted([*_TABLES, *analyses.ANALYSES])),
    *("tables/verdicts.md", "numbers.json", "numbers.csv", "numbers.tex"),
)


def collect(
    studies: Iterable[Study],
    out: Path = RESULTS,
    runs_root: Path | None = None,
    claims: Sequence[Claim] | None = None,
) -> list[Verdict]:
    """Write ``tables/*.csv``, ``tables/verdicts.md`` and ``numbers.json``, ``.csv`` and ``.tex`` below ``out``.

    Args:
        studies: the studies whose listed runs are read.
        out: the results folder.
        runs_root: the folder of all run folders.
        claims: those to judge; by default all of ``paper_notes/claims.yaml``.

    Returns:
        The verdicts, in the claims' order.

    Raises:
        ReproduceError: a run or claim is malformed, a claim or design names an unknown study, variant or metric, or a
            table cannot be written.
    """
    studies = list(studies)
    claims = load_claims() if claims is None else claims
    found = [(study, run) for study in studies for run in published_runs(study, runs_root)]
    run_ids = [run for _, run in found]
    with_epochs = [run for study, run in found if study.is_of_network(run)]
    without_epochs = [run for study, run in found if not study.is_of_network(run)]
    runs = read_runs(run_ids, runs_root)
    check_names(claims, studies, runs)
    histories = read_histories(with_epochs, runs_root)
    verdicts = judge(claims, runs, studies)
    planned = [run for study in studies for run in study.publishable_runs()]
    summary = summarize(runs, claims, planned)
    compared, effects = compare_all(studies, runs), analyze_all(studies, runs)
    analyzed = analyses.analyze(runs, runs_root)
    gathered = _Gathered(
        claims, run_ids, without_epochs, runs_root, runs, histories, verdicts, summary, compared, effects
    )
    frames = {name: table(gathered) for name, table in _TABLES.items()} | analyzed
    further = [*analyses.numbers_of(analyzed, runs), *published_numbers()]
    judged = list(zip(claims, verdicts, strict=True))
    rows = build_rows(judged, summary, compared, effects, runs, studies, further)
    citation = read_citation()
    refuse_made_twice(rows)  # before any file is written
    for name, frame in frames.items():
        write_table(frame, out / "tables" / f"{name}.csv")
    write_text(out / "tables" / "verdicts.md", verdicts_markdown(verdicts))
    write_numbers(out / "numbers.json", rows, citation)
    write_text(out / "numbers.csv", as_csv(rows))
    write_text(out / "numbers.tex", as_tex(rows, citation["title"], citation["version"]))
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
