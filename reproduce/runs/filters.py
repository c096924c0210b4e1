"""The division of color between the two columns of a net (paper 6.1, Figure 3; deviation D46)."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from reproduce.base.errors import ReproduceError
from reproduce.base.paths import relative_to_repo
from reproduce.runs import places
from reproduce.runs.run_files import arrays_of_run, read_record
from reproduce.runs.statistics import Estimate, mean_interval

SPLIT_P_VALUE = 0.05
_SHUFFLES, _SHUFFLE_SEED = 9_999, 2012  # together with the net's own division, 10,000
_IDENTITY = ["run_id", "study", "variant", "epochs", "seed", "dataset", "scale", "schedule"]
COLUMNS = [
    *(*_IDENTITY, "role", "filters", "first_column_color_share", "second_column_color_share"),
    *("color_specialization", "shuffled_mean", "shuffled_95th_percentile", "p_value", "method"),
]
SUMMARY = ["study", "variant", "epochs", "role", "n_seeds", "mean", "low", "high", "method", "shuffled_mean", "n_split"]


def color_shares(weights: np.ndarray) -> np.ndarray:
    """Return the share of each filter's energy that is off the gray axis, float64 (maps,), 0 to 1.

    Energy is the sum of squared weights; the part along (1, 1, 1) / sqrt(3) answers to brightness alone. This axis is
    what "color-agnostic" means, and it depends on no data set. On CIFAR-10 it lies less than two degrees from the
    data's first principal axis. Random weights have 2/3; a filter of zeros counts as gray.

    Args:
        weights: (maps, 3, rows, columns), channels in the order red, green, blue.
    """
    weights = weights.astype(np.float64)
    energy = np.square(weights).sum(axis=(1, 2, 3))
    off_gray = np.square(weights - weights.mean(axis=1, keepdims=True)).sum(axis=(1, 2, 3))
    return np.divide(off_gray, energy, out=np.zeros_like(energy), where=energy > 0)


@dataclass(frozen=True)
class Division:
    """Color in the two halves of a layer's filters, and how unequal it is.

    Attributes:
        shares: mean color share of the filters of the first and the second half. Every filter counts once, as in the
            paper's sentence on kernels. A filter that never learned keeps the share of random weights, 2/3, which can
            only make the halves more alike.
        index: absolute difference of the two shares.
        shuffled_mean, shuffled_high: mean and 95th percentile of the index when filters are dealt to the halves anew.
        p_value: share of such deals whose index is at least as large.
        method: number of such deals, and whether they are random or all that there are.
    """

    shares: tuple[float, float]
    index: float
    shuffled_mean: float
    shuffled_high: float
    p_value: float
    method: str


def division(shares: np.ndarray) -> Division:
    """Return how unequally the first and the second half of ``shares``, (an even number of maps,), share color.

    The test deals the filters to the halves in every possible way, or in 9,999 random ways from a fixed seed.
    """
    return _division(tuple(shares.tolist()))


@functools.cache  # several tables ask about the same filters, and ten thousand deals take a while
def _division(shares: tuple[float, ...]) -> Division:
    first, second = np.split(np.array(shares), 2)
    found = stats.permutation_test(
        (first, second),
        lambda one, two, axis: np.abs(one.mean(axis=axis) - two.mean(axis=axis)),
        n_resamples=_SHUFFLES,
        vectorized=True,
        alternative="greater",
        random_state=np.random.default_rng(_SHUFFLE_SEED),
    )
    null = found.null_distribution
    method = f"{len(null)} random deals" if len(null) == _SHUFFLES else f"all {len(null)} deals"
    means = float(first.mean()), float(second.mean())
    high = float(np.percentile(null, 95))
    return Division(means, float(found.statistic), float(null.mean()), high, float(found.pvalue), method)


def color_specialization(runs: pd.DataFrame, runs_root: Path | None = None) -> pd.DataFrame:
    """Return one row per finished run whose first-layer maps are divided into two columns, and one per control run.

    ``role`` is ``columns`` where the normalization after the first layer, or the next layer, treats the halves of the
    maps separately. It is ``control`` for the other nets of the same study: they have no columns, and their maps are
    halved for comparison only.

    Args:
        runs: as ``table.read_runs`` gives them.
        runs_root: the folder of all run folders.

    Raises:
        ReproduceError: a run's record or arrays cannot be read.
    """
    rows = []
    for _, study in runs[runs["status"].eq("finished")].groupby("study", sort=False):
        cut = {run.run_id: _cut(run.run_id, runs_root) for run in study.itertuples()}
        if 2 in cut.values():
            chosen = study[study["run_id"].map(cut).isin([1, 2])]
            roles = chosen["run_id"].map(cut).map({1: "control", 2: "columns"})
            rows += [_row(run, role, runs_root) for run, role in zip(chosen.to_dict("records"), roles, strict=True)]
    return pd.DataFrame(rows, columns=COLUMNS)


def _cut(run_id: str, runs_root: Path) -> int | None:
    """Return the number of columns that divide a run's first-layer maps; None without a network on RGB images."""
    network = read_record(places.found_at(run_id, runs_root))["config"].get("network_spec")
    return columns_of_first_layer(network) if network and network["input"]["channels"] == 3 else None


def columns_of_first_layer(network: Mapping[str, Any]) -> int:
    """Return the number of columns that divide the maps of the first layer.

    The normalization after the first layer divides its maps, or the next layer with weights.

    Args:
        network: a resolved ``network_spec``; a layer without the field ``columns`` has one column.
    """
    later: Sequence[Mapping[str, Any]] = network["layers"][1:]
    weighted = [place for place, layer in enumerate(later) if "learning_rate" in layer]
    return max((layer.get("columns", 1) for layer in later[: weighted[0] + 1]), default=1) if weighted else 1


def first_layer(folder: Path) -> np.ndarray:
    """Return the first-layer weights that a run's folder keeps, float16 (maps, channels, rows, columns).

    Raises:
        ReproduceError: the run's arrays cannot be read, or hold no weights.
    """
    path = folder / "arrays.npz"
    weights = [array for name, array in arrays_of_run(path).items() if name.endswith("_weights")]
    if not weights:
        raise ReproduceError(f"{relative_to_repo(path)} holds no first-layer weights; restore it with git")
    return weights[0]


def _row(run: Mapping[str, Any], role: str, runs_root: Path) -> dict[str, Any]:
    shares = color_shares(first_layer(places.found_at(run["run_id"], runs_root)))
    found = division(shares)
    return {name: run[name] for name in _IDENTITY} | {
        "role": role,
        "filters": len(shares),
        "first_column_color_share": found.shares[0],
        "second_column_color_share": found.shares[1],
        "color_specialization": found.index,
        "shuffled_mean": found.shuffled_mean,
        "shuffled_95th_percentile": found.shuffled_high,
        "p_value": found.p_value,
        "method": found.method,
    }


def specialization_summary(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row per variant: mean index over seeds, t-interval, shuffled mean, number of runs that divide color.

    Args:
        table: as ``color_specialization`` gives it.
    """
    rows = []
    for key, arm in table.groupby(["study", "variant", "epochs", "role"], sort=False):
        found: Estimate = mean_interval(arm["color_specialization"].tolist())
        rows.append(
            dict(zip(SUMMARY, key, strict=False))
            | {"n_seeds": found.n, "mean": found.value, "low": found.low, "high": found.high, "method": found.method}
            | {"shuffled_mean": arm["shuffled_mean"].mean(), "n_split": int((arm["p_value"] < SPLIT_P_VALUE).sum())}
        )
    return pd.DataFrame(rows, columns=SUMMARY).astype(dict.fromkeys(["mean", "low", "high"], "float64"))
