"""``python -m reproduce plan``: seeds that would settle an inconclusive verdict, their time, and how to add them."""

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from reproduce.base.errors import ReproduceError
from reproduce.base.progress import format_duration
from reproduce.base.text import figures, unit_words
from reproduce.judge.measured import arms_of
from reproduce.judge.names import check_names
from reproduce.judge.rules import INCONCLUSIVE
from reproduce.judge.unmade import expected_seconds, further_command, profile_listing, training_command
from reproduce.judge.verdicts import Verdict, judge
from reproduce.runs.table import published_runs, read_runs
from reproduce.study.claims import Claim, load_claims
from reproduce.study.designs import study_and_variant
from reproduce.study.run_id import RunId
from reproduce.study.study import Study

_RE_PLAN = (
    "  first: {claim}.seeds_planned: {wanted} in paper_notes/claims.yaml, with looked_at_seeds: {looked}, for which "
    "interval and p then allow; the estimate will move, so that it may not settle"
)


@dataclass(frozen=True)
class Addition:
    """New runs of an arm: listed runs that are missing, and further seeds.

    ``there`` counts the finished runs. ``unlisted`` gives the new runs' seeds that study.yaml does not list yet.
    ``profile`` is the profile that lists the arm at the runs' length, None where none does. ``seconds_each`` is the
    median training time of the arm's published runs of that length, None where there are none.
    """

    study: Study
    variant: str
    there: int
    runs: list[RunId]
    unlisted: list[int]
    profile: str | None
    seconds_each: float | None


def plan_text(
    names: Sequence[str],
    studies: Sequence[Study],
    claims: Sequence[Claim] | None = None,
    runs_root: Path | None = None,
) -> str:
    """Return the plan for the inconclusive verdicts of the claims and studies in ``names``; without names, of all.

    For a claim in ``names`` whose verdict is not inconclusive, the verdict itself is given.

    Args:
        names: ids of claims and names of studies.
        studies: all studies.
        claims: the claims to judge; by default all of ``paper_notes/claims.yaml``.
        runs_root: the folder of all run folders.

    Raises:
        ReproduceError: a name is neither a claim's nor a study's, or a claim names an unknown study, variant or metric.
    """
    claims, known = load_claims() if claims is None else claims, {study.study: study for study in studies}
    _check_names(names, claims, known)
    runs = read_runs([run for study in studies for run in published_runs(study, runs_root)], runs_root)
    check_names(claims, studies, runs)
    every = zip(claims, judge(claims, runs, studies), strict=True)
    judged = [pair for pair in every if not names or pair[0].id in names or pair[0].study in names]
    parts, wanted = [], {}
    for claim, verdict in judged:
        if verdict.verdict == INCONCLUSIVE:
            arms = arms_of(claim, runs)
            additions = _additions(claim, verdict, known, arms)
            shared = _shared(claim, additions, claims)
            wanted |= {run: addition.seconds_each for addition in additions for run in addition.runs}
            if additions:
                plan = _plan(claim, verdict, additions)
            else:
                plan = _no_plan(arms, further_command(claim, runs, studies))
            reached = f"  half-width reached: {_half_width(claim, verdict)}"
            parts.append("\n".join([f"{claim.id}: {verdict.verdict}: {verdict.why}", reached, *plan, *shared]))
        elif claim.id in names:
            parts.append(f"{claim.id}: {verdict.verdict}: {verdict.why}")
    parts += [_nothing(name, judged) for name in names if name in known and not _inconclusive(name, judged)]
    return "\n\n".join([*parts, *([_total(wanted)] if wanted else [])]) or "no verdict is inconclusive"


def _check_names(names: Sequence[str], claims: Sequence[Claim], studies: Mapping[str, Study]) -> None:
    known = [*studies, *(claim.id for claim in claims)]
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3, cutoff=0.3)
            hint = f"did you mean {', '.join(near)}?" if near else "ids are in paper_notes/claims.yaml"
            raise ReproduceError(f"{name!r} is neither a claim nor a study; {hint}")


def _inconclusive(study: str, judged: Sequence[tuple[Claim, Verdict]]) -> bool:
    return any(claim.study == study and verdict.verdict == INCONCLUSIVE for claim, verdict in judged)


def _nothing(study: str, judged: Sequence[tuple[Claim, Verdict]]) -> str:
    found = pd.Series([verdict.verdict for claim, verdict in judged if claim.study == study], dtype=object)
    counts = ", ".join(f"{verdict} {count}" for verdict, count in found.value_counts().items())
    return f"{study}: no verdict is inconclusive ({counts})" if counts else f"{study}: no claim is judged by it"


def seeds_wanted(claim: Claim, verdict: Verdict) -> int | None:
    """Return the seeds per arm that an inconclusive verdict waits for; None where runs of this length settle nothing.

    These are at least the planned seeds, and at least two, since one seed shows no spread to plan by. A single value
    stays inconclusive where its schedule is of another length than the source's, so no seeds help.
    """
    if verdict.estimate is None or (claim.kind == "single_value" and verdict.schedule != "full"):
        return None
    return max(verdict.seeds_to_settle or 0, claim.seeds_planned or 0, 2)


def _additions(
    claim: Claim, verdict: Verdict, studies: Mapping[str, Study], arms: Sequence[pd.DataFrame]
) -> list[Addition]:
    """Return the new runs of each arm; empty where no run would settle the verdict."""
    wanted = seeds_wanted(claim, verdict)
    if wanted is None or _gave_no_value(arms):
        return []
    plans = [claim.planned_of(number) or 0 for number in range(len(arms))]
    is_short = any((arm["status"] == "finished").sum() < planned for arm, planned in zip(arms, plans, strict=True))
    by_arm = [max(planned, 2 if is_short else wanted) for planned in plans]
    additions = [_addition(studies[arm["study"].iloc[0]], arm, seeds) for arm, seeds in zip(arms, by_arm, strict=True)]
    return additions if any(addition.runs for addition in additions) else []


def _shared(claim: Claim, additions: Sequence[Addition], claims: Sequence[Claim]) -> list[str]:
    """Return one line for each arm that gets new runs and that other claims use too."""
    lines = []
    for addition in additions:
        place = (addition.study.study, addition.variant)
        others = [other for other in claims if other.id != claim.id and place in _places(other)]
        if addition.runs and others:
            lines.append(f"  more seeds of {addition.variant} concern other claims too: {len(others)}")
    return lines


def _places(claim: Claim) -> list[tuple[str, str]]:
    return [study_and_variant(arm, claim.study) for arm in claim.arms] if claim.study else []


def _gave_no_value(arms: Sequence[pd.DataFrame]) -> bool:
    return any((~arm["status"].isin(["finished", "missing"])).any() for arm in arms)


def _addition(study: Study, arm: pd.DataFrame, wanted: int) -> Addition:
    """Return the runs that bring an arm to ``wanted`` values: its missing runs, then seeds after its last seed."""
    variant, epochs = str(arm["variant"].iloc[0]), int(arm["epochs"].iloc[0])
    finished = arm[arm["status"] == "finished"]
    waiting, last = arm.loc[arm["status"] == "missing", "seed"].tolist(), int(arm["seed"].max())
    short = max(0, wanted - len(finished) - len(waiting))
    runs = [RunId(study.study, variant, epochs, int(seed)) for seed in [*waiting, *range(last + 1, last + 1 + short)]]
    profile = profile_listing(study, variant, epochs, runs)
    published_in_standard = profile == "standard" and study.is_trained_by_stages
    listed = study.runs("standard") if published_in_standard else study.publishable_runs()
    return Addition(
        study=study,
        variant=variant,
        there=len(finished),
        runs=runs,
        unlisted=[run.seed for run in runs if run not in listed],
        profile=profile,
        seconds_each=expected_seconds(finished, epochs),
    )


def _no_plan(arms: Sequence[pd.DataFrame], further: str | None) -> list[str]:
    if _gave_no_value(arms):
        return ["  a run that gave no value withholds a good verdict; look into it before adding seeds"]
    return [f"  more seeds of this length would not settle it{f'; further: {further}' if further else ''}"]


def _plan(claim: Claim, verdict: Verdict, additions: Sequence[Addition]) -> list[str]:
    wanted, per_arm = seeds_wanted(claim, verdict), " per arm" if len(claim.arms) > 1 else ""
    why = "if value and spread stay" if wanted == verdict.seeds_to_settle else "to see a spread"
    why = "as its claim plans" if wanted == claim.seeds_planned else why
    lines = [f"  wanted: {wanted} seeds{per_arm}, {why}"]
    if claim.seeds_planned and wanted > claim.seeds_planned:
        lines += [_RE_PLAN.format(claim=claim.id, wanted=wanted, looked=[*claim.looked_at_seeds, verdict.n_seeds])]
    lines += [f"  {addition.variant}: {_addition_words(addition)}" for addition in additions]
    edits: dict[str, list[str]] = {}
    for addition in additions:
        if addition.unlisted:
            edits.setdefault(addition.study.study, []).append(_edit(addition))
    lines += [f"  edit experiments/{name}/study.yaml: {'; '.join(each)}; commit it" for name, each in edits.items()]
    commands = dict.fromkeys(_command(addition) for addition in additions if addition.runs)
    return [*lines, *(f"  then: {command}" for command in commands)]


def _half_width(claim: Claim, verdict: Verdict) -> str:
    seeds = " and ".join(map(str, verdict.n_by_arm))
    if verdict.estimate is not None and verdict.method is None:
        return f"not before all planned seeds ({seeds} there)"
    if verdict.n_seeds < 2 or verdict.half_width is None:
        return f"none over seeds ({seeds or 'none'} there)"
    if claim.kind == "ratio":
        return f"a factor of {math.sqrt(verdict.high / verdict.low):.2f} either way, by {seeds} seeds"
    return f"{figures(verdict.half_width)[0]}{unit_words(verdict.unit)}, by {seeds} seeds"


def _addition_words(addition: Addition) -> str:
    if not addition.runs:
        return f"{addition.there} seeds there, enough"
    count, time = len(addition.runs), "time unknown, none of this length is published"
    if addition.seconds_each is not None:
        each = addition.seconds_each
        time = f"about {format_duration(count * each)}, {format_duration(each)} each as published"
    seeds = _seed_words([run.seed for run in addition.runs])
    return f"{addition.there} there, {count} more of {addition.runs[0].epochs} epochs, {seeds}: {time}"


def _seed_words(seeds: Sequence[int]) -> str:
    if len(seeds) > 2 and list(seeds) == list(range(seeds[0], seeds[0] + len(seeds))):
        return f"seeds {seeds[0]} to {seeds[-1]}"
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"


def _edit(addition: Addition) -> str:
    if addition.variant in addition.study.ensembles:
        return f"ensembles.{addition.variant}.seeds: add {len(addition.unlisted)} lists of nets"
    if addition.profile is None:
        return f"list {addition.variant} at {addition.runs[0].epochs} epochs in a profile"
    has_lengths = isinstance(addition.study.profiles[addition.profile][addition.variant], list)
    length = f" at {addition.runs[0].epochs} epochs" if has_lengths else ""
    return f"profiles.{addition.profile}.{addition.variant}.seeds{length}: add {_seed_words(addition.unlisted)}"


def _command(addition: Addition) -> str:
    """Return the command that trains an arm's missing runs; by profile ``full``, all that is missing of the variant."""
    profile = addition.profile or "standard"
    return training_command([(addition.study, addition.variant, addition.runs[0].epochs, profile)])


def _total(wanted: Mapping[RunId, float | None]) -> str:
    known = [seconds for seconds in wanted.values() if seconds is not None]
    time = f"about {format_duration(sum(known))} one after another" if known else "time unknown"
    if known and len(known) < len(wanted):
        time = f"{time} for {len(known)} of them, unknown for the others"
    return f"in all: {len(wanted)} run{'s' if len(wanted) > 1 else ''}, {time}"
