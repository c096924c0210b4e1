"""The cost model: operations and bytes of training AlexNet, and its days, extrapolated, published or estimated.

Three kinds of evidence are never mixed in a row. ``extrapolated``: from updates timed here. ``published``: printed by
others for their machine. ``estimated``: operations over an assumed share of a published peak, plus bytes over the
published bandwidth.

The middle of every fp32 estimate is calibrated: it assumes the share of the peak at which two GTX 580 take the paper's
own five to six days. So the middles compare other machines with two GTX 580. They do not test whether the days are
right.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from reproduce.base.errors import ReproduceError
from reproduce.base.paths import PAPER_NOTES, relative_to_repo
from reproduce.base.tables import read_csv
from reproduce.data.ilsvrc.editions import EDITIONS
from reproduce.models.counts import total_parameters, training_flops_per_image
from reproduce.models.spec import NetworkSpec
from reproduce.speed.measure import uneven_words
from reproduce.speed.timing.cells import RECIPE_BATCH, known_spec, layer_work
from reproduce.speed.timing.timing_rows import training_steps

NETWORK = "alexnet_paper"
EPOCHS = 90  # paper, section 5: roughly 90 cycles through the training set
TRAINING_IMAGES = EDITIONS[2012].images["train"]
SECONDS_A_DAY = 86_400
HARDWARE_CSV = PAPER_NOTES / "hardware.csv"
PUBLISHED_CSV = PAPER_NOTES / "published_speeds.csv"
EXTRAPOLATED, PUBLISHED, ESTIMATED = "extrapolated", "published", "estimated"

_UPDATE_ACCESSES = 5  # of four bytes a parameter: gradient, velocity and weight read, velocity and weight written
_BEFORE_TENSOR_CORES = "fp32"
_DAYS_IN_2012 = 5.5  # on two GTX 580: paper, section 1, five to six days
_THEIR_GPU = "GeForce GTX 580"
_CALIBRATED = f"middle: calibrated on the paper's {_DAYS_IN_2012} days on two GTX 580"


@dataclass(frozen=True)
class ShareOfPeak:
    """The share of its published peak that training is assumed to reach, with the reason."""

    low: float
    mid: float
    high: float
    why: str


def share_of_two_gtx_580(hardware: pd.DataFrame) -> float:
    """Return the share of two GTX 580s' peak at which the model gives the paper's days.

    No other share is known of the code of 2012.

    Raises:
        ReproduceError: ``hardware`` has no GTX 580.
    """
    devices = hardware.set_index("device")
    if _THEIR_GPU not in devices.index:
        raise ReproduceError(f"{relative_to_repo(HARDWARE_CSV)} has no {_THEIR_GPU!r}; restore it with git")
    gpu, network = devices.loc[_THEIR_GPU], known_spec(NETWORK)
    step_seconds = _DAYS_IN_2012 * SECONDS_A_DAY * RECIPE_BATCH / (EPOCHS * TRAINING_IMAGES)
    memory = training_bytes_per_step(network, RECIPE_BATCH, "fp32") / (2e9 * gpu["bandwidth_gb_per_s"])
    arithmetic = RECIPE_BATCH * training_flops_per_image(network) / (2e9 * gpu["peak_fp32_gflops"])
    return arithmetic / (step_seconds - memory)


def shares_assumed(kind: str, precision: str, hardware: pd.DataFrame) -> ShareOfPeak:
    """Return the share of the peak that is assumed for ``cpu`` or ``gpu`` in a precision."""
    in_2012 = share_of_two_gtx_580(hardware)
    if kind == "cpu":
        why = f"10 % compiled loops, 80 % a tuned matrix product; {_CALIBRATED}"
        return ShareOfPeak(0.1, in_2012, 0.8, why)
    if precision == _BEFORE_TENSOR_CORES:
        return ShareOfPeak(0.15, in_2012, 0.6, f"15 to 60 %; {_CALIBRATED}")
    return ShareOfPeak(0.05, 0.2, 0.5, "5 to 50 %: AlexNet's matrices are small for units of this speed")


def training_bytes_per_step(network: NetworkSpec, batch_size: int, precision: str) -> float:
    """Return the least bytes that one update moves: every layer's passes (``layer_work``) and the float32 update."""
    passes = sum(moved for _, moved in layer_work(network, batch_size, precision).values())
    return passes + _UPDATE_ACCESSES * 4.0 * total_parameters(network)


def days_at(images_per_second: float) -> float:
    """Return the days of the whole training at a constant speed."""
    return EPOCHS * TRAINING_IMAGES / images_per_second / SECONDS_A_DAY


def estimated_images_per_second(share: float, peak_gflops: float, bandwidth_gb_per_s: float, precision: str) -> float:
    """Return the speed of the paper's network in batches of 128 when arithmetic and memory traffic follow one another.

    Args:
        share: of the peak that the arithmetic reaches.
        peak_gflops: published, in ``precision``.
        bandwidth_gb_per_s: published.
        precision: of activations and their gradients.
    """
    network = known_spec(NETWORK)
    arithmetic = RECIPE_BATCH * training_flops_per_image(network) / (share * peak_gflops * 1e9)
    memory = training_bytes_per_step(network, RECIPE_BATCH, precision) / (bandwidth_gb_per_s * 1e9)
    return RECIPE_BATCH / (arithmetic + memory)


def training_days(timing: pd.DataFrame, hardware: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Return the days of training AlexNet by machine, with the kind of evidence and its uncertainty.

    Args:
        timing: from ``timing_rows.read_all``; days of its machines are extrapolated.
        hardware: from ``load_hardware``; days of its machines are estimated.
        published: from ``load_published``.

    Returns:
        one row per machine and precision: ``days_low`` <= ``days_mid`` <= ``days_high``. Extrapolated: fastest, median
        and slowest round. Published: as printed, with the middle between. Estimated: the highest, middle and lowest
        share. The paper's days calibrate every middle in fp32, so two GTX 580 have theirs by definition.
    """
    rows = [*_extrapolated_days(timing), *_published_days(published), *_estimated_days(hardware)]
    return pd.DataFrame(rows).reset_index(drop=True)


def _extrapolated_days(timing: pd.DataFrame) -> list[dict[str, Any]]:
    steps = training_steps(timing)
    all_threads = steps["threads"].eq(steps.groupby("machine")["threads"].transform("max"))
    steps = steps[steps["network"].eq(NETWORK) & all_threads]
    rows = []
    for step in steps.itertuples():
        on_cpu = step.device == "cpu"
        calls = f"{step.rounds:.0f} rounds of {step.calls_per_round:.0f} steps of {step.batch_size:.0f} images"
        basis = "; ".join(filter(None, (calls, uneven_words(step.uneven_percent))))
        name = f"{step.cpu}, {step.cores:.0f} cores" if on_cpu else str(step.device_name)
        if step.batch_size != RECIPE_BATCH:  # an update's fixed cost weighs more in a smaller batch
            name += f", batches of {step.batch_size:.0f}"
        days = [days_at(1e3 * step.batch_size / ms) for ms in (step.ms_min, step.ms_median, step.ms_max)]
        rows.append(
            _days_row(name, str(step.started_utc)[:4], "cpu" if on_cpu else "gpu", EXTRAPOLATED, days)
            | {
                "machine": step.machine,
                "device": step.device,
                "precision": step.precision,
                "threads": step.threads if on_cpu else None,
                "loaded": bool(step.loaded),
                "timed_steps": step.rounds * step.calls_per_round,
                "basis": basis,
                "source": f"results/timing/{step.machine}.csv",
            }
        )
    return rows


def _published_days(published: pd.DataFrame) -> list[dict[str, Any]]:
    rows = []
    for row in published.itertuples():
        low, high = (row.days_low, row.days_high) if pd.notna(row.days_low) else [days_at(row.images_per_second)] * 2
        share = 1 if pd.isna(row.epochs) else EPOCHS / row.epochs
        days = [share * each for each in (low, (low + high) / 2, high)]
        extra = {"precision": "fp32", "basis": row.note, "source": f"{row.source} ({row.verified})"}
        rows.append(_days_row(row.system, row.year, row.kind, PUBLISHED, days) | extra)
    return rows


def _estimated_days(hardware: pd.DataFrame) -> list[dict[str, Any]]:
    rows = []
    for row in _with_two_gtx_580(hardware).itertuples():
        for precision, peak in (("fp32", row.peak_fp32_gflops), ("bf16", row.peak_bf16_gflops)):
            if pd.isna(peak):
                continue
            assumed = shares_assumed(row.kind, precision, hardware)
            shares = assumed.high, assumed.mid, assumed.low
            bandwidth = row.bandwidth_gb_per_s
            days = [days_at(estimated_images_per_second(share, peak, bandwidth, precision)) for share in shares]
            percents = {f"share_of_peak_percent_{at}": 100 * getattr(assumed, at) for at in ("low", "mid", "high")}
            extra = {"precision": precision, **percents, "basis": f"{peak:g} GFLOP/s x {assumed.why}"}
            extra |= {"peak_gflops": peak, "bandwidth_gb_per_s": bandwidth}
            source = {"source": f"paper_notes/hardware.csv ({row.verified})"}
            rows.append(_days_row(row.device, row.year, row.kind, ESTIMATED, days) | extra | source)
    return rows


def _with_two_gtx_580(hardware: pd.DataFrame) -> pd.DataFrame:
    """Return the devices with the paper's pair before the single GPU: twice its peak and bandwidth, no loss."""
    pair = hardware[hardware["device"].eq(_THEIR_GPU)]
    figures = ["peak_fp32_gflops", "bandwidth_gb_per_s"]
    pair = pair.assign(device=f"2 x {_THEIR_GPU} (middle by definition)", **{name: 2 * pair[name] for name in figures})
    return pd.concat([pair, hardware], ignore_index=True)


def _days_row(system: str, year: Any, kind: str, evidence: str, days: list[float]) -> dict[str, Any]:
    head = {"system": system, "year": int(year), "kind": kind, "evidence": evidence, "machine": None}
    head |= {"device": None, "precision": None, "threads": None}
    speeds = [days_at(each) for each in reversed(days)]  # ``days_at`` is its own inverse
    figures = dict(zip(("days_low", "days_mid", "days_high"), days, strict=True))
    figures |= dict(zip((f"images_per_second_{at}" for at in ("low", "mid", "high")), speeds, strict=True))
    shares = {f"share_of_peak_percent_{at}": None for at in ("low", "mid", "high")}
    shares |= {"peak_gflops": None, "bandwidth_gb_per_s": None}
    return head | figures | shares | {"loaded": None, "timed_steps": None, "basis": "", "source": ""}


def load_hardware() -> pd.DataFrame:
    """Read the sourced table of devices.

    Raises:
        ReproduceError: the table cannot be read, or a row lacks a figure, a kind or a source.
    """
    needed = ["device", "year", "kind", "peak_fp32_gflops", "bandwidth_gb_per_s", "source", "verified"]
    return _filled(read_csv(HARDWARE_CSV, [*needed, "peak_bf16_gflops"]), needed, HARDWARE_CSV)


def load_published() -> pd.DataFrame:
    """Read the sourced table of training times and speeds that others printed.

    Raises:
        ReproduceError: the table cannot be read, or a row lacks its system, kind or source.
    """
    needed = ["system", "year", "kind", "note", "source", "verified"]
    table = read_csv(PUBLISHED_CSV, [*needed, "days_low", "days_high", "epochs", "images_per_second"])
    return _filled(table, needed, PUBLISHED_CSV)


def _filled(frame: pd.DataFrame, columns: list[str], path: Path) -> pd.DataFrame:
    for name in columns:
        if frame[name].isna().any():
            row = frame.index[frame[name].isna()][0] + 2
            raise ReproduceError(f"{relative_to_repo(path)}, line {row}: {name} is empty; fill it in")
    return frame
