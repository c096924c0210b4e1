"""The collected timings, brought into the shape that figures and the notebook on time show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from reproduce.base.tables import read_table
from reproduce.base.text import plain_name
from reproduce.models import spec
from reproduce.report.records import TABLES
from reproduce.speed.measure import uneven_words
from reproduce.speed.timing.timing_rows import training_steps

PAPER, WITHOUT_NORMALIZATION, ONE_COLUMN = "alexnet_paper", "alexnet_no_normalization", "alexnet_one_gpu"
NOT_TIMED = "no machine has been timed yet: python -m reproduce time"
SETTING = ["machine", "device", "precision", "threads"]
_KINDS = {
    spec.Convolution: "convolution",
    spec.Local: "local layer",
    spec.FullyConnected: "fully connected",
    spec.ResponseNormalization: "normalization",
    spec.Pooling: "pooling",
    spec.AdaptivePooling: "pooling",
    spec.Dropout: "dropout",
}
KINDS = ("convolution", "local layer", "fully connected", "normalization", "pooling", "dropout", "loss", "update")
_WORK = ["matrix_multiply", "memory_copy", "forward", "training_step", "training_step_and_input", "network_input"]
_WORK += ["layer_forward", "layer_backward", "loss", "update"]
_NOT_COMPARABLE = "timed by an earlier harness in another way, so not compared"
_TIMING_COLUMNS = (
    "machine cpu cores gpu loaded device device_name precision threads network what layer batch_size rounds "
    "calls_per_round ms_median ms_min ms_max ms_by_round images_per_second gflop gbyte gflop_per_second "
    "gbyte_per_second skipped "
    "percent_of_matrix_product uneven_percent"
)
_DAYS_COLUMNS = (
    "machine device system year kind evidence precision days_low days_mid days_high images_per_second_mid peak_gflops "
    "bandwidth_gb_per_s loaded timed_steps basis source"
)


@dataclass(frozen=True)
class Timings:
    """``timing.csv`` (every machine's rows) and ``training_days.csv`` as they were tabulated."""

    rows: pd.DataFrame
    days: pd.DataFrame

    def measured(self) -> pd.DataFrame:
        """Return the rows that hold a time. The other rows tell why a cell was not timed."""
        return self.rows[self.rows["ms_median"].notna()]


def load_timings(folder: Path | None = None) -> Timings:
    """Read the tabulated timings of ``folder``, by default ``results/tables``.

    Raises:
        ReproduceError: a table is missing or lacks a column (``dvc repro`` makes them).
    """
    folder = folder or TABLES
    rows = read_table(folder / "timing.csv", _TIMING_COLUMNS)
    return Timings(rows, read_table(folder / "training_days.csv", _DAYS_COLUMNS))


def other_batches(system: str) -> str:
    """Return the end of a timed system's name, if it tells a batch size that differs from the recipe's; else empty."""
    _, found, size = system.partition(", batches of ")
    return found + size


def device_names(timings: Timings) -> dict[tuple[str, str], str]:
    """Return each timed (machine, device) in words: a processor with its cores or a GPU, and its ``doubts``.

    Devices of the same name are told apart. If their files differ (one machine with two versions of torch), the file's
    name is added, and for two equal GPUs in one file torch's name of the device.
    """
    names, doubtful = {}, doubts(timings)
    for row in timings.measured().drop_duplicates(["machine", "device"]).itertuples():
        on_cpu = row.device == "cpu"
        name = f"{plain_name(row.cpu)}, {row.cores:.0f} cores" if on_cpu else row.device_name
        names[row.machine, row.device] = name
    notes = {key: [*_telling_apart(key, names), *doubtful[key]] for key in names}
    return {key: f"{name} ({', '.join(notes[key])})" if notes[key] else name for key, name in names.items()}


def doubts(timings: Timings) -> dict[tuple[str, str], list[str]]:
    """Return the reasons to doubt each timed (machine, device): ``busy``, ``uneven``, ``earlier harness``."""
    earlier, words = _of_earlier_harness(timings), {}
    for row in timings.measured().drop_duplicates(["machine", "device"]).itertuples():
        found = {
            "busy": row.loaded,
            "uneven": uneven_words(row.uneven_percent),
            "earlier harness": row.machine in earlier,
        }
        words[row.machine, row.device] = [word for word, is_so in found.items() if is_so]
    return words


def _telling_apart(key: tuple[str, str], names: Mapping[tuple[str, str], str]) -> list[str]:
    alike = [other for other, name in names.items() if name == names[key]]
    machines, devices = {machine for machine, _ in alike}, {device for machine, device in alike if machine == key[0]}
    return [*([key[0]] if len(machines) > 1 else []), *([key[1]] if len(devices) > 1 else [])]


def _of_earlier_harness(timings: Timings) -> set[str]:
    """Return the machines whose files hold kinds of work that are no longer timed."""
    return set(timings.rows.loc[~timings.rows["what"].isin(_WORK), "machine"])


def machines(timings: Timings) -> pd.DataFrame:
    """Return each machine's timed devices, and whether it was ``quiet``. Do not quote a machine that was not."""
    measured, earlier = timings.measured(), _of_earlier_harness(timings)
    rows = []
    for (machine, device), group in measured.groupby(["machine", "device"], sort=False):
        first = group.iloc[0]
        troubles = ["busy" if first["loaded"] else "", uneven_words(first["uneven_percent"])]
        rows.append(
            {
                "machine": machine,
                "device": first["cpu"] if device == "cpu" else first["device_name"],
                "cores": int(first["cores"]),
                "precisions": ", ".join(group["precision"].unique()),
                "timings": len(group),
                "rounds": " to ".join(dict.fromkeys(f"{end:.0f}" for end in group["rounds"].agg(["min", "max"]))),
                "quiet": "; ".join(filter(None, troubles)) or "yes",
                "harness": "earlier" if machine in earlier else "present",
            }
        )
    columns = ["machine", "device", "cores", "precisions", "timings", "rounds", "quiet", "harness"]
    return pd.DataFrame(rows, columns=columns)


def skipped(timings: Timings) -> pd.DataFrame:
    """Return the networks that were not timed, or were timed by an earlier harness, by kind of work and reason."""
    former = ~timings.rows["what"].isin(_WORK)
    rows = timings.rows.assign(skipped=timings.rows["skipped"].mask(former, _NOT_COMPARABLE))
    left_out = rows[rows["skipped"].notna()]
    table = []
    for (machine, what, reason), group in left_out.groupby(["machine", "what", "skipped"], sort=False):
        networks = ", ".join(dict.fromkeys(group["network"].dropna()))
        table.append({"machine": machine, "what": what, "networks": networks, "reason": reason, "timings": len(group)})
    return pd.DataFrame(table, columns=["machine", "what", "networks", "reason", "timings"])


def at_all_threads(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows taken with all of a machine's threads."""
    return rows[rows["threads"].eq(rows.groupby("machine")["threads"].transform("max"))]


def fastest_settings(timings: Timings) -> list[tuple[str, str, str, float]]:
    """Return (machine, device, precision, threads) of each device, in its fastest precision for the paper's net."""
    steps = at_all_threads(training_steps(timings.rows))
    steps = steps[steps["network"].eq(PAPER)].sort_values("images_per_second", ascending=False, kind="stable")
    best = steps.drop_duplicates(["machine", "device"]).sort_values(["device", "machine"])
    return [tuple(row) for row in best[SETTING].itertuples(index=False)]


def layer_times(timings: Timings, setting: Sequence[object], network: str = PAPER) -> pd.DataFrame:
    """Return the milliseconds of each layer's passes in one step, in the network's order, then loss and update.

    Columns: layer, kind (one of ``KINDS``), forward_ms, backward_ms (NaN for loss and update, whose times
    are in forward_ms), batch_size.
    """
    rows = timings.measured()
    for column, value in zip(SETTING, setting, strict=True):
        rows = rows[rows[column].eq(value)]
    rows = rows[rows["network"].eq(network)]
    kinds = {layer.name: _KINDS[type(layer)] for layer in spec.load_spec(network).layers}
    passes = {way: rows[rows["what"].eq(f"layer_{way}")].set_index("layer") for way in ("forward", "backward")}
    table = [
        {
            "layer": name,
            "kind": kinds[name],
            "forward_ms": forward,
            "backward_ms": passes["backward"]["ms_median"][name],
        }
        for name, forward in passes["forward"]["ms_median"].items()
    ]
    for what in ("loss", "update"):
        found = rows[rows["what"].eq(what)]["ms_median"]
        table += [{"layer": what, "kind": what, "forward_ms": value, "backward_ms": float("nan")} for value in found]
    size = passes["forward"]["batch_size"].iloc[0] if table else float("nan")
    return pd.DataFrame(table, columns=["layer", "kind", "forward_ms", "backward_ms"]).assign(batch_size=size)


def shares_by_kind(timings: Timings) -> pd.DataFrame:
    """Return the share of a step that each kind of layer takes at all threads, in percent of the sum of all passes."""
    rows = at_all_threads(timings.measured())
    layered = rows[rows["what"].eq("layer_forward")].drop_duplicates([*SETTING, "network"])
    table = []
    for place in layered.itertuples():
        times = layer_times(timings, [getattr(place, name) for name in SETTING], place.network)
        total = times.assign(ms=times[["forward_ms", "backward_ms"]].sum(axis=1)).groupby("kind")["ms"].sum()
        head = {name: getattr(place, name) for name in [*SETTING, "network", "batch_size"]}
        table.append(head | {kind: 100 * total.get(kind, 0.0) / total.sum() for kind in KINDS})
    return pd.DataFrame(table, columns=[*SETTING, "network", "batch_size", *KINDS])


def beside_references(timings: Timings, machine: str, device: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the reference speeds of a device at all threads, and its layers' passes in the paper's net.

    Returns:
        references: precision, peak_gflop_per_second (the fastest round of the fastest matrix product),
            gbyte_per_second (of the fastest copy of memory). Both are measured, so a layer may exceed them.
        passes: precision, what, layer, kind, operations_per_byte, gflop_per_second; layers without operations are left
            out.
    """
    rows = at_all_threads(timings.measured())
    rows = rows[rows["machine"].eq(machine) & rows["device"].eq(device)]
    products = rows[rows["what"].eq("matrix_multiply")]
    peaks = (1e3 * products["gflop"] / products["ms_min"]).groupby(products["precision"], sort=False).max()
    copies = rows[rows["what"].eq("memory_copy")]
    bandwidth = (1e3 * copies["gbyte"] / copies["ms_min"]).max()
    references = pd.DataFrame({"peak_gflop_per_second": peaks, "gbyte_per_second": bandwidth}).reset_index()
    passes = rows[rows["network"].eq(PAPER) & rows["what"].str.startswith("layer_") & rows["gflop"].notna()]
    kinds = {layer.name: _KINDS[type(layer)] for layer in spec.load_spec(PAPER).layers}
    passes = passes.assign(operations_per_byte=passes["gflop"] / passes["gbyte"], kind=passes["layer"].map(kinds))
    columns = ["precision", "what", "layer", "kind", "operations_per_byte", "gflop_per_second", "batch_size"]
    return references, passes[columns].reset_index(drop=True)
