"""The three lines at the top of each notebook, made from the tables that the notebook shows."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from reproduce.base.text import amount_words, format_number, unit_words, verdict_words, with_interval
from reproduce.judge.rules import DIRECTION, NO_EFFECT, NOT_RUN, REPRODUCED
from reproduce.report import ablation_table
from reproduce.report.answers import gpu_words, printed_ratio_words
from reproduce.report.effects import effect_words
from reproduce.report.literature import drops, milestones, timeline
from reproduce.report.records import Records, estimate_words
from reproduce.report.speed import gpu_cpu
from reproduce.report.speed.timing_tables import Timings
from reproduce.study.claims import Claim


def _lines(*sentences: str) -> str:
    return "**Short answer**\n\n" + "\n".join(f"- {sentence}" for sentence in sentences)


def of_25_to_16(contest: pd.DataFrame, models: pd.DataFrame) -> str:
    """Return whether the error fell from 25 to 16 %, whether it halved, and what came after."""
    compared = drops.drops(contest)
    same, quoted, outside = (drops.comparison(compared, name) for name in ("supplied", "quoted", "outside"))
    later = drops.yearly_drops(timeline.contest_series(contest))
    larger = [
        f"{row.years} ({format_number(row.drop_percent, 0)} %)"
        for row in later[later["drop_percent"] > same["drop_percent"]].itertuples()
    ]
    points = "No other year" if later["drop_points"].le(same["drop_points"]).all() else "Another year"
    named = milestones.milestones(models).set_index("label")
    alexnet, nasnet, volo = (named.loc[name] for name in ("AlexNet", "NASNet-A", "VOLO-D5"))
    start, middle, end = (format_number(row["top1_error_percent"], 1) for row in (alexnet, nasnet, volo))
    return _lines(
        f"Roughly 25 to 16: on the same test images the top-5 error fell from {_one(same, 'before')} to "
        f"{_one(same, 'after')} %, {_points(same)}. "
        f"The quoted {_one(quoted, 'before')} to {_one(quoted, 'after')} % compares two test sets.",
        f"It was not halved: {format_number(same['drop_percent'], 0)} % of the errors went, "
        f"{format_number(outside['drop_percent'], 0)} % with outside images. {points} took off more points; "
        f"{' and '.join(larger)} took off a larger share.",
        f"One network's top-1 error then fell from {start} % (AlexNet, 2012) to {middle} % (NASNet-A, "
        f"{nasnet['year']}) and {end} % (VOLO-D5, {volo['year']}) without outside images.",
    )


def of_cifar10_nets(records: Records, study: str = "cifar10_nets") -> str:
    """Return whether the nets make their published errors, net by net, then what is open and what is not run."""
    # The authors' training times belong to no study, since they are not judged by ours.
    rows = [row for row in records.verdicts.itertuples() if records.claim(row.claim_id).study == study]
    made = [row for row in rows if row.verdict != NOT_RUN]
    published = [row for row in made if _is_published_error(records.claim(row.claim_id))]
    good = [row for row in published if row.verdict == REPRODUCED]
    unsettled = [row for row in made if row not in published and row.verdict not in (REPRODUCED, DIRECTION)]
    waiting = [_arms(records.claim(row.claim_id)) for row in rows if row.verdict == NOT_RUN]
    count = f"All {len(good)}" if len(good) == len(published) else f"{len(good)} of the {len(published)}"
    nets = "".join(f"\n  - {_published_error(row, records)}" for row in published)
    others = "; ".join(_judged(row, records) for row in unsettled)
    return _lines(
        f"{count} nets that are run do, within margins fixed beforehand:{nets}" if published else "No net is run yet.",
        f"Open, or decided otherwise, among further readings and steps between nets: {others}."
        if unsettled
        else "Among further readings and steps between nets none that is run is open.",
        f"Still to be run: {', '.join(dict.fromkeys(waiting))}." if waiting else "Every claim has its runs.",
    )


def _published_error(row: Any, records: Records) -> str:
    """Return a net's published error and ours, and the verdict where it is not that the error is reproduced."""
    claim = records.claim(row.claim_id)
    verdict = "" if row.verdict == REPRODUCED else f" ({row.verdict})"
    ours = estimate_words(row, unit_words(row.unit))
    return f"{amount_words(claim.targets[0].value, row.unit)}: {_arms(claim)} makes {ours}{verdict}."


def _is_published_error(claim: Claim) -> bool:
    """Return whether a claim is about an error that its source publishes, and no further reading of another."""
    is_printed = any(target.kind == "published" for target in claim.targets)
    return claim.kind == "single_value" and is_printed and claim.further_reading_of is None


def _arms(claim: Claim) -> str:
    return " minus ".join(f"`{arm}`" for arm in claim.arms)


def _judged(row: Any, records: Records) -> str:
    claim, unit = records.claim(row.claim_id), unit_words(row.unit)
    target = amount_words(claim.targets[0].value, row.unit) if claim.targets else "a direction"
    ours = estimate_words(row, unit)
    verdict = "" if row.verdict == REPRODUCED else f", {verdict_words(row.verdict, row.negligible_within, row.unit)}"
    return f"{_arms(claim)} {ours} against {target}{verdict}"


def of_ablations(numbers: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the ingredients that lower the reduced net's test error most, those that do not, and ReLU's gain."""
    effects = ablation_table.load_effects(numbers)
    if effects.empty:
        return _lines(
            "Nothing has been run yet.", "Every claim is listed below.", "Each names the command that runs it."
        )
    clear, rest = effects[effects["lowers"]], effects[~effects["lowers"]]
    first = [f"With {row['ingredient']} it is {effect_words(row)}." for row in clear.head(3).to_dict("records")]
    more = [f"{row.ingredient} ({format_number(row.value, 1)})" for row in clear.iloc[3:].itertuples()]
    open_ones, none = (
        rest[rest["verdict"].str.startswith(NO_EFFECT).eq(is_none)]["ingredient"] for is_none in (False, True)
    )
    relu = numbers["relu-six-times-faster"]
    return _lines(
        f"On the reduced net (CIFAR-10, not ImageNet) these ingredients lower the test error most. {' '.join(first)}"
        + (f" Others that lower it, with the points: {', '.join(more)}." if more else ""),
        (f"Not settled: {', '.join(open_ones)}." if len(open_ones) else "Each of them is settled.")
        + (f" No effect within the bound fixed beforehand: {', '.join(none)}." if len(none) else ""),
        "Not run: ReLU against tanh."
        if relu["value"] is None
        else f"ReLUs reach 25 % training error {with_interval(relu['value'], relu['low'], relu['high'])} times as fast "
        f"as tanh on the 80-second net's body. The paper prints {relu['target_value']:g}.",
    )


def of_gpu_vs_cpu(timings: Timings) -> str:
    """Return training times of 2012 and today, one source's ratio of GPU to CPU, and the largest CPU run in print."""
    return _lines(
        f"Faster on a GPU than on a CPU: {printed_ratio_words(timings.days)}",
        gpu_words(timings.days),
        gpu_cpu.many_cpus_words(timings),
    )


def _points(row: pd.Series) -> str:
    value, low, high = (format_number(row[name], 1) for name in ("drop_points", "low", "high"))
    return f"{value} points lower ({low} to {high})"


def _one(row: pd.Series, end: str) -> str:
    return format_number(row[f"{end}_percent"], 1)
