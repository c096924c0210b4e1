"""Figures and tables that any study may have: curves, verdicts, precision, arms, comparisons, effects of designs."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from reproduce.base.text import format_number, frame_as_markdown, p_value_words, with_interval
from reproduce.judge.few_seeds import FEWEST
from reproduce.report import records
from reproduce.report.effects import effect_words, share_words
from reproduce.report.figures.learning_curves import learning_curves
from reproduce.report.figures.precision_seeds import seed_distribution
from reproduce.report.figures.verdict_forest import verdict_forest
from reproduce.report.records import Records
from reproduce.report.verdict_tables import verdict_table
from reproduce.runs.estimands import values_of_arm
from reproduce.runs.statistics import mean_interval
from reproduce.study.study import Study
from reproduce.study.variant import Variant

_SHARES = ["share_percent", "share_low_percent", "share_high_percent"]
_EFFECT_COLUMNS = " ".join(["study meaning n value low high method p_value_holm published_gain", *_SHARES])
_GAIN = r"(?P<factor>\w+): (?P<before>.+) minus (?P<after>.+?)"
_CONTRAST = re.compile(rf"{_GAIN}, (?P<where>(?:mean over|at) .+)")
_INTERACTION = re.compile(rf"interaction: \({_GAIN}\) at (?P<here>.+), minus the same at (?P<there>.+)")
_TRAINING, _GAP = "training_top1_error_percent", "center_generalization_gap_percent"


def common_figures(study: Study, loaded: Records) -> dict[str, Callable[[Records], Figure]]:
    """Return the figures that apply to a study without a module: learning curves, verdicts, precision.

    Learning curves need a network, since other methods have no epochs. Verdicts need a claim on a single error rate.
    Precision needs a declared comparison of test errors in bf16 and fp32. A figure without runs is drawn too, empty or
    with its claims as ``not run``, so that every stage has its outputs.
    """
    name = study.study
    drawn: dict[str, Callable[[Records], Figure]] = {}
    if any(isinstance(variant, Variant) for variant in study.variants.values()):
        drawn[f"{name}_learning_curves"] = lambda loaded: curves(loaded, name)
    if len(records.forest_rows(loaded, name)[0]):
        drawn[f"{name}_verdicts"] = lambda loaded: verdicts(loaded, name)
    if _compares_precisions(study):
        drawn[f"{name}_precision"] = lambda loaded: precision(loaded, name)
    return drawn


def _compares_precisions(study: Study) -> bool:
    errors = [comparison for comparison in study.comparisons if comparison.estimand == records.ERROR]
    own = [each.arms for each in errors if study.variants.keys() >= {*each.arms}]
    return any({study.variant(arm).precision for arm in arms} == {"bf16", "fp32"} for arms in own)


def curves(loaded: Records, study: str) -> Figure:
    """Return the learning curves of all the study's runs."""
    histories = records.study_histories(loaded, study)
    return learning_curves(
        histories, records.published_errors(loaded, study), records.averaged_view_errors(loaded, study)
    )


def verdicts(loaded: Records, study: str) -> Figure:
    """Return the study's claims on single error rates as a forest."""
    return verdict_forest(*records.forest_rows(loaded, study))


def precision(loaded: Records, study: str) -> Figure:
    """Return the study's seeds in bf16 and fp32."""
    runs, means, compared = records.precision_frames(loaded, study)
    words = [_comparison_words(row, "higher") for row in compared.itertuples() if pd.notna(row.value)]
    return seed_distribution(runs, means, "".join(words))


def arms_table(loaded: Records, study: str) -> str:
    """Return one row per arm: finished seeds of those planned, test and training error, and their difference.

    Errors and difference are in the words of ``mean_words``. The column of test errors averages all test views. The
    difference is between errors by the center view, since the training error is measured with that view.
    """
    frame = loaded.table("summary", "study variant epochs planned finished", study)
    runs = loaded.table("runs", f"study variant epochs status {records.ERROR} {_TRAINING}", study)
    rows = []
    for (variant, epochs), arm in frame.groupby(["variant", "epochs"], sort=False):
        of_arm = runs[runs["variant"].eq(variant) & runs["epochs"].eq(epochs)]
        test, training, gap = (
            mean_words(values_of_arm(of_arm, estimand, f"the page of {study}"))
            for estimand in (records.ERROR, _TRAINING, _GAP)
        )
        row = {
            "arm": f"`{variant}`",
            "epochs": epochs,
            "seeds": _seeds(arm["finished"].iloc[0], arm["planned"].iloc[0]),
            "test error, %": test,
            "training error, %": training,
            "test minus training error (center), points": gap,
        }
        rows.append(row)
    return frame_as_markdown(pd.DataFrame(rows)) if rows else "No run is published yet."


def _seeds(finished: int, planned: int) -> str:
    return f"{finished} of {planned}" + (" planned" if finished < planned else "")


def mean_words(values: Sequence[float]) -> str:
    """Return the mean of seeds with its 95 % t-interval; of two seeds both values, which say more than an interval."""
    if not values:
        return "-"
    if len(values) < FEWEST:
        return " and ".join(format_number(value) for value in sorted(values))
    mean = mean_interval(values)
    return with_interval(mean.value, mean.low, mean.high)


def costs_table(loaded: Records, study: str) -> str:
    """Return one row per arm and feature descriptor: the classifier's costs tried, and the cost chosen by each seed.

    A chosen cost at the edge of the grid is named as such, since a cost outside the grid might have done better.
    """
    columns = "study variant seed stream cost iterations stopped_by held_out_error_percent edge"
    fits = loaded.table("classifier_fits", columns, study)
    rows = []
    for (variant, stream), arm in fits.groupby(["variant", "stream"], sort=False):
        final = arm[arm["held_out_error_percent"].isna()]
        at_edge = final["edge"].dropna().value_counts()
        rows.append(
            {
                "arm": f"`{variant}`",
                "descriptor": stream,
                "costs tried": f"{arm['cost'].min():,g} to {arm['cost'].max():,g}",
                "chosen, by seed": "; ".join(f"{cost:,g}" for cost in final["cost"]),
                "at the edge": ", ".join(f"**{edge}** in {n} of {len(final)}" for edge, n in at_edge.items()) or "no",
                "rounds of the final fit": "; ".join(map(_ending, final.itertuples())),
            }
        )
    return frame_as_markdown(pd.DataFrame(rows))


def _ending(fit: tuple) -> str:
    return str(fit.iterations) if pd.isna(fit.stopped_by) else f"{fit.iterations} ({fit.stopped_by.replace('_', ' ')})"


def design_effects_table(loaded: Records, study: str) -> str:
    """Return one row per effect of the study's designs: what it does to the error, and its share of any published gain.

    An interaction has in its place the difference of two gains.
    """
    effects = loaded.table("factorials", _EFFECT_COLUMNS, study)
    rows = []
    for effect in effects.itertuples():
        row = {
            "what changes": _change_words(effect.meaning),
            "the error is (95 % interval)": _design_effect(effect),
            "p (Holm)": p_value_words(effect.p_value_holm),
        }
        if effects["published_gain"].notna().any():
            row["share of the published gain, %"] = share_words(*(getattr(effect, name) for name in _SHARES))
        rows.append(row)
    return frame_as_markdown(pd.DataFrame(rows))


def _change_words(meaning: str) -> str:
    """Return a contrast of ``factorials.csv``, "A minus B", as the change from A to B."""
    if found := _CONTRAST.fullmatch(meaning):
        return f"{found['factor']}: {found['after']} in place of {found['before']}, {found['where']}"
    if found := _INTERACTION.fullmatch(meaning):
        change = f"{found['factor']} ({found['after']} in place of {found['before']})"
        return f"interaction: the gain of {change} at {found['here']}, beside that at {found['there']}"
    return meaning


def _design_effect(effect: tuple) -> str:
    if pd.isna(effect.value):
        return "not run"
    is_gain = _INTERACTION.fullmatch(effect.meaning)
    row = {name: getattr(effect, name) for name in ("value", "low", "high", "method")}
    row["n_seeds"] = min(map(int, str(effect.n).split(";")))
    words = effect_words(row, "larger" if is_gain else "lower")
    return f"gain {words}" if is_gain else words


def differences_table(loaded: Records, study: str) -> str:
    """Return one row per declared comparison of test errors: question, both arms' mean errors, and their difference.

    Below three seeds an arm, or before every planned seed, the difference has no interval.
    """
    declared = records.of_errors(loaded.comparisons, study)
    rows = []
    for row in declared.itertuples():
        is_run = pd.notna(row.value)
        means = f"{format_number(row.first_mean)}, {format_number(row.second_mean)}" if is_run else "-"
        cells = {
            "question": row.question,
            "arms": f"`{row.first_arm.rpartition('/')[2]}`, `{row.second_arm.rpartition('/')[2]}`",
            "test errors, %": means,
            "seeds": f"{row.n_first} and {row.n_second}",
            "the second's error is (95 % interval)": _comparison_words(row) if is_run else "not run",
        }
        rows.append(cells)
    return frame_as_markdown(pd.DataFrame(rows))


def _comparison_words(row: Any, above_zero: str = "lower") -> str:
    """Return the difference of a row of comparisons.csv in words."""
    return effect_words(row._asdict() | {"n_seeds": min(row.n_first, row.n_second)}, above_zero)


BLOCKS = {
    "verdicts": lambda loaded, study: frame_as_markdown(verdict_table(loaded, study)),
    "arms": arms_table,
    "comparisons": differences_table,
    "costs": costs_table,
    "effects": design_effects_table,
}
"""Parts of a page that any study may have: on the page the marker is ``<kind>-<study>``, underscores as hyphens."""
