"""From samples to rows: the columns of results/timing/<machine>.csv, and writing and reading the files."""

import math
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from reproduce.base.errors import ReproduceError
from reproduce.base.files import write_text
from reproduce.base.paths import RESULTS, relative_to_repo
from reproduce.base.tables import read_csv
from reproduce.speed.measure import own_file, slug
from reproduce.speed.timing.cells import (
    LAYERS,
    MATRIX_MULTIPLY,
    MEMORY_COPY,
    RECIPE_BATCH,
    TRAINING_STEP,
    Cell,
    Sample,
    Scope,
    flops,
    known_spec,
    layer_work,
    type_of,
)

TIMING_FOLDER = RESULTS / "timing"
GPU_SEPARATOR = " + "  # between the names of a machine's GPUs

# A column that does not apply is empty; units are in the names. results/README.md explains each.
_MACHINE = ["cpu", "cores", "gpu", "features", "memory_gib", "os", "torch", "python", "compiled_kernels"]
_RUN = ["git_commit", "git_dirty", "started_utc", "finished_utc", "load_average_before", "load_average_after"]
_RUN += ["other_work_percent", "loaded", "budget_seconds"]
_CELL = ["device", "device_name", "precision", "threads", "network", "what", "layer", "batch_size"]
_TIMES = ["rounds", "calls_per_round", "ms_median", "ms_min", "ms_max", "ms_by_round", "images_per_second"]
_WORK = ["gflop", "gbyte", "gflop_per_second", "gbyte_per_second", "skipped"]
COLUMNS = [*_MACHINE, *_RUN, *_CELL, *_TIMES, *_WORK]
DERIVED_COLUMNS = ["percent_of_matrix_product", "uneven_percent"]  # computed from a file's rows when it is read
TEXT_COLUMNS = ["cpu", "gpu", "features", "os", "torch", "python", "git_commit", "started_utc", "finished_utc"]
TEXT_COLUMNS += ["device", "device_name", "precision", "network", "what", "layer", "ms_by_round", "skipped"]


def cell_rows(cell: Cell, scope: Scope, samples: Sequence[Sample], calls: int) -> list[dict[str, Any]]:
    """Return the rows of one cell: one, or for ``layers`` one for every layer's pass.

    Args:
        cell: what was timed.
        scope: of the run; it gives the sizes of the ceilings.
        samples: one per round.
        calls: the number of calls whose mean each sample is.
    """
    return [_row(cell, scope, key, [sample[key] for sample in samples], calls) for key in samples[0]]


def _row(cell: Cell, scope: Scope, key: tuple[str, str], seconds: list[float], calls: int) -> dict[str, Any]:
    what, layer = key
    operations, moved = _work(cell, scope, key)
    middle = statistics.median(seconds)
    whole = what not in (MATRIX_MULTIPLY, MEMORY_COPY) and cell.what != LAYERS
    return {
        **cell_columns(cell),
        "what": what,
        "layer": layer,
        "rounds": len(seconds),
        "calls_per_round": calls,
        "ms_median": 1e3 * middle,
        "ms_min": 1e3 * min(seconds),
        "ms_max": 1e3 * max(seconds),
        "ms_by_round": ";".join(f"{1e3 * each:.5g}" for each in seconds),
        "images_per_second": cell.batch_size / middle if whole else None,
        "gflop": operations / 1e9 or None,
        "gbyte": moved / 1e9 or None,
        "gflop_per_second": operations / 1e9 / middle or None,
        "gbyte_per_second": moved / 1e9 / middle or None,
    }


def _work(cell: Cell, scope: Scope, key: tuple[str, str]) -> tuple[float, float]:
    if cell.what == LAYERS:
        network = known_spec(cell.network)
        return layer_work(network, cell.batch_size, cell.setting.precision).get(key, (0.0, 0.0))
    if cell.what == MEMORY_COPY:
        return 0.0, 2.0 * scope.copy_bytes[type_of(cell.setting.device)]  # every byte is read and written
    return flops(cell), 0.0


def cell_columns(cell: Cell) -> dict[str, Any]:
    """Return the columns that say what a cell is."""
    return {
        "device": cell.setting.device,
        "device_name": None if type_of(cell.setting.device) == "cpu" else _name_of(cell.setting.device),
        "precision": cell.setting.precision,
        "threads": cell.setting.threads,
        "network": cell.network,
        "what": cell.what,
        "batch_size": cell.batch_size or None,
    }


def _name_of(device: str) -> str:
    import torch  # imported here, since readers of committed timings need no torch

    return torch.cuda.get_device_name(torch.device(device))


def with_shares(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one machine's rows with the columns that follow from its matrix products.

    ``percent_of_matrix_product``: operations per second, divided by those of the fastest round of the fastest product
    at the same setting. ``uneven_percent``: the largest excess of any product's slowest round over its fastest on the
    device, at all threads. A large one shows that other guests use a shared machine, even if the load average does not.
    """
    products = frame[frame["what"].eq(MATRIX_MULTIPLY)]
    speeds = products.assign(fastest=1e3 * products["gflop"] / products["ms_min"])
    setting = ["device", "precision", "threads"]
    peaks = speeds.groupby(setting)["fastest"].max().reindex(pd.MultiIndex.from_frame(frame[setting]))
    full = products[products["threads"].eq(frame["threads"].max())]
    uneven = (100 * (full["ms_max"] / full["ms_min"] - 1)).groupby(full["device"]).max()
    shares = 100 * frame["gflop_per_second"] / peaks.to_numpy()
    return frame.assign(percent_of_matrix_product=shares, uneven_percent=frame["device"].map(uneven))


def write_rows(rows: Sequence[Mapping[str, Any]], facts: Mapping[str, Any], folder: Path) -> Path:
    """Write the rows of one machine to its own file in ``folder``, whole or not at all; return the path.

    Args:
        rows: from ``cell_rows``, and those of skipped cells.
        facts: machine and run, the same in every row.
        folder: of all machines' files; those of others stay.

    Raises:
        ReproduceError: the folder is not writable, or a file of this machine's name is no timing.
    """
    frame = pd.DataFrame([{**facts, **row} for row in rows]).reindex(columns=COLUMNS)
    numbers = [name for name in COLUMNS if name not in TEXT_COLUMNS]
    frame = frame.astype(dict.fromkeys(numbers, "float64"))
    for name in numbers:
        frame[name] = ["" if math.isnan(value) else f"{value:.6g}" for value in frame[name]]
    path = machine_file(facts, folder)
    write_text(path, frame.to_csv(index=False, lineterminator="\n"))
    return path


def machine_file(machine: Mapping[str, Any], folder: Path) -> Path:
    """Return the file for the rows of ``machine``, which its processor, cores, GPU and torch determine."""
    alike = Counter(machine["gpu"].split(GPU_SEPARATOR) if machine["gpu"] else [])
    gpu = [f"{count} x {name}" if count > 1 else name for name, count in alike.items()]
    stem = slug(machine["cpu"], machine["cores"], "cores", *gpu, "torch", str(machine["torch"]).split("+")[0])
    return own_file(folder, stem, ".csv", machine, read_machine)


def read_machine(path: Path) -> dict[str, Any]:
    """Return the machine whose timings a file holds."""
    first = read_rows(path).iloc[0]
    row = {name: None if pd.isna(first[name]) else first[name] for name in ("cpu", "cores", "gpu", "os", "features")}
    return {**row, "memory_gib": float(first["memory_gib"])}  # NaN is refused where the file is read


def read_rows(path: Path) -> pd.DataFrame:
    """Return one machine's rows, with ``machine`` (the file's name without its ending) and ``with_shares``.

    Raises:
        ReproduceError: the file cannot be read, lacks a column or has no rows.
    """
    frame = read_csv(path, COLUMNS, dtype=dict.fromkeys(TEXT_COLUMNS, "object"))
    if frame.empty:
        raise ReproduceError(f"{relative_to_repo(path)} has no rows; restore it with git")
    return with_shares(frame).assign(machine=path.stem, loaded=frame["loaded"].astype(bool))


def read_all(folder: Path = TIMING_FOLDER) -> pd.DataFrame:
    """Return the rows of every machine's file in ``folder``, by file name; empty where there are none."""
    frames = [read_rows(path) for path in sorted(folder.glob("*.csv"))]
    if not frames:
        return pd.DataFrame(columns=["machine", *COLUMNS, *DERIVED_COLUMNS])
    return pd.concat(frames, ignore_index=True)[["machine", *COLUMNS, *DERIVED_COLUMNS]]


def training_steps(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one timed training step per network and setting, at the recipes' batch size or the nearest below."""
    steps = frame[frame["what"].eq(TRAINING_STEP) & frame["ms_median"].notna() & frame["batch_size"].le(RECIPE_BATCH)]
    keys = ["machine", "device", "precision", "threads", "network"]
    return steps.sort_values("batch_size", kind="stable").drop_duplicates(keys, keep="last").sort_index()
