"""``python -m reproduce doctor``: the studies this machine can run, what the others need, and the next commands."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import psutil
import torch

from reproduce.base.errors import ReproduceError
from reproduce.base.git import git_problem
from reproduce.base.hardware import has_native_bf16
from reproduce.base.paths import REPO_ROOT, relative_to_repo
from reproduce.base.provenance import machine_fingerprint
from reproduce.data.ilsvrc.editions import PACKED_VARIABLE, Edition
from reproduce.data.ilsvrc.pack import IMAGE_BYTES
from reproduce.data.ilsvrc.sources import survey_source, told_by
from reproduce.data.registry import DATASETS, Dataset
from reproduce.models.counts import count_layers, total_parameters
from reproduce.models.spec import NetworkSpec
from reproduce.runs import places
from reproduce.runs.tuning import recorded_runs
from reproduce.study.run_id import RunId
from reproduce.study.study import Study
from reproduce.study.variant import Variant
from reproduce.train.unfinished import find_unfinished

DVC_WITHOUT_GIT = "dvc config --local core.no_scm true"


def examine(studies: Sequence[Study]) -> str:
    """Return the report on this machine and every study.

    It needs no data and no GPU. Counting the files of unpacked images takes long on a slow disk.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    parts = ["\n".join([_machine(device), *_unfinished_report(studies)])]
    parts += [_stages_report(study) for study in studies if study.is_trained_by_stages]
    parts += [_external_report(study, device) for study in studies if study.is_published_by_hand]
    return "\n\n".join(parts)


def _machine(device: torch.device) -> str:
    found = machine_fingerprint(device)
    lines = [f"This machine: {found['cpu']}, {found['cores']} cores, {found['memory_gib']} GiB of memory"]
    if device.type == "cuda":
        memory = torch.cuda.get_device_properties(0).total_memory / 2**30
        bf16 = "with" if has_native_bf16(device) else "without"
        lines.append(f"GPU: {torch.cuda.device_count()} x {found['gpu']}, {memory:.0f} GiB of memory, {bf16} bf16")
    else:
        lines.append("GPU: none that torch can use")
    problem = git_problem()
    if problem:
        lines.append(f"git: {problem}; until then `train` refuses, since its runs could never be published")
        if not (REPO_ROOT / ".git").exists():
            lines.append(f"DVC: `dvc repro` needs `{DVC_WITHOUT_GIT}` first, since this copy has no .git folder")
    return "\n".join(lines)


def _unfinished_report(studies: Sequence[Study]) -> list[str]:
    """Return at most two lines: on stopped runs that can be resumed, and on leftovers in the folder of checkpoints."""
    unfinished = find_unfinished(studies)
    lines = []
    if unfinished.resumable:
        runs = ", ".join(map(str, unfinished.resumable))
        lines.append(f"Stopped or under way: {runs}; the command that began a stopped run resumes it")
    if unfinished.leftovers:
        paths = ", ".join(map(str, unfinished.leftovers))
        lines.append(
            f"Left over: {unfinished.leftover_bytes() / 1e6:,.0f} MB of runs that no study lists as they were begun "
            f"(reruns too), or whose data is not here; delete those that you will not resume: {paths}"
        )
    return lines


def _stages_report(study: Study) -> str:
    """Return the runs made and the next command of a study whose runs DVC publishes. The command gets the data too.

    A tuning run recorded in tuning.csv counts as made, whichever machine made it.
    """
    counts, next_command = [], "dvc repro"
    for profile in [name for name in ("standard", "full", "tuning") if name in study.profiles]:
        runs = study.runs(profile)
        recorded = recorded_runs(study) if profile == "tuning" else set()
        there = sum(run in recorded or (places.published_to(study, run) / "run.json").is_file() for run in runs)
        counts.append(f"{profile} {there} of {len(runs)}")
        if there < len(runs) and next_command == "dvc repro" and profile != "standard":
            next_command = f"python -m reproduce train {study.study} --profile {profile}"
        elif there < len(runs):
            break  # DVC trains the missing runs of standard
    return f"{study.study}: runs made: {', '.join(counts)}; any machine can make them\n  next: {next_command}"


def _external_report(study: Study, device: torch.device) -> str:
    finished = [run for run in study.publishable_runs() if (places.trained_to(study, run) / "run.json").is_file()]
    published = [run for run in study.publishable_runs() if places.published_to(study, run).is_dir()]
    lines = [f"{study.study}: {len(published)} of {len(study.publishable_runs())} runs are published"]
    data, next_command = _data_state(DATASETS[study.dataset])
    lines += [f"  data: {line}" for line in data]
    lines.append(f"  device: {_device_state(study, device)}")
    waiting = [run for run in finished if run not in published]
    if next_command is None:
        next_command = _next_run(study, waiting, published)
    return "\n".join([*lines, f"  next: {next_command}"])


def _next_run(study: Study, waiting: list[RunId], published: list[RunId]) -> str:
    if waiting:
        return f"python -m reproduce publish {study.study}    ({len(waiting)} finished runs wait)"
    profile = "standard" if "standard" in study.profiles else "full"
    missing = [run for run in study.runs(profile) if run not in published]
    if missing:
        return f"python -m reproduce train {study.study} {missing[0].variant} --profile {profile}"
    return "python -m reproduce collect"


def _data_state(dataset: Dataset) -> tuple[list[str], str | None]:
    """Return the state of the data in words, and the next command to get them (None if they are ready)."""
    folder, command, edition = dataset.folder(), dataset.command, dataset.edition
    shown = relative_to_repo(folder)
    if edition is None:
        return ([f"in {shown}"], None) if folder.is_dir() else ([f"{dataset.title} is not there"], command)
    if (folder / "manifest.json").is_file():
        if (dataset.statistics_folder() / "manifest.json").is_file():
            return [f"packed in {shown}"], None
        return [f"packed in {shown}, statistics missing"], command
    space, is_enough = _space(edition, folder)
    lines = [f"{edition.title} is not packed ({shown} has no manifest.json)", space]
    named, settings = os.environ.get(edition.variable), []
    if named:
        try:
            found = survey_source(Path(named).expanduser(), edition, dataset.subset)
            lines += [f"found for {line}" for line in found]
        except ReproduceError as error:
            lines.append(f"{edition.variable}={named} cannot be used: {error}")
            settings.append(f"{edition.variable}=FOLDER")
    else:
        lines.append(f"{edition.variable} is not set; image-net.org gives registered users the {_wanted(edition)}")
        settings.append(f"{edition.variable}=FOLDER")
    if not is_enough:
        settings.append(f"{PACKED_VARIABLE}=FOLDER_ON_A_LARGER_DISK")
    return lines, f"export {' '.join(settings)}; {command}" if settings else command


def _wanted(edition: Edition) -> str:
    archives = ", ".join(edition.archive(split) for split in edition.images)
    return f"archives ({archives}) and {told_by(edition)}"


def _space(edition: Edition, folder: Path) -> tuple[str, bool]:
    """Return in words the space that packing takes and the free space, and whether there is enough to finish."""
    needed = sum(edition.images.values()) * IMAGE_BYTES
    packed = sum(path.stat().st_size for path in folder.glob("*/shard-*.npy"))
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    free = shutil.disk_usage(existing).free
    disk = f"the disk of {relative_to_repo(existing)} has {free / 1e9:,.0f} GB free"
    return f"packed images take {needed / 1e9:,.0f} GB, {disk}", needed - packed <= free


def _device_state(study: Study, device: torch.device) -> str:
    """Return in words whether memory suffices for the study's first network, and the command that estimates a run."""
    variant = next((variant for variant in study.variants.values() if isinstance(variant, Variant)), None)
    if variant is None:
        return "features are computed on the processor; how long that takes here is not estimated"
    needed = training_bytes(variant.network_spec(), variant.batch_size) / 2**30
    if device.type == "cuda":
        has = torch.cuda.get_device_properties(0).total_memory / 2**30
    else:
        has = psutil.virtual_memory().total / 2**30
    return (
        f"a batch of {variant.batch_size} takes about {needed:.1f} GiB of memory (estimate), {has:.0f} GiB are there; "
        "`python -m reproduce estimate` says how long a run takes"
    )


def training_bytes(spec: NetworkSpec, batch_size: int) -> int:
    """Return an estimate of the memory that training takes, in bytes.

    Counted are weights, their gradients and velocities, and every layer's outputs with their gradients, all float32.
    The libraries' own memory is not counted.
    """
    outputs = sum(row.outputs for row in count_layers(spec))
    return 4 * (3 * total_parameters(spec) + 2 * batch_size * outputs)
