"""The reason why a claim has no runs, and the command that makes them; both follow from its studies."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import pandas as pd

from reproduce.base.progress import format_duration
from reproduce.base.text import operations_words
from reproduce.data.registry import DATASETS
from reproduce.study.claims import Claim
from reproduce.study.designs import study_and_variant
from reproduce.study.operations import training_operations
from reproduce.study.run_id import RunId
from reproduce.study.study import Study
from reproduce.study.variant import Variant


@dataclass(frozen=True)
class Planned:
    """The runs that a claim waits for in one arm, all of one length; none where no profile lists the arm.

    ``profile`` is the profile that lists these runs, or the nets that they average where the arm is an ensemble.
    """

    study: Study
    variant: str
    runs: list[RunId]
    profile: str | None

    def trained(self) -> str:
        """Return the variant that is trained: the arm's own, or for an ensemble the variant of its nets."""
        ensembles = self.study.ensembles
        return ensembles[self.variant].variant if self.variant in ensembles else self.variant

    def members(self) -> list[RunId]:
        """Return the runs that an ensemble averages; none for a variant."""
        averaged = self.study.ensemble_runs()
        return [member for run in self.runs for member in averaged.get(run, [])]


def why_unmade(claim: Claim, runs: pd.DataFrame, studies: Sequence[Study]) -> tuple[str, str | None]:
    """Return why a claim has no verdict yet, and the command that makes the runs it lacks.

    Args:
        claim: a claim with an arm that has no run.
        runs: the frame of ``table.read_runs`` for all studies.
        studies: the studies whose runs were read.
    """
    unread = {study_and_variant(arm, claim.study)[0] for arm in claim.arms} - {study.study for study in studies}
    if unread:
        return f"study {' and '.join(sorted(unread))} was not read", None
    arms = _planned(claim, studies)
    unlisted = [f"no profile of study {arm.study.study} lists {arm.trained()}" for arm in arms if not arm.runs]
    if unlisted:
        return " and ".join(unlisted), None
    lacking = _lacking(arms, runs)
    by_hand = [_needs(arm) for arm in lacking if arm.study.is_published_by_hand]
    staged = [arm for arm in lacking if arm.study.is_trained_by_stages]
    reasons = [f"needs {need}" for need in dict.fromkeys(by_hand)]
    if staged:
        one = sum(len(arm.runs) for arm in staged) == 1
        reasons.append(
            f"{' and '.join(_runs_words(arm, runs) for arm in staged)} {'is' if one else 'are'} not made yet"
        )
    return "; ".join(reasons), _command_for(lacking)


def further_command(claim: Claim, runs: pd.DataFrame, studies: Sequence[Study]) -> str | None:
    """Return the command for an arm's runs of the greatest planned length; None where every arm has such a run."""
    lacking = [arm for arm in _lacking(_planned(claim, studies), runs) if arm.runs]
    return _command_for(lacking) if lacking else None


def profile_listing(study: Study, variant: str, epochs: int, runs: Collection[RunId]) -> str | None:
    """Return the profile by which to train ``runs``, one that lists the variant at that length; None where none does.

    If both profiles list it and DVC's stages publish the runs, it is ``standard``: seeds of this length that only
    ``full`` lists are not read. If runs are published by hand, it is the profile that lists more of ``runs``.
    """
    names = [name for name in ("standard", "full") if name in study.profiles]
    lists = {name: _of_length(study.runs(name), variant, epochs) for name in names}
    listed = {name: found for name, found in lists.items() if found}
    if study.is_trained_by_stages and "standard" in listed:
        return "standard"
    return max(listed, key=lambda name: sum(run in listed[name] for run in runs), default=None)


def training_command(arms: Sequence[tuple[Study, str, int, str]]) -> str:
    """Return the command that makes the missing runs of arms.

    Args:
        arms: of each its study, its variant or ensemble, its length in epochs, and the profile that lists its runs.
    """
    stages: list[str] = []
    trained: dict[tuple[str, str], list[str]] = {}
    afterward: list[str] = []
    for study, variant, epochs, profile in arms:
        if variant in study.ensembles:
            afterward.append(f"python -m reproduce ensemble {study.study} {variant}")
        elif study.is_trained_by_stages and profile == "standard":
            stages.append(f"experiments/{study.study}/dvc.yaml:{study.stage_name(variant, epochs)}")
        else:
            trained.setdefault((study.study, profile), []).append(variant)
    afterward += [f"python -m reproduce publish {study.study}" for study, *_ in arms if study.is_published_by_hand]
    commands = [f"dvc repro {' '.join(stages)}"] if stages else []
    for (study_name, profile), variants in trained.items():
        commands.append(f"python -m reproduce train {study_name} {' '.join(variants)} --profile {profile}")
    return " && ".join([*commands, *dict.fromkeys(afterward)])


def expected_seconds(finished: pd.DataFrame, epochs: int) -> float | None:
    """Return the training time of a run of ``epochs``, at the median pace of ``finished`` runs; None without any."""
    seconds = (finished["training_seconds"] / finished["epochs"]).median() * epochs
    return None if pd.isna(seconds) else float(seconds)


def _of_length(runs: Sequence[RunId], variant: str, epochs: int) -> list[RunId]:
    return [run for run in runs if (run.variant, run.epochs) == (variant, epochs)]


def _planned(claim: Claim, studies: Sequence[Study]) -> list[Planned]:
    """Return the planned runs of each arm.

    Their length is the one that the claim fixes. Otherwise it is the greatest length that profiles list for all arms,
    or each arm's own greatest length where the arms have none in common.
    """
    known = {study.study: study for study in studies}
    places = [study_and_variant(arm, claim.study) for arm in claim.arms]
    listed = [[run for run in known[name].publishable_runs() if run.variant == variant] for name, variant in places]
    shared = set.intersection(*({run.epochs for run in arm} for arm in listed))
    longest = [max(shared or {run.epochs for run in arm}, default=0) for arm in listed]
    arms = []
    for (name, variant), arm, epochs in zip(places, listed, claim.epochs or longest, strict=True):
        arms.append(_arm(known[name], variant, _of_length(arm, variant, epochs), claim.seeds_planned))
    return arms


def _arm(study: Study, variant: str, runs: list[RunId], seeds: int | None) -> Planned:
    """Return the arm with the profile to train it by; ``full`` where ``standard`` lists fewer runs than ``seeds``."""
    if not runs:
        return Planned(study, variant, [], None)
    epochs, arm = runs[0].epochs, Planned(study, variant, runs, None)
    profile = profile_listing(study, arm.trained(), epochs, arm.members() or runs[:seeds])
    if profile is None:  # no profile may list an ensemble's nets
        return Planned(study, variant, [], None)
    is_made_in_part = profile == "standard" and len(_of_length(study.runs(profile), variant, epochs)) < len(
        runs[:seeds]
    )
    if is_made_in_part and variant not in study.ensembles:
        profile = "full"  # standard lists only those of the planned seeds that are made
    listed = runs if variant in study.ensembles else _of_length(study.runs(profile), variant, epochs)
    return Planned(study, variant, listed, profile)


def _lacking(arms: Sequence[Planned], runs: pd.DataFrame) -> list[Planned]:
    """Return the arms without any of their planned runs."""
    there = set(runs.loc[runs["status"] != "missing", "run_id"])
    return [arm for arm in arms if there.isdisjoint(map(str, arm.runs))]


def _command_for(lacking: Sequence[Planned]) -> str:
    wanted = []
    for arm in lacking:
        epochs = arm.runs[0].epochs
        wanted += [(arm.study, name, epochs, arm.profile) for name in dict.fromkeys([arm.trained(), arm.variant])]
    return training_command(wanted)


def _needs(arm: Planned) -> str:
    """Return in words the data or device that an arm's runs need and most machines lack."""
    edition = DATASETS[arm.study.dataset].edition
    needed = "a device that most machines lack"
    if edition is not None:
        needed = f"the {edition.title} images, which only registered users can get, and a GPU"
    members = arm.members()
    if not members:
        return needed
    return f"{len(members)} trained nets of {arm.trained()}, averaged in {len(arm.runs)} groups, and so {needed}"


def _runs_words(arm: Planned, runs: pd.DataFrame) -> str:
    many = f"{len(arm.runs)} planned runs" if len(arm.runs) > 1 else "planned run"
    if arm.members():
        return f"the {many} of {arm.variant} ({len(arm.members())} nets of {arm.trained()} to average)"
    epochs, variant = arm.runs[0].epochs, arm.study.variant(arm.variant)
    details = f"{epochs} epoch{'s' if epochs > 1 else ''}, {variant.schedule(epochs)} schedule"
    of_arm = (runs["study"] == arm.study.study) & (runs["variant"] == arm.variant) & (runs["status"] == "finished")
    seconds = expected_seconds(runs[of_arm], epochs)
    if seconds is not None:
        lengths = " and ".join(map(str, sorted(runs.loc[of_arm, "epochs"].unique())))
        details += f"; about {format_duration(seconds)} each, at the pace of its runs of {lengths} epochs"
    elif isinstance(variant, Variant):
        bound = "at most " if any(phase.until != "epochs" for phase in variant.phases) else ""
        operations = training_operations(variant, epochs, arm.study.dataset)
        details += f"; {bound}{operations_words(operations)} training operations"
        details += " each" if len(arm.runs) > 1 else ""
    return f"the {many} of {arm.variant} ({details})"
