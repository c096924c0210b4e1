"""The way from the 13 % net to the 11 % net in three steps: the arms, each step's size, and the table of both."""

import itertools
import math
from dataclasses import replace

import pandas as pd
from matplotlib.figure import Figure

from reproduce.base.errors import ReproduceError
from reproduce.base.text import format_number, frame_as_markdown, wrapped
from reproduce.judge.few_seeds import FEWEST
from reproduce.report import records
from reproduce.report.effects import share_words
from reproduce.report.figures.error_steps import DrawnArm, DrawnStep, error_steps
from reproduce.report.figures.normalization_course import normalization_course
from reproduce.report.records import Records
from reproduce.runs.estimands import values_of_arm
from reproduce.runs.statistics import mean_interval
from reproduce.runs.table import rows_of_arm, went_wrong
from reproduce.study.designs import Comparison
from reproduce.study.study import load_study

STUDY = "lrn_confound"
_NETS = "cifar10_nets"
_ENDS = ("conv_local_13pct", "conv_local_11pct")  # the nets whose error the source publishes
_NAMES = {
    "step-normalization": "normalization",
    "step-body": "body",
    "step-length": "length",
    "all-steps": "all three",
    "normalization-at-520-epochs": "normalization at 520 epochs",
    "normalization-at-160-epochs": "normalization at 160 epochs",
    "step-body-without-normalization": "body, without normalization",
    "step-length-without-normalization": "length, without normalization",
}
_CHANGES = {
    "step-normalization": "the 11 % net's normalization put into the 13 % net",
    "step-body": "64 maps for 32 in the first local layer, weight decay 0.01 for 0.004 at the output",
    "step-length": "520 epochs for 160",
    "all-steps": "the 11 % net for the 13 % net, each at its own length",
    "normalization-at-520-epochs": "normalization put into the 11 % net that lacks it",
    "normalization-at-160-epochs": "the same, at the 13 % net's length",
    "step-body-without-normalization": "as above, both nets without normalization",
    "step-length-without-normalization": "as above, both nets without normalization",
}
_CHAIN = ("step-normalization", "step-body", "step-length")
_TOTAL = "all-steps"
_COURSE = ["training", "validation", "test"]
_CENTER_VIEW = "step-normalization-center-view"
_ALONE = "normalization-at-520-epochs"
_ANSWERED = (*_CHAIN, _ALONE)  # told at the front beside all three together; the table has the other steps, too


def load_steps(loaded: Records) -> dict[str, DrawnStep]:
    """Return the steps by the id of their comparison: three of the chain, all three as one, then those beside it.

    An arm or step with fewer than three seeds has no interval.

    Args:
        loaded: ``records.load_records()``.

    Raises:
        ReproduceError: the collected comparisons lack a step, because it was declared after they were collected.
    """
    declared = {each.id: each for each in load_study(STUDY).comparisons}
    found = loaded.comparisons[loaded.comparisons["study"].eq(STUDY)].set_index("comparison")
    if lacking := [name for name in _NAMES if name not in found.index]:
        raise ReproduceError(f"results/tables/comparisons.csv lacks {lacking[0]} of {STUDY}; run `dvc repro collect`")
    return {name: _step(loaded, declared[name], found.loc[name]) for name in _NAMES}


def _step(loaded: Records, declared: Comparison, found: pd.Series) -> DrawnStep:
    before, after = (_arm(loaded, name, epochs) for name, epochs in zip(declared.arms, declared.epochs, strict=True))
    has_interval = min(len(before.errors), len(after.errors)) >= FEWEST
    low, high = (found["low"], found["high"]) if has_interval else (math.nan, math.nan)
    method = None if pd.isna(found["method"]) else found["method"]
    return DrawnStep(_NAMES[declared.id], _CHANGES[declared.id], before, after, found["value"], low, high, method)


def _arm(loaded: Records, name: str, epochs: int) -> DrawnArm:
    rows = rows_of_arm(loaded.runs, STUDY, name)
    rows = rows[rows["epochs"].eq(epochs)]
    errors = values_of_arm(rows, records.ERROR, f"the steps of {STUDY}")
    mean = mean_interval(errors) if errors and not went_wrong(rows) else None
    if mean and len(errors) < FEWEST:
        mean = replace(mean, low=None, high=None)
    return DrawnArm(epochs, errors, mean)


def published_ends(loaded: Records) -> tuple[float, float]:
    """Return the published errors of the 13 % and the 11 % net, in percent."""
    printed = records.published_errors(loaded, _NETS).drop_duplicates("variant").set_index("variant")["value"]
    first, last = (float(printed[variant]) for variant in _ENDS)
    return first, last


def steps_table(loaded: Records) -> str:
    """Return one row per step in Markdown: errors before and after, difference, share of the published difference."""
    first, last = published_ends(loaded)
    rows = []
    for step in load_steps(loaded).values():
        sizes = [100 * size / (first - last) for size in (step.points, step.low, step.high)]
        row = {
            "step": step.name,
            "what changes": step.change,
            "test error before → after, %": " → ".join(map(_mean_words, (step.before, step.after))),
            "seeds": f"{len(step.before.errors)} and {len(step.after.errors)}",
            "the error is (95 % interval)": step.lack if pd.isna(step.points) else step.words,
            f"share of the published {first - last:g} points, %": share_words(*sizes),
        }
        rows.append(row)
    return frame_as_markdown(pd.DataFrame(rows))


def answered_steps(loaded: Records) -> str:
    """Return the steps with a value in a wrapped sentence, and a sentence that names the steps still to be run."""
    found = load_steps(loaded)
    steps = [found[name] for name in _ANSWERED]
    told = [f"{step.name}: {_answer(step)}" for step in steps if pd.notna(step.points)]
    open_ones = [step.name for step in steps if pd.isna(step.points)]
    sentences = [f"The error by step: {'; '.join(told)}."] if told else []
    if open_ones:
        sentences.append(f"Not run yet: {', '.join(open_ones)}.")
    return wrapped(" ".join(sentences))


def _answer(step: DrawnStep) -> str:
    return f"{step.words}, {len(step.before.errors)} and {len(step.after.errors)} seeds"


def _mean_words(arm: DrawnArm) -> str:
    return format_number(arm.estimate.value) if arm.estimate else arm.lack


def steps_figure(loaded: Records) -> Figure:
    """Return the way from the 13 % net to the 11 % net."""
    steps = load_steps(loaded)
    return error_steps([steps[name] for name in _CHAIN], steps[_TOTAL], steps[_ALONE], published_ends(loaded))


def load_course(loaded: Records) -> pd.DataFrame:
    """Return the points by which normalization lowers the 13 % net's errors, in mean over seeds, by epoch.

    Columns epoch, training, validation and test. A missing value means that an arm has no such error at that epoch.

    Raises:
        ReproduceError: the collected histories are missing or lack a column.
    """
    columns = [f"{measure}_error_percent_mean" for measure in _COURSE]
    histories = loaded.table("histories_mean", " ".join(["study", "variant", "epochs", "epoch", *columns]))
    declared = next(each for each in load_study(STUDY).comparisons if each.id == _CHAIN[0])
    by_length = zip(declared.arms, declared.epochs, strict=True)
    before, after = (_errors_by_epoch(histories, arm, length)[columns] for arm, length in by_length)
    lowered = (before - after).dropna(how="all")
    return lowered.rename(columns=dict(zip(columns, _COURSE, strict=True))).reset_index()


def _errors_by_epoch(histories: pd.DataFrame, arm: str, length: int) -> pd.DataFrame:
    rows = rows_of_arm(histories, STUDY, arm)
    return rows[rows["epochs"].eq(length)].set_index("epoch")


def course_figure(loaded: Records) -> Figure:
    """Return the course of normalization's effect on the 13 % net."""
    study = load_study(STUDY)
    ends = list(itertools.accumulate(phase.epochs for phase in study.variant("body13_normalized").phases))
    ten_views = load_steps(loaded)[_CHAIN[0]]
    return normalization_course(load_course(loaded), ten_views, _by_center_view(loaded, ten_views), ends[1:-1])


def _by_center_view(loaded: Records, ten_views: DrawnStep) -> DrawnStep:
    found = loaded.comparisons[loaded.comparisons["study"].eq(STUDY)].set_index("comparison").loc[_CENTER_VIEW]
    return replace(ten_views, points=found["value"], low=found["low"], high=found["high"])


FIGURES = {"lrn_confound_course": course_figure, "lrn_confound_steps": steps_figure}
BLOCKS = {"steps": steps_table, "answered-steps": answered_steps}
