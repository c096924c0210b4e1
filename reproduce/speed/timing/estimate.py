"""``python -m reproduce estimate``: this machine's place between 2012 and now, and each study's time here.

Speeds are those of this machine's file in results/timing where there is one, else of a measurement of 20 seconds.
"""

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from reproduce.base.errors import ReproduceError
from reproduce.base.paths import relative_to_repo
from reproduce.base.progress import format_duration
from reproduce.base.temporaries import TemporaryFolder
from reproduce.data.ilsvrc.training import TRAINING_IMAGES_TESTED
from reproduce.data.registry import DATASETS
from reproduce.models.counts import training_flops_per_image
from reproduce.models.spec import NasnetCell, NetworkSpec
from reproduce.speed.timing import cells, cost
from reproduce.speed.timing.budget import NASNET_SHARE
from reproduce.speed.timing.cells import FORWARD, NETWORK_INPUT, TRAINING_STEP, known_spec
from reproduce.speed.timing.run import facts_of_machine, time_here
from reproduce.speed.timing.timing_rows import TIMING_FOLDER, machine_file, read_rows, training_steps, write_rows
from reproduce.study.feature_variant import FeatureVariant
from reproduce.study.operations import images_trained_on
from reproduce.study.run_id import RunId
from reproduce.study.study import Study
from reproduce.study.variant import Phase, Variant


class Sizes(NamedTuple):
    """Counts of a data set: training images and their files, test images, and images evaluated every epoch."""

    training: int
    files: int
    test: int
    every_epoch: int


@dataclass(frozen=True)
class Speeds:
    """Measured seconds per image on one device; ``source`` names the measurement in words."""

    rows: pd.DataFrame
    device: str
    source: str

    def seconds_per_image(self, what: str, name: str, network: NetworkSpec, precision: str) -> float:
        """Return the seconds of one image in ``what`` (training_step, forward or network_input).

        A network that was not timed takes the time of the nearest timed one, in proportion to the operations. NASNet's
        cells are assumed to take four times as long for each (``NASNET_SHARE``). A precision that this device lacks
        takes the time of fp32.

        Raises:
            ReproduceError: nothing of this kind was timed on the device.
        """
        rows = self.rows[self.rows["what"].eq(what) & self.rows["device"].eq(self.device)]
        rows = rows[rows["precision"].eq(precision if precision in set(rows["precision"]) else "fp32")]
        if rows.empty:
            raise ReproduceError(
                f"no {what} was timed on {self.device} ({self.source}), so nothing can be estimated; "
                "run `python -m reproduce time` on a machine with nothing else to do"
            )
        operations = training_flops_per_image(network)
        distance = [self._distance(each, name, operations) for each in rows["network"]]
        row = rows.iloc[distance.index(min(distance))]
        milliseconds = row["ms_median"] / row["batch_size"]
        if what != NETWORK_INPUT:
            milliseconds *= operations / training_flops_per_image(known_spec(row["network"])) / _share_of_speed(network)
        return milliseconds / 1e3

    @staticmethod
    def _distance(timed: str, name: str, operations: int) -> float:
        return -1.0 if timed == name else abs(math.log(operations / training_flops_per_image(known_spec(timed))))


def _share_of_speed(network: NetworkSpec) -> float:
    """Return the share of the timed networks' speed in operations a second that a network not among them reaches."""
    return NASNET_SHARE if any(isinstance(layer, NasnetCell) for layer in network.layers) else 1.0


def speeds_here(folder: Path = TIMING_FOLDER, device: str | None = None, scope: cells.Scope = cells.ESTIMATE) -> Speeds:
    """Return this machine's speeds: those of its file in ``folder``, else of a short measurement.

    Args:
        folder: of all machines' files.
        device: by default the first GPU, or else the CPU, as ``--device auto`` of ``train``.
        scope: the scope of the timing where there is no file.
    """
    devices = cells.devices_present()
    path = machine_file(facts_of_machine(devices), folder)
    if path.exists():
        rows = read_rows(path)
        source = f"timed on {rows['started_utc'].iloc[0][:10]}, {relative_to_repo(path)}"
    else:
        rows = _measured_now(scope, devices)
        source = f"measured just now in {scope.budget_seconds:.0f} s; `python -m reproduce time` measures better"
    busy = "; the machine was busy, so it can do better" if rows["loaded"].any() else ""
    return Speeds(_at_all_threads(rows), device or devices[min(1, len(devices) - 1)], source + busy)


def _measured_now(scope: cells.Scope, devices: Sequence[str]) -> pd.DataFrame:
    with TemporaryFolder("reproduce-estimate-") as folder:
        rows, facts = time_here(scope, devices)
        return read_rows(write_rows(rows, facts, Path(folder)))


def _at_all_threads(rows: pd.DataFrame) -> pd.DataFrame:
    rows = rows[rows["threads"].eq(rows["threads"].max()) & rows["ms_median"].notna()]
    others = rows[rows["what"].isin([FORWARD, NETWORK_INPUT]) & rows["network"].ne(cells.NASNET)]
    return pd.concat([training_steps(rows), others])


def run_seconds(variant: Variant, epochs: int, dataset: str, speeds: Speeds) -> float:
    """Return the seconds one run of ``variant`` would take: training, with its input, and all evaluations.

    Images in memory become input on the device, before each step. Packed images are read ahead in threads: beside a
    GPU the slower of the two decides, while on the CPU both take from the same cores, and their times add up.

    Args:
        variant: what is trained.
        epochs: length of the schedule.
        dataset: its name; no subset, whose sizes are the user's.
        speeds: of the machine.
    """
    sizes = _sizes(variant, dataset)
    network, phases = variant.network_spec(), variant.scaled_phases(epochs)
    name = variant.network

    is_packed = DATASETS[dataset].edition is not None
    read_ahead = is_packed and speeds.device != "cpu"  # a CPU that trains shares its cores with reading

    def seconds(what: str) -> float:
        computed, made = (
            speeds.seconds_per_image(each, name, network, variant.precision) for each in (what, NETWORK_INPUT)
        )
        return max(computed, made) if read_ahead else computed + made

    per_file = sizes.training // sizes.files
    trained = images_trained_on(variant, epochs, dataset)
    views = 1 if variant.test_views == 1 else variant.test_views + 1  # the protocol's, and the center once more
    tested = views * sizes.test + variant.test_views * (variant.held_out_images or 0)
    at_the_end = tested + min(sizes.training, variant.evaluated_images or TRAINING_IMAGES_TESTED)
    evaluated = sum(phase.epochs * _evaluated(phase, per_file, sizes) for phase in phases) + at_the_end
    if "clean_training_error" in variant.diagnostics:  # every training image once more after its epoch, in test mode
        evaluated += trained
    return trained * seconds(TRAINING_STEP) + evaluated * seconds(FORWARD)


def _sizes(variant: Variant, dataset: str) -> Sizes:
    """Return the images that a variant reads of its data set."""
    known, most = DATASETS[dataset], variant.evaluated_images or sys.maxsize
    sizes = Sizes(known.training_images, known.training_files, known.test_images, known.images_watched)
    if variant.training_images is not None:
        sizes = sizes._replace(training=variant.training_images, files=1)
    if variant.held_out_images is not None:
        sizes = sizes._replace(every_epoch=variant.held_out_images)
    return sizes._replace(test=min(sizes.test, most), every_epoch=min(sizes.every_epoch, most))


def _evaluated(phase: Phase, per_file: int, sizes: Sizes) -> int:
    """Return the number of images evaluated after each epoch of a phase, held-out files included."""
    return sizes.every_epoch + (sizes.files - len(phase.training_files)) * per_file


def study_table(studies: Sequence[Study], speeds: Speeds) -> pd.DataFrame:
    """Return the time of every profile of every study, one run after another, and of its longest run.

    Where the variant of the longest run takes more than half of a profile's time, the time of all others is named.
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
    """Return days of AlexNet's training: this machine among the published and the estimated, slowest first."""
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


def days_words(days: float) -> str:
    """Return a number of days to two digits, below two days in hours, below two hours in minutes."""
    for amount, unit in ((days, "days"), (24 * days, "h")):
        if amount >= 2:
            return f"{_two_digits(amount)} {unit}"
    return f"{_two_digits(24 * 60 * days)} min"


def _two_digits(amount: float) -> str:
    return f"{float(f'{amount:.2g}'):g}"


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
