"""Comparisons of timed training steps: ratios within rounds, and speed by batch size and number of threads."""

import pandas as pd

from reproduce.base.text import format_number
from reproduce.report.speed.timing_tables import (
    NOT_TIMED,
    ONE_COLUMN,
    PAPER,
    SETTING,
    WITHOUT_NORMALIZATION,
    Timings,
    at_all_threads,
)
from reproduce.speed.timing.cells import RECIPE_BATCH

# The comparisons: their words, and the (what, network) of the two rows compared.
_STEP = ("training_step", PAPER)
WITHOUT_OVER_WITH = "step without normalization over the step with it"
ONE_COLUMN_OVER_TWO = "one-column net's step over the two-column net's"
WITH_INPUT = "step while the next batch is made over the step alone"
_RATIOS = (
    (WITHOUT_OVER_WITH, ("training_step", WITHOUT_NORMALIZATION), _STEP),
    (ONE_COLUMN_OVER_TWO, ("training_step", ONE_COLUMN), _STEP),
    ("released form's step over the paper's", ("training_step", "alexnet_as_released"), _STEP),
    ("forward pass over the whole step", ("forward", PAPER), _STEP),
    (WITH_INPUT, ("training_step_and_input", PAPER), _STEP),
)


def ratios(timings: Timings) -> pd.DataFrame:
    """Return ratios of the times of two kinds of work at all threads, at the largest batch at which both were timed.

    ``ratio`` divides the fastest times of both: other work on the machine only ever adds time, so the fastest is the
    least disturbed. ``smallest`` and ``largest`` are the ends of the ratios within a round, in which the two are timed
    soon after one another.
    """
    rows = at_all_threads(timings.measured())
    rows = rows[rows["batch_size"].le(RECIPE_BATCH)]
    table = []
    for setting, group in rows.groupby(SETTING, sort=False):
        rounds: dict[tuple[str, str], dict[float, list[float]]] = {}
        for row in group.itertuples():
            times = [float(each) for each in str(row.ms_by_round).split(";")]
            rounds.setdefault((row.what, row.network), {})[row.batch_size] = times
        for words, first, second in _RATIOS:
            common = rounds.get(first, {}).keys() & rounds.get(second, {}).keys()
            if not common:
                continue
            size = max(common)
            ones, others = rounds[first][size], rounds[second][size]
            each = [one / other for one, other in zip(ones, others, strict=True)]
            found = {"ratio": min(ones) / min(others), "smallest": min(each), "largest": max(each)}
            head = dict(zip(SETTING, setting, strict=True)) | {"compared": words, "batch_size": int(size)}
            table.append(head | found)
    return pd.DataFrame(table, columns=[*SETTING, "compared", "batch_size", "ratio", "smallest", "largest"])


def scaling(timings: Timings) -> pd.DataFrame:
    """Return images per second of networks timed at several batch sizes or numbers of threads.

    ``varies`` is ``batch_size`` (at all threads) or ``threads``, and ``at`` is its value. Threads vary at the largest
    batch, no larger than the recipe's, that was timed at every number of threads.
    """
    rows = timings.measured()
    steps = rows[rows["what"].eq("training_step")]
    full = at_all_threads(steps)
    several = full.groupby([*SETTING, "network"])["batch_size"].transform("nunique").gt(1)
    by_batch = full[several].assign(varies="batch_size", at=full["batch_size"])
    by_threads = _at_a_common_batch(steps[steps["network"].isin(set(full[several]["network"]))])
    by_threads = by_threads.assign(varies="threads", at=by_threads["threads"])
    columns = ["varies", "at", *SETTING, "network", "batch_size", "images_per_second"]
    return pd.concat([by_batch, by_threads], ignore_index=True)[columns].sort_values(columns[:2], kind="stable")


def _at_a_common_batch(steps: pd.DataFrame) -> pd.DataFrame:
    """Return a CPU's training steps of each network at the largest batch that was timed at every number of threads."""
    chosen = []
    on_cpu = steps[steps["device"].eq("cpu") & steps["batch_size"].le(RECIPE_BATCH)]
    for _, group in on_cpu.groupby(["machine", "precision", "network"], sort=False):
        timed = group.groupby("batch_size")["threads"].nunique()
        common = timed.index[timed.eq(group["threads"].nunique())]
        chosen += [group[group["batch_size"].eq(common.max())]] if len(common) else []
    return pd.concat(chosen) if chosen else steps.iloc[:0]


def ratios_words(timings: Timings) -> str:
    """Return in a list what normalization, a second column and making batches cost a whole step, by precision."""
    found = ratios(timings)
    said = {
        WITHOUT_OVER_WITH: "*Normalization.* Without it a step takes",
        ONE_COLUMN_OVER_TWO: "*Columns.* With one column of half the maps in place of two a step takes",
        WITH_INPUT: "*Making batches.* While the next batch is made a step takes",
    }
    lines = [f"- {words} {_times(found[found['compared'].eq(name)])}." for name, words in said.items()]
    return "\n".join(lines) if len(found) else NOT_TIMED


def _times(rows: pd.DataFrame) -> str:
    if rows.empty:
        return "a time that was not measured"
    each = [
        f"{format_number(row.ratio)} times as long in {row.precision} "
        f"(by round {format_number(row.smallest)} to {format_number(row.largest)})"
        for row in rows.itertuples()
    ]
    return " and ".join(each)
