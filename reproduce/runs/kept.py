"""Numbers derived from the arrays that runs keep: speed of learning, color of first-layer filters, neighbors."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from reproduce.base.errors import ReproduceError
from reproduce.base.files import RESTORE
from reproduce.base.paths import relative_to_repo
from reproduce.base.validation import validated
from reproduce.data.registry import DATASETS
from reproduce.runs.filters import color_shares, columns_of_first_layer, division, first_layer
from reproduce.runs.learning import updates_to_converge, updates_to_held_out_level, updates_to_leave_chance
from reproduce.runs.neighbors import purities_percent
from reproduce.runs.run_files import arrays_of_run, read_history
from reproduce.study.variant import Phase

_PLATEAU = "validation_error_plateau"


def numbers_from_kept(
    record: Mapping[str, Any], metrics: Mapping[str, Any], folder: Path, runs_root: Path
) -> dict[str, float | int | None]:
    """Return the following numbers by name, each only where the run kept the data that it is derived from.

    - ``updates_to_leave_chance`` (D41),
    - ``updates_to_converge`` and ``updates_to_converge_at_first_rate`` (D40),
    - ``updates_to_held_out_level`` (D40), for nets evaluated on held-out images,
    - ``color_specialization_above_chance_percent``: the absolute difference of the two columns' mean color shares,
      minus its mean when filters are dealt to the columns anew (D46),
    - ``neighbor_purity_gain_percent``: purity of the neighbors in features minus purity of those in pixels (D47).

    Args:
        record: the run's ``run.json``.
        metrics: the run's ``metrics.json``, with its ``status`` added.
        folder: the run's folder.
        runs_root: the folder of all run folders.

    Raises:
        ReproduceError: the run's arrays or history cannot be read.
    """
    config, finished = record.get("config", {}), metrics["status"] == "finished"
    diagnostics, network = config.get("diagnostics", []), config.get("network_spec")
    found: dict[str, float | int | None] = {}
    if "update_losses" in diagnostics:
        losses = _kept(folder, "update_losses_nats")
        # The outputs are used only for a subset, whose number of classes the registry does not know. Other nets may
        # have more outputs than classes: 1,000 for ten.
        classes = DATASETS[record["dataset"]].classes or network["layers"][-1]["outputs"]
        found["updates_to_leave_chance"] = updates_to_leave_chance(losses, classes)
    if finished and config.get("held_out_images"):
        history = read_history(folder / "history.csv")
        found["updates_to_held_out_level"] = updates_to_held_out_level(history, metrics["updates"])
    phases = config.get("phases", [])
    if finished and phases and all(phase.get("until") == _PLATEAU for phase in phases):
        where = relative_to_repo(folder / "run.json")
        # Records leave out fields with certain defaults, and only the model knows the defaults.
        waits = [validated(Phase, phase, f"{where}: phase", RESTORE).plateau_epochs for phase in phases]
        at_each = updates_to_converge(read_history(folder / "history.csv"), metrics["updates"], waits)
        found["updates_to_converge"] = sum(at_each) if at_each else None
        found["updates_to_converge_at_first_rate"] = at_each[0] if at_each else None
    if finished and network and network["input"]["channels"] == 3 and columns_of_first_layer(network) == 2:
        divided = division(color_shares(first_layer(folder)))
        found["color_specialization_above_chance_percent"] = 100 * (divided.index - divided.shuffled_mean)
    if finished and "nearest_neighbors" in diagnostics:
        features, pixels = purities_percent(record, _kept(folder, "neighbor_rows"), runs_root)
        found["neighbor_purity_gain_percent"] = features - pixels
    return found


def _kept(folder: Path, name: str) -> np.ndarray:
    path = folder / "arrays.npz"
    arrays = arrays_of_run(path)
    if name not in arrays:
        raise ReproduceError(f"{relative_to_repo(path)} holds no {name}; restore it with git or train the run again")
    return arrays[name]
