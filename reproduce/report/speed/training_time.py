"""Training times beside the claimed ones: days for AlexNet by kind of evidence, seconds for the 80sec net."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from reproduce.base.text import figures, format_number
from reproduce.data.registry import CIFAR10
from reproduce.report.records import Records, of_first_length
from reproduce.report.speed.gpu_cpu import BY_DEFINITION
from reproduce.report.speed.time_ratios import WITH_INPUT, ratios
from reproduce.report.speed.timing_tables import Timings, at_all_threads, device_names, other_batches
from reproduce.speed.timing.cells import RECIPE_BATCH
from reproduce.study.claims import Claim
from reproduce.study.study import load_study


def seconds_to_error(records: Records, study: str, variant: str, error: float) -> pd.DataFrame:
    """Return for each run of a variant the training seconds until its test error was first at most ``error`` percent.

    Columns: seed, seconds (NaN where the error stayed higher), all_seconds (of the whole schedule), threads, cpu.
    Runs are those of the length listed first. Seconds count training alone, to the end of the epoch. The machines did
    other work at the same time.
    """
    runs, histories = of_first_length(records.runs), records.histories
    wanted = runs[runs["study"].eq(study) & runs["variant"].eq(variant) & runs["status"].eq("finished")]
    table = []
    for run in wanted.itertuples():
        epochs = histories[histories["run_id"].eq(run.run_id)].sort_values("epoch")
        reached = epochs["test_error_percent"].le(error)
        seconds = epochs["seconds"].cumsum()[reached].iloc[0] if reached.any() else float("nan")
        row = {"seed": run.seed, "seconds": seconds, "all_seconds": epochs["seconds"].sum()}
        table.append(row | {"threads": run.threads, "cpu": run.cpu})
    return pd.DataFrame(table, columns=["seed", "seconds", "all_seconds", "threads", "cpu"])


def extrapolated_words(timed_steps: float) -> str:
    """Return the caveat of an extrapolated time: the number of updates that were timed."""
    return f"extrapolated from {timed_steps:.0f} timed updates"


_TIME_CLAIMS = {"training-days": "gpu", "account-week-on-gpus": "gpu", "account-months-on-cpu": "cpu"}
_LAST_YEAR = 2012  # of the machines whose estimates stand beside the claims
_EVIDENCE = {"published": "published", "estimated": "estimated", "extrapolated": "extrapolated from updates timed here"}


def claims_on_days(claims: Sequence[Claim]) -> pd.DataFrame:
    """Return the claims about days of training, the kind of machine that each is about, and the finding on it."""
    table = []
    for claim in (claim for claim in claims if claim.id in _TIME_CLAIMS):
        found = claim.source_check.finding if claim.source_check else "not judged: it needs 2012's own machine"
        about = f"{_TIME_CLAIMS[claim.id].upper()}s"
        table.append({"claim": claim.statement, "machines": about, "finding": f"**{found}**"})
    return pd.DataFrame(table)


def days_beside_claims(timings: Timings) -> pd.DataFrame:
    """Return the days that the claims are held to, one row per machine, those of one kind and evidence together.

    Days of machines timed here are extrapolated from updates alone, with the images ready. Estimated days are for
    machines up to 2012. Published days have the year in which they were printed.
    """
    table = []
    for kind in dict.fromkeys(_TIME_CLAIMS.values()):
        days = timings.days[timings.days["kind"].eq(kind)]
        days = days[days["evidence"].ne("estimated") | days["year"].le(_LAST_YEAR)]
        for evidence, words in _EVIDENCE.items():
            cells = {"machines": f"{kind.upper()}s", "evidence": words}
            rows = days[days["evidence"].eq(evidence)]
            table += [cells | _system_cells(row) for row in rows.itertuples()]
            if rows.empty and evidence == "extrapolated":
                none = f"no {kind.upper()} timed yet: `python -m reproduce time`"
                table.append(cells | {"system": none, "days": "-", "printed": "-"})
    return pd.DataFrame(table)


def _system_cells(row: Any) -> dict[str, str]:
    amount = f"{1440 * row.days_mid:.0f} minutes" if row.days_high < 0.1 else " to ".join(_span(row))
    notes = [word for word, holds in (("busy", row.loaded is True), ("uneven", "uneven" in str(row.basis))) if holds]
    return {
        "system": f"{row.system.removesuffix(BY_DEFINITION)}, {row.precision}",  # the middle is not shown
        "days": amount + (f" ({'; '.join(notes)})" if notes else ""),
        "printed": str(row.year) if row.evidence == "published" else "-",
    }


def cost_words(timings: Timings) -> str:
    """Return sentences on the days that AlexNet's whole training would take on each device timed here.

    No machine here has run that training: the days follow from timed updates. A device's sentences give the days of the
    updates in each precision, and the time that making the batches adds. The last gives the days of the paper's GPUs.
    """
    measured = timings.days[timings.days["evidence"].eq("extrapolated")]
    paper = timings.days[timings.days["evidence"].eq("published")].sort_values("year").iloc[0]
    if measured.empty:
        return f"No machine has been timed yet; {paper.system} took {_ends(paper)} days."
    names = device_names(timings)
    said = [
        _sentence(names[device] + other_batches(group["system"].iloc[0]), group, timings)
        for device, group in measured.groupby(["machine", "device"], sort=False)
    ]
    name = f"{paper.system[0].upper()}{paper.system[1:]}"
    return " ".join([*said, f"{name} took {_ends(paper)} days for everything, in fp32."])


def _sentence(name: str, days: pd.DataFrame, timings: Timings) -> str:
    ordered = days.sort_values("days_mid")
    each = [f"{_days(row.days_mid)} days{_between(row)} in {row.precision}" for row in ordered.itertuples()]
    source = extrapolated_words(days["timed_steps"].min())
    text = f"{name}: the updates alone of AlexNet's 90 epochs would take {' and '.join(each)} ({source})."
    first, beside = days.iloc[0], ratios(timings)
    here = beside["machine"].eq(first["machine"]) & beside["device"].eq(first["device"])
    beside = beside[here & beside["compared"].eq(WITH_INPUT)].set_index("precision")
    return text + _beside_words([beside.loc[each] for each in ordered["precision"] if each in beside.index])


def _beside_words(rows: Sequence[pd.Series]) -> str:
    """Return a sentence on the time of a step while the next batch is made, led by doubt if every row leaves it."""
    if not rows:
        return ""
    in_doubt = [row["smallest"] <= 1 <= row["largest"] for row in rows]
    lead = "no difference in the time of a step is shown:" if all(in_doubt) else "a step takes"
    each = []
    for row, doubt in zip(rows, in_doubt, strict=True):
        ends = " to ".join(dict.fromkeys(_longer(row[end]) for end in ("smallest", "largest")))
        doubt_words = ", no difference shown" if doubt and not all(in_doubt) else ""
        each.append(f"{_longer(row['ratio'])} time in {row.name} (by round {ends}{doubt_words})")
    return f" While the next batch is made, {lead} {' and '.join(each)}."


def _longer(ratio: float) -> str:
    """Return a ratio of times as a change without sign: 0.81 as "19 % less"."""
    percent = abs(100 * ratio - 100)
    amount = format_number(percent, 1 if 0.05 <= percent < 1 else 0)
    return f"{amount} % {'less' if ratio < 1 else 'more'}"


def _ends(row: pd.Series) -> str:
    return f"{row.days_low:.0f} to {row.days_high:.0f}"


def _between(row: tuple) -> str:
    """Return the range of days in parentheses, or nothing where its ends are written alike."""
    ends = _span(row)
    return f" ({' to '.join(ends)})" if len(ends) == 2 else ""


def _span(row: tuple) -> list[str]:
    return list(dict.fromkeys(_days(value) for value in (row.days_low, row.days_high)))


def _days(value: float) -> str:
    if value < 0.1:
        return figures(value)[0]
    return format_number(value, 0 if value >= 10 else 1 if value >= 1 else 2)


def days_table(timings: Timings) -> pd.DataFrame:
    """Return the days of training by machine, slowest first, with their range, basis and source.

    That middles of estimates are calibrated is left out of the basis, since it is true of all in fp32.
    """
    shown = timings.days.sort_values("days_mid", ascending=False, kind="stable")
    columns = ["system", "year", "evidence", "precision", "days_low", "days_mid", "days_high", "basis", "source"]
    days = ["days_low", "days_mid", "days_high"]
    table = shown[columns].assign(**{name: shown[name].map(_days) for name in days})
    table["basis"] = table["basis"].str.partition("; middle: calibrated")[0]
    return table.reset_index(drop=True)


def seconds_words(timings: Timings) -> str:
    """Return a sentence on the time that all updates of the 80-second net's schedule take on each device."""
    names, said = device_names(timings), []
    epochs = load_study("cifar10_nets").variant("80sec").full_epochs()
    steps = at_all_threads(timings.measured())
    steps = steps[
        steps["what"].eq("training_step") & steps["network"].eq("80sec") & steps["batch_size"].eq(RECIPE_BATCH)
    ]
    for (machine, device), group in steps.groupby(["machine", "device"], sort=False):
        updates = epochs * CIFAR10.training_images / RECIPE_BATCH
        each = [f"{row.ms_median * updates / 1e3:.0f} s in {row.precision}" for row in group.itertuples()]
        said.append(f"on {names[machine, device]}, {' and '.join(each)}")
    if not said:
        return "No machine has been timed yet."
    source = extrapolated_words((steps["rounds"] * steps["calls_per_round"]).min())
    return f"The updates alone of its {epochs} epochs would take ({source}): {'; '.join(said)}."


_SECONDS = ["run", "timed", "seeds that got there", "fastest of these", "median of these", "slowest of these"]
_WHOLE = "whole schedule, median of all seeds"


def seconds_table(records: Records, study: str, variants: Sequence[str], error: float) -> pd.DataFrame:
    """Return the published time, and below it the range and median of ``seconds_to_error`` by variant and machine.

    Only seeds that reached the error have such a time, and a column counts them. The seconds of the whole schedule are
    the median of all seeds.
    """
    published = records.claim("cifar10-80sec-time").targets[0].value
    rows = [["published: a GPU, not named", "as printed", "-", None, published, None, None]]
    for variant in variants:
        runs = seconds_to_error(records, study, variant, error)
        for (cpu, threads), group in runs.groupby(["cpu", "threads"], sort=False):
            reached, plural = group["seconds"].dropna(), "s" if threads > 1 else ""
            head = [f"{variant}: {cpu}, {threads:.0f} thread{plural}", "waited for, on a machine that did other work"]
            times = [reached.min(), reached.median(), reached.max(), group["all_seconds"].median()]
            rows.append([*head, f"{len(reached)} of {len(group)}", *times])
    table = pd.DataFrame(rows, columns=[*_SECONDS, _WHOLE])
    times = {name: f"{name}, seconds" for name in (*_SECONDS[3:], _WHOLE)}
    return table.astype(dict.fromkeys(times, "float64")).rename(columns=times)
