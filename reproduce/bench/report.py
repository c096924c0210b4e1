"""Writes a benchmark: one JSON file a machine, and the same as tables for reading."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reproduce.collect.markdown import markdown_table
from reproduce.files import read_json, write_json, write_text
from reproduce.measure import machine_slug, own_file

_LOOPS = {"ours": "this project", "standard_loop": "standard loop"}


def result_path(out: Path, machine: Mapping[str, Any]) -> Path:
    """Return where this machine's result goes: its own earlier file, or a name no other machine has.

    Raises:
        ReproduceError: a file of that name is not JSON.
    """
    return own_file(out, machine_slug(machine), ".json", machine, lambda path: read_json(path)["machine"])


def write_report(out: Path, content: dict[str, Any]) -> Path:
    """Write ``content`` as JSON and its tables as Markdown beside it; return the JSON file.

    Raises:
        ReproduceError: the folder is not writable or the disk full.
    """
    path = result_path(out, content["machine"])
    write_json(path, json.loads(json.dumps(content)))
    write_text(path.with_suffix(".md"), report_markdown(content, path.name))
    return path


def report_markdown(content: Mapping[str, Any], json_name: str) -> str:
    """Return the tables of one machine's benchmark."""
    parts = [_heading(content, json_name)]
    for title, table in (
        ("Training throughput", _throughput_table(content)),
        ("Where a step of this project spends its time", _phases_table(content)),
        ("Response normalization: share of a training step of conv_local_13pct_lrn", _share_table(content)),
        ("Response normalization: one layer by itself", _layers_table(content)),
    ):
        parts += [f"## {title}\n", table] if table else []
    return "\n".join(parts)


def _heading(content: Mapping[str, Any], json_name: str) -> str:
    machine, settings = content["machine"], content["settings"]
    busy = " **The machine was busy with other work: do not quote these figures.**" if content["loaded"] else ""
    software = f"torch {machine['torch']}, torchvision {machine['torchvision']}, Python {machine['python']}"
    return (
        f"# Benchmark on {machine['cpu']}, {machine['cores']} cores\n\n"
        f"Written by `python -m reproduce bench` on {content['started_utc'][:10]}; the same figures with more digits, "
        f"named with their units, are in `{json_name}`. {machine['threads']} threads, {software}. "
        f"Load average {content['load_average_at_start']} before.{busy}\n\n"
        f"Medians of {settings['rounds']} rounds, smallest and largest in brackets. A round times every arm once, one "
        f"after the other in the same process: {settings['warm_up_steps']} steps to warm up, then "
        f"{settings['timed_steps']} on the clock. Ratios and shares are taken within a round.\n\n"
        f"The standard loop is a DataLoader with {settings['dataloader_workers']} workers, torchvision transforms, "
        "torch's own layers in eager float32 and its default memory format, and torch.optim.SGD. Both loops run in a "
        "process that keeps freed memory for reuse, as this project's trainer sets it.\n"
    )


def _figures(values: Mapping[str, float], digits: int = 3) -> str:
    low, median, high = (_figure(values[key], digits) for key in ("min", "median", "max"))
    return f"{median} [{low}, {high}]"


def _figure(value: float, digits: int) -> str:
    return f"{value:,.0f}" if abs(value) >= 10**digits else f"{value:.{digits}g}"


def _throughput_table(content: Mapping[str, Any]) -> str:
    speedups = {(row["network"], row["precision"]): row["times_standard_loop"] for row in content["speedups"]}
    rows = []
    for row in content["throughput"]:
        ratio = speedups[row["network"], row["precision"]] if row["loop"] == "ours" else None
        times = _figures(ratio) if ratio else "1"
        figures = _figures(row["images_per_second"]), _figures(row["ms_per_step"]), times
        rows.append([row["network"], f"{_LOOPS[row['loop']]}, {row['precision']}", *figures])
    return markdown_table(["Network", "Loop", "Images/s", "ms a step", "Times the standard loop"], rows)


def _phases_table(content: Mapping[str, Any]) -> str:
    phases = ("input", "forward", "backward", "update")
    rows = [
        [row["network"], row["precision"], *(_figures(row[f"{phase}_ms"]) for phase in phases)]
        for row in content["step_phases"]
    ]
    return markdown_table(["Network", "Precision", *(f"{phase.capitalize()}, ms" for phase in phases)], rows)


def _share_table(content: Mapping[str, Any]) -> str:
    rows = []
    for row in content["normalization_share"]:
        if "not_measured" in row:
            figures = [f"not possible ({row['not_measured']})", "-", "-"]
        else:
            keys = "share_of_step_percent", "ms_per_step", "ms_per_step_without"
            figures = [_figures(row[key]) for key in keys]
        rows.append([row["normalization"], row["precision"], *figures])
    header = ["Normalization", "Precision", "Share of a step, %", "ms a step", "ms a step without it"]
    return markdown_table(header, rows) if rows else ""


def _layers_table(content: Mapping[str, Any]) -> str:
    rows = [
        [
            f"{row['network']} {row['layer']}, {row['extent'].replace('_', ' ')}",
            " x ".join(map(str, row["shape"])),
            f"{row['implementation']}, {row['precision']}",
            _figures(row["forward_ms"]),
            _figures(row["backward_ms"]),
        ]
        for row in content["normalization_layers"]
    ]
    header = ["Layer", "Images x maps x rows x columns", "Implementation", "Forward, ms", "Backward, ms"]
    return markdown_table(header, rows) if rows else ""
