"""This machine's speeds, and the seconds that a run takes at them.

Speeds are read from this machine's file in results/timing, or measured in 20 seconds if there is no such file.
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
from reproduce.base.temporaries import TemporaryFolder
from reproduce.data.ilsvrc.training import TRAINING_IMAGES_TESTED
from reproduce.data.registry import DATASETS
from reproduce.models.counts import training_flops_per_image
from reproduce.models.spec import NasnetCell, NetworkSpec
from reproduce.speed.timing import cells
from reproduce.speed.timing.budget import NASNET_SHARE
from reproduce.speed.timing.cells import FORWARD, NETWORK_INPUT, TRAINING_STEP, known_spec
from reproduce.speed.timing.run import facts_of_machine, time_here
from reproduce.speed.timing.timing_rows import TIMING_FOLDER, machine_file, read_rows, training_steps, write_rows
from reproduce.study.operations import images_trained_on
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

        A network that was not timed gets the time of the timed network nearest in operations. The time of a training
        step or forward pass is scaled by the ratio of operations; that of a network input is not. An operation in
        NASNet's cells is assumed to take four times as long (``NASNET_SHARE``). For a precision that this device lacks,
        the time of fp32 is returned.

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
    """Return the operations per second that an untimed network is assumed to reach, as a share of a timed network's."""
    return NASNET_SHARE if any(isinstance(layer, NasnetCell) for layer in network.layers) else 1.0


def speeds_here(folder: Path = TIMING_FOLDER, device: str | None = None, scope: cells.Scope = cells.ESTIMATE) -> Speeds:
    """Return this machine's speeds, read from its file in ``folder`` or measured for a short time if it has none.

    Args:
        folder: of all machines' files.
        device: by default the first GPU, or else the CPU, as ``--device auto`` of ``train`` chooses.
        scope: the scope of the short measurement.
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

    Images in memory become input on the device before each step, so the times of input and step add up. Packed images
    are read ahead in threads. Beside a GPU the slower of reading and training decides. On a CPU both use the same
    cores, and their times add up.

    Args:
        variant: what is trained.
        epochs: length of the schedule.
        dataset: name of a data set; not of a subset, whose size the user chooses.
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
    views = 1 if variant.test_views == 1 else variant.test_views + 1  # the protocol's views, and the center once more
    tested = views * sizes.test + variant.test_views * (variant.held_out_images or 0)
    at_the_end = tested + min(sizes.training, variant.evaluated_images or TRAINING_IMAGES_TESTED)
    evaluated = sum(phase.epochs * _evaluated(phase, per_file, sizes) for phase in phases) + at_the_end
    if "clean_training_error" in variant.diagnostics:  # every training image once more after its epoch, in test mode
        evaluated += trained
    return trained * seconds(TRAINING_STEP) + evaluated * seconds(FORWARD)


def _sizes(variant: Variant, dataset: str) -> Sizes:
    """Return the numbers of images that a variant reads of its data set."""
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
