"""Tiny scopes for timing in tests, and rows made up by hand."""

import pandas as pd

from reproduce.timing.cells import Scope
from reproduce.timing.rows import COLUMNS, with_shares

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
    """Return rows as ``rows.read_all`` gives them."""
    frame = with_shares(pd.DataFrame([{**MACHINE, **facts, **each} for each in rows]).reindex(columns=COLUMNS))
    frame.insert(0, "machine", machine)
    return frame
