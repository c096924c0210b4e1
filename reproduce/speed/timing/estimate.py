"""``python -m reproduce estimate``: this machine's place between 2012 and now, and each study's time here."""

from collections.abc import Sequence

import pandas as pd

from reproduce.base.progress import format_duration
from reproduce.base.text import days_words
from reproduce.data.registry import DATASETS
from reproduce.speed.timing import cost
from reproduce.speed.timing.speeds import Speeds, run_seconds
from reproduce.study.feature_variant import FeatureVariant
from reproduce.study.run_id import RunId
from reproduce.study.study import Study


def study_table(studies: Sequence[Study], speeds: Speeds) -> pd.DataFrame:
    """Return for every profile of every study the time of all its runs, one after another, and of its longest run.

    If the variant of the longest run takes more than half of a profile's time, the time of all others is named too.
    """
    rows = []
    for study in studies:
        for profile in study.profiles:
            runs = study.runs(profile)
            row = {"study": study.study, "profile": profile, "runs": len(runs)}
            if not runs:
                continue
            if DATASETS[study.dataset].training_images is None:
                rows.append({**row, "in all": "not estimated", "longest run": f"{study.dataset} has no fixed size"})
                continue
            if any(isinstance(study.variant(run.variant), FeatureVariant) for run in runs):
                rows.append({**row, "in all": "not estimated", "longest run": "encoders are not timed"})
                continue
            times = [run_seconds(study.variant(run.variant), run.epochs, study.dataset, speeds) for run in runs]
            rows.append({**row, "in all": format_duration(sum(times)), "longest run": _longest_words(runs, times)})
    return pd.DataFrame(rows)


def _longest_words(runs: Sequence[RunId], times: Sequence[float]) -> str:
    longest = runs[times.index(max(times))]
    of_variant = [time for run, time in zip(runs, times, strict=True) if run.variant == longest.variant]
    words = f"{longest.variant}, {longest.epochs} epochs"
    if sum(times) / 2 < sum(of_variant) < sum(times):
        words += f"; without this variant {format_duration(sum(times) - sum(of_variant))} in all"
    return f"{format_duration(max(times))} ({words})"


def standing_table(speeds: Speeds) -> pd.DataFrame:
    """Return the days of AlexNet's training on this machine and on published and estimated ones, slowest first."""
    rows = speeds.rows[speeds.rows["device"].eq(speeds.device)]
    days = cost.training_days(rows, cost.load_hardware(), cost.load_published())
    here = days["evidence"].eq(cost.EXTRAPOLATED)
    shown = days.assign(shown=days["precision"].where(here, ""))  # this machine in every precision it was timed in
    fastest = shown.sort_values("days_mid").drop_duplicates(["system", "evidence", "shown"])
    here = fastest["evidence"].eq(cost.EXTRAPOLATED)
    shown = fastest.assign(system=fastest["system"].where(~here, "this machine: " + fastest["system"]))
    shown = shown.sort_values("days_mid", ascending=False)
    spans = [span_words(row.days_low, row.days_high) for row in shown.itertuples()]
    return pd.DataFrame(
        {
            "machine": shown["system"],
            "year": shown["year"],
            "arithmetic": shown["precision"],
            "90 epochs": [days_words(days) for days in shown["days_mid"]],
            "from, to": spans,
            "evidence": shown["evidence"],
        }
    )


def span_words(low: float, high: float) -> str:
    """Return the range of a number of days; empty where there is none."""
    return "" if days_words(low) == days_words(high) else f"{days_words(low)} to {days_words(high)}"


def estimate_text(studies: Sequence[Study], speeds: Speeds) -> str:
    """Return what ``python -m reproduce estimate`` prints."""
    stand = standing_table(speeds).to_markdown(index=False, disable_numparse=True)
    times = study_table(studies, speeds).to_markdown(index=False, disable_numparse=True)
    return (
        f"Training AlexNet (two columns, 90 epochs of {cost.TRAINING_IMAGES:,} images), slowest first\n\n{stand}\n\n"
        "extrapolated: from updates timed here. published: printed by others. "
        "estimated: published peak times an assumed share of it\n"
        "(reproduce/speed/timing/cost.py), good to a factor of three at best; fp32 middles are calibrated on the\n"
        "paper's own days on two GTX 580.\n\n"
        f"The studies on this machine ({speeds.device}), one run after another\n\n{times}\n\n"
        f"This machine's speeds: {speeds.source}."
    )
