"""Tiny scopes for timing in tests, and rows made up by hand."""

import pandas as pd

from reproduce.report.speed import timing_tables
from reproduce.speed.timing.cells import Scope
from reproduce.speed.timing.tabulate import tabulate
from reproduce.speed.timing.timing_rows import COLUMNS, with_shares

SIDE, COPY_BYTES = 512, 1 << 16
TINY = {
    "sample_seconds": 1e-3,
    "most_rounds": 3,
    "copy_bytes": {"cpu": COPY_BYTES, "cuda": COPY_BYTES},
    "matrix_sides": {"cpu": (SIDE, SIDE // 2), "cuda": (SIDE, SIDE // 2)},
}


def tiny_scope(*networks, budget_seconds=1e6, fewer_threads=False, batch_sizes=()):
    """Return a scope of a few small networks, timed for a moment."""
    return Scope(budget_seconds, networks or ("80sec",), fewer_threads, batch_sizes, **TINY)


MACHINE = {
    "cpu": "Intel(R) Xeon(R) Processor",
    "cores": 2,
    "gpu": None,
    "features": "avx2 avx512f",
    "memory_gib": 15.6,
    "os": "Linux x86_64",
    "torch": "2.14.1+cu130",
    "loaded": False,
}


def row(what, network="", ms=100.0, **columns):
    """Return one row of a machine's timings as a dictionary, with plausible columns."""
    low, high = (columns.pop(name, None if ms is None else f * ms) for name, f in (("ms_min", 0.9), ("ms_max", 1.2)))
    batch = columns.setdefault("batch_size", 128)
    given = {"device": "cpu", "precision": "fp32", "threads": 2, "rounds": 3, "calls_per_round": 1}
    times = {"ms_median": ms, "ms_min": low, "ms_max": high, "images_per_second": 1e3 * batch / ms if ms else None}
    return {**given, **times, "what": what, "network": network, **columns}


def frame_of(rows, machine="a-machine", **facts):
    """Return rows as ``timing_rows.read_all`` gives them."""
    frame = with_shares(pd.DataFrame([{**MACHINE, **facts, **each} for each in rows]).reindex(columns=COLUMNS))
    frame.insert(0, "machine", machine)
    return frame


LAYERS = ["conv1", "norm1", "pool1", "conv2", "norm2", "pool2", "conv3", "conv4", "conv5", "pool5"]
LAYERS += ["fc6", "drop6", "fc7", "drop7", "fc8"]


def layered(**columns):
    """Rows of one pass: 2 ms forward and 4 ms back for each of 15 layers, 1 ms of loss, 9 ms of update."""
    work = {"gflop": 1.0, "gbyte": 0.1, "gflop_per_second": 500.0}
    rows = [row("layer_forward", "alexnet_paper", 2.0, layer=name, **work, **columns) for name in LAYERS]
    rows += [row("layer_backward", "alexnet_paper", 4.0, layer=name, **work, **columns) for name in LAYERS[::-1]]
    return [*rows, row("loss", "alexnet_paper", 1.0, **columns), row("update", "alexnet_paper", 9.0, **columns)]


def step(network, rounds, what="training_step", **columns):
    times = sorted(rounds)
    text = ";".join(map(str, rounds))
    return row(what, network, times[len(times) // 2], ms_min=times[0], ms_max=times[-1], ms_by_round=text, **columns)


def all_rows():
    rows = [
        row("matrix_multiply", ms=1, ms_min=0.8, ms_max=1.0, gflop=0.8, batch_size=1024),
        row("matrix_multiply", ms=1, ms_min=0.9, ms_max=1.1, gflop=0.8, batch_size=2048),
        row("memory_copy", ms=1, ms_min=0.9, gbyte=0.018),
        row("matrix_multiply", ms=1, ms_min=0.5, ms_max=0.625, precision="bf16", gflop=4.0),
        row("memory_copy", ms=1, ms_min=1.0, precision="bf16", gbyte=0.018),
        *layered(),
        step("alexnet_paper", [100.0, 110.0, 200.0]),
        step("alexnet_paper", [40.0, 50.0, 60.0], precision="bf16"),
        step("alexnet_paper", [10.0, 11.0, 12.0], batch_size=8),
        step("alexnet_paper", [400.0, 400.0, 400.0], threads=1),
        step("alexnet_no_normalization", [90.0, 88.0, 100.0]),
        step("alexnet_one_gpu", [60.0, 55.0, 100.0]),
        step("alexnet_paper", [120.0, 110.0, 220.0], what="training_step_and_input"),
        row("forward", "nasnetalarge", ms=None, skipped="timm is not installed", batch_size=8),
    ]
    return frame_of(rows, started_utc="2026-01-02T03:04:05Z")


def timings_of(frame, folder):
    (folder / "timing").mkdir(parents=True)
    if len(frame):
        frame.drop(columns="machine").to_csv(folder / "timing" / "a-machine.csv", index=False)
    tabulate(folder / "timing", folder / "tables")
    return timing_tables.load_timings(folder / "tables")


def on_gpu(number, ms):
    rounds = [ms, ms, 1.2 * ms]
    return step("alexnet_paper", rounds, device=f"cuda:{number}", device_name="a GPU")
