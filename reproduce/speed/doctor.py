"""``python -m reproduce doctor``: the studies this machine can run, its lacks for the others, and the next commands."""

import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
import torch
from torch.nn import functional

from reproduce.base.errors import ReproduceError
from reproduce.base.git import git_problem
from reproduce.base.hardware import has_native_bf16
from reproduce.base.paths import REPO_ROOT, relative_to_repo
from reproduce.base.provenance import machine_fingerprint
from reproduce.data.ilsvrc.editions import PACKED_VARIABLE, Edition
from reproduce.data.ilsvrc.pack import IMAGE_BYTES
from reproduce.data.ilsvrc.sources import survey_source, told_by
from reproduce.data.registry import DATASETS
from reproduce.models.counts import count_layers, total_parameters
from reproduce.models.network import Network, StepDraw
from reproduce.models.spec import NetworkSpec
from reproduce.runs import places
from reproduce.runs.tuning import recorded_runs
from reproduce.study.run_id import RunId
from reproduce.study.study import Study
from reproduce.study.variant import Phase, Variant
from reproduce.train.update import MomentumUpdate

DVC_WITHOUT_GIT = "dvc config --local core.no_scm true"
_SECONDS_A_DAY = 86_400
_IMAGES_A_PASS = {"cuda": 128, "cpu": 8}
_NEXT_TO_NO_CHANGE = Phase(epochs=1, training_files=[1], weight_rate_factor=1e-6)  # at 0 the update does nothing


def examine(studies: Sequence[Study]) -> str:
    """Return the report on this machine and every study.

    It needs no data and no GPU, and takes a few seconds. Counting the files of unpacked images takes longer on a slow
    disk.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    external = [study for study in studies if study.is_published_by_hand]
    parts = [_machine(device)]
    parts += [_stages_report(study) for study in studies if study.is_trained_by_stages]
    nets = [net for net in map(_first_net, external) if net is not None]
    speed = images_per_second(nets[0].network_spec(), device) if nets else None
    parts += [_external_report(study, device, speed) for study in external]
    return "\n\n".join(parts)


def _first_net(study: Study) -> Variant | None:
    """Return the study's first network; None where its variants are encoders."""
    return next((variant for variant in study.variants.values() if isinstance(variant, Variant)), None)


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


def _stages_report(study: Study) -> str:
    """Return the needs of a study whose runs DVC publishes; its command gets the data too.

    A tuning run that tuning.csv records counts as made, on whatever machine.
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


def _external_report(study: Study, device: torch.device, speed: float | None) -> str:
    edition = DATASETS[study.dataset].edition
    finished = [run for run in study.publishable_runs() if (places.trained_to(study, run) / "run.json").is_file()]
    published = [run for run in study.publishable_runs() if places.published_to(study, run).is_dir()]
    lines = [f"{study.study}: {len(published)} of {len(study.publishable_runs())} runs are published"]
    data, next_command = _data_state(study, edition)
    lines += [f"  data: {line}" for line in data]
    lines += [f"  device: {line}" for line in _device_state(study, edition, device, speed)]
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


def _data_state(study: Study, edition: Edition) -> tuple[list[str], str | None]:
    """Return the state of the data in words, and their next command (None where they are ready)."""
    dataset = DATASETS[study.dataset]
    folder, command = dataset.folder(), dataset.command
    shown = relative_to_repo(folder)
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
    """Return the space that packing takes and the disk has, and whether it suffices; existing shards are counted."""
    needed = sum(edition.images.values()) * IMAGE_BYTES
    packed = sum(path.stat().st_size for path in folder.glob("*/shard-*.npy"))
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    free = shutil.disk_usage(existing).free
    disk = f"the disk of {relative_to_repo(existing)} has {free / 1e9:,.0f} GB free"
    return f"packed images take {needed / 1e9:,.0f} GB, {disk}", needed - packed <= free


def _device_state(study: Study, edition: Edition, device: torch.device, speed: float | None) -> list[str]:
    """Return whether memory suffices, and the estimated time of one run and of the standard profile."""
    variant = _first_net(study)
    if variant is None:
        return ["features are computed on the processor; how long that takes here is not estimated"]
    needed = training_bytes(variant.network_spec(), variant.batch_size) / 2**30
    if device.type == "cuda":
        has = torch.cuda.get_device_properties(0).total_memory / 2**30
    else:
        has = psutil.virtual_memory().total / 2**30
    lines = [
        f"a batch of {variant.batch_size} takes about {needed:.1f} GiB of memory (estimate), {has:.0f} GiB are there"
    ]
    if speed is None:
        return [*lines, "too little memory to time a step"]
    images = edition.images["train"]
    one, *every = (
        epochs * images / speed / _SECONDS_A_DAY
        for epochs in (variant.full_epochs(), *(run.epochs for run in study.runs("standard")))
    )
    where = "this GPU" if device.type == "cuda" else "this processor; a GPU is needed in practice"
    busy = ", on a machine that is busy" if os.getloadavg()[0] > 0.5 * (os.cpu_count() or 1) else ""
    lines.append(
        f"about {_figure(one)} days a run, {_figure(sum(every))} for the {len(every)} of the standard profile, "
        f"on {where} (estimate from one step timed just now{busy}: {_figure(speed)} images/s, reading not included)"
    )
    return lines


def _figure(value: float) -> str:
    return f"{value:.1f}" if value < 10 else f"{value:,.0f}"


def training_bytes(spec: NetworkSpec, batch_size: int) -> int:
    """Return an estimate of the memory that training takes, in bytes.

    Weights, their gradients and velocities, and every layer's outputs with their gradients, all float32; the libraries'
    own memory comes on top.
    """
    outputs = sum(row.outputs for row in count_layers(spec))
    return 4 * (3 * total_parameters(spec) + 2 * batch_size * outputs)


def images_per_second(spec: NetworkSpec, device: torch.device, batch_size: int = 128) -> float | None:
    """Return the speed of training on made-up images, from one step; None where memory is too small.

    A step is one update after some passes. On a CPU it is one pass of a few images, to be quick. Reading images is not
    included.
    """
    images = _IMAGES_A_PASS[device.type]
    try:
        network = Network(spec, seed=1).to(device)
        update = MomentumUpdate(network, momentum=0.9)
        pixels = torch.zeros(images, spec.input.channels, spec.input.size, spec.input.size, device=device)
        labels = torch.zeros(images, dtype=torch.int64, device=device)
        for step in range(2):  # the first also allocates and chooses kernels
            network.zero_grad()
            started = _now(device)
            functional.cross_entropy(network(pixels, StepDraw(1, step, images)), labels).backward()
            passed = _now(device)
            update.step([p.grad for p in update.parameters], _NEXT_TO_NO_CHANGE)
            updated = _now(device)
    except (MemoryError, torch.OutOfMemoryError):
        return None
    return batch_size / ((passed - started) * batch_size / images + updated - passed)


def _now(device: torch.device) -> float:
    """Return the time in seconds, once the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()
