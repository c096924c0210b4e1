"""The tables of a benchmark in Markdown. Each is written from one part's rows, and empty where the part has none."""

from collections.abc import Callable, Mapping
from typing import Any

from reproduce.base.text import markdown_table

_LOOPS = {"ours": "this project", "standard_loop": "standard loop"}
_WAYS = {
    "ours": "this project",
    "pillow_torchvision": "Pillow, torchvision",
    "image_folder_500x375": "ImageFolder, JPEG 500 x 375",
    "image_folder_256x256": "ImageFolder, JPEG 256 x 256",
}


def _figures(values: Mapping[str, float]) -> str:
    low, median, high = (_figure(values[key]) for key in ("min", "median", "max"))
    return f"{median} [{low}, {high}]"


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _throughput_table(part: Mapping[str, Any]) -> str:
    speedups = {(row["network"], row["precision"]): row["times_standard_loop"] for row in part.get("speedups", [])}
    rows, counted = [], False
    for row in part.get("throughput", []):
        ratio = speedups[row["network"], row["precision"]] if row["loop"] == "ours" else None
        times = _figures(ratio) if ratio else "1"
        figures = [_figures(row["images_per_second"]), _figures(row["ms_per_step"]), times]
        if counted := "gflop_per_second" in row:
            figures += [_figures(row["gflop_per_second"]), _figures(row["share_of_matrix_product_percent"])]
        place = row["network"], str(row["batch_size"]), f"{_LOOPS[row['loop']]}, {row['precision']}"
        rows.append([*place, *figures])
    header = ["Network", "Batch", "Loop", "Images/s", "ms per step", "Times the standard loop"]
    header += ["GFLOP/s", "Share of the matrix product, %"] if counted else []
    return markdown_table(header, rows) if rows else ""


def _matrix_products_table(part: Mapping[str, Any]) -> str:
    rows = [
        [row["network"], row["precision"], _figures(row["gflop_per_second"])] for row in part.get("matrix_products", [])
    ]
    return markdown_table(["Beside", "Precision", "GFLOP/s"], rows) if rows else ""


def _ways_table(what: str) -> Callable[[Mapping[str, Any]], str]:
    def table(part: Mapping[str, Any]) -> str:
        ratios = {row["against"]: _figures(row["times"]) for row in part.get(f"{what}_ratios", [])}
        rows = [
            [_WAYS[row["way"]], _figures(row["images_per_second"]), ratios.get(row["way"], "1")]
            for row in part.get(what, [])
        ]
        return markdown_table(["Way", "Images/s", "This project, times as fast"], rows) if rows else ""

    return table


def _phases_table(part: Mapping[str, Any]) -> str:
    phases = ("input", "forward", "backward", "update")
    rows = [
        [row["network"], row["precision"], *(_figures(row[f"{phase}_ms"]) for phase in phases)]
        for row in part.get("step_phases", [])
    ]
    header = ["Network", "Precision", *(f"{phase.capitalize()}, ms" for phase in phases)]
    return markdown_table(header, rows) if rows else ""


def _share_table(part: Mapping[str, Any]) -> str:
    rows = []
    for row in part.get("normalization_share", []):
        if "not_measured" in row:
            figures = [f"not possible ({row['not_measured']})", "-", "-"]
        else:
            keys = "share_of_step_percent", "ms_per_step", "ms_per_step_without"
            figures = [_figures(row[key]) for key in keys]
        rows.append([row["normalization"], row["precision"], *figures])
    header = ["Normalization", "Precision", "Share of a step, %", "ms per step", "ms per step without it"]
    return markdown_table(header, rows) if rows else ""


def _layers_table(part: Mapping[str, Any]) -> str:
    rows = [
        [
            f"{row['network']} {row['layer']}, {row['extent'].replace('_', ' ')}",
            " x ".join(map(str, row["shape"])),
            f"{row['implementation']}, {row['precision']}",
            _figures(row["forward_ms"]),
            _figures(row["backward_ms"]),
        ]
        for row in part.get("normalization_layers", [])
    ]
    header = ["Layer", "Images x maps x rows x columns", "Implementation", "Forward, ms", "Backward, ms"]
    return markdown_table(header, rows) if rows else ""


def _later_table(part: Mapping[str, Any]) -> str:
    keys = "images_per_second", "ms_per_step", "plain_ms_per_step", "times_plain"
    rows = [
        [row["network"], str(row["batch_size"]), row["precision"], *(_figures(row[key]) for key in keys)]
        for row in part.get("later_nets", [])
    ]
    header = ["Network", "Batch", "Precision", "Images/s"]
    header += ["ms per step", "ms per step, plain torch", "Times plain torch"]
    return markdown_table(header, rows) if rows else ""


TABLES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "Training throughput": _throughput_table,
    "Matrix products": _matrix_products_table,
    "Where a step of this project spends its time": _phases_table,
    "Response normalization: share of a training step of conv_local_13pct_lrn": _share_table,
    "Response normalization: one layer by itself": _layers_table,
    "A training step with the kernels and without": _later_table,
    "Packing": _ways_table("packing"),
    "Reading for training": _ways_table("reading"),
}
