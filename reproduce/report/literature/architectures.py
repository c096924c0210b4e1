"""Writes paper_notes/architectures.md: paper, released source, Caffe, torchvision and our specs, point by point.

What others do is in paper_notes/architecture_points.yaml; the columns of our nets are worked out from the specs.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import model_validator

from reproduce.base.files import write_bytes
from reproduce.base.paths import PAPER_NOTES
from reproduce.base.text import markdown_table
from reproduce.base.validation import Strict, read_yaml, validated
from reproduce.models import counts, spec
from reproduce.report.literature.architecture_features import FEATURES, sides

POINTS_FILE = PAPER_NOTES / "architecture_points.yaml"
PAGE = PAPER_NOTES / "architectures.md"
OURS = ("alexnet_paper", "alexnet_as_released", "torchvision_alexnet")
VARIANTS = (
    *("alexnet_paper", "alexnet_as_released", "alexnet_one_gpu", "alexnet_nonoverlapping_pooling"),
    *("alexnet_no_normalization", "alexnet_no_cross_column", "alexnet_six_conv"),
    *("torchvision_alexnet", "teaching_alexnet"),
)


_PAGE = """\
# Architectures, point by point

Made by `python -m reproduce report architectures` from [architecture_points.yaml](architecture_points.yaml) (what
others do, with their keys in `references.bib`) and the specs in `reproduce/models/specs` (ours); edit those, not this
page. Rows from batch and momentum down are not part of a spec; they state what is decided for training here.
D numbers lead to the reasons in [deviations.md](deviations.md).

{points}
Our `alexnet_paper` is also held, node by node, against the graph of Caffe's bvlc_alexnet that the onnx package ships
(`tests/models/test_onnx.py`). The differences are those of this table and no others: the export's input is 224 pixels
without the zeros of D1 (so its last pool is padded instead), k is 1, the window crosses the halves, and dropout is
scaled in training. `torchvision_alexnet` computes torchvision's own module (`tests/models/test_torchvision.py`).

## Sizes and costs

Units are the outputs of layers with weights. Training counts additions and multiplications of the forward pass, of the
weights' gradients and of the inputs' gradients, except those of the first layer's input, for one image.

{sizes}
## The paper's net, layer by layer

{layers}
## Nets derived from the authors' own

Each is `alexnet_as_released` with the changes that the authors' configuration of that number makes (D5).

{derived}"""


class Point(Strict):
    """One row of the page: the choices of others, and ours, either as a ``feature`` of the specs or in words."""

    point: str
    deviation: str | None = None
    paper: str
    released: str
    caffe: str
    torchvision: str
    feature: str | None = None
    ours: str | None = None

    @model_validator(mode="after")
    def _one_way(self) -> "Point":
        if (self.feature is None) == (self.ours is None):
            raise ValueError("give either feature or ours")
        if self.feature is not None and self.feature not in FEATURES:
            raise ValueError(f"unknown feature {self.feature!r}; known: {', '.join(FEATURES)}")
        return self


class _Points(Strict):
    points: list[Point]


def architectures_page(points_file: Path = POINTS_FILE) -> str:
    """Return the Markdown of paper_notes/architectures.md.

    Raises:
        ReproduceError: the file of points is missing or malformed.
    """
    points = validated(_Points, read_yaml(points_file), points_file.name).points
    ours = [spec.load_spec(name) for name in OURS]
    rows = [_row(point, ours) for point in points]
    header = ["Point", "Paper", "Released source", "Caffe", "torchvision", *(f"Ours: `{name}`" for name in OURS), "Row"]
    sizes = [_size_row(name) for name in VARIANTS]
    layers = list(_layer_rows(ours[0]))
    derived = [_derivation(name, content) for name, content in _contents() if "base" in content]
    return _PAGE.format(
        points=markdown_table(header, rows),
        sizes=markdown_table(_SIZES, sizes),
        layers=markdown_table(_LAYERS, layers),
        derived=markdown_table(["Net", "Source", "Left out", "Changed", "Added"], derived),
    )


def write_architectures(page: Path = PAGE) -> Path:
    """Write the page; return its path."""
    write_bytes(page, architectures_page().encode())
    return page


def _row(point: Point, networks: list[spec.NetworkSpec]) -> list[str]:
    if point.feature is None:
        ours = [point.ours or "", point.ours or "", "-"]
    else:
        ours = [FEATURES[point.feature](network) for network in networks]
    row = [point.point, point.paper, point.released, point.caffe, point.torchvision, *ours]
    return [*row, f"[{point.deviation}](deviations.md)" if point.deviation else ""]


_SIZES = ["Net", "Sides of convolutions and pools", "Parameters", "Units", "Multiply-accumulates, M", "Training, GFLOP"]


def _size_row(name: str) -> list[str]:
    network = spec.load_spec(name)
    mega = counts.total_multiply_accumulates(network) / 1e6
    giga = counts.training_flops_per_image(network) / 1e9
    numbers = [
        f"{counts.total_parameters(network):,}",
        f"{counts.total_units(network):,}",
        f"{mega:.1f}",
        f"{giga:.3f}",
    ]
    return [f"`{name}`", sides(network), *numbers]


_LAYERS = ["Layer", "Maps", "Side", "Parameters", "Share, %", "Multiply-accumulates", "Share, %", "Units"]


def _layer_rows(network: spec.NetworkSpec) -> Iterable[list[str]]:
    parameters, work = counts.total_parameters(network), counts.total_multiply_accumulates(network)
    for row in counts.weighted_counts(network):
        shares = f"{100 * row.parameters / parameters:.2f}", f"{100 * row.multiply_accumulates / work:.1f}"
        numbers = [f"{row.parameters:,}", shares[0], f"{row.multiply_accumulates:,}", shares[1], f"{row.outputs:,}"]
        yield [row.name, str(row.maps), str(row.side), *numbers]


def _contents() -> Iterable[tuple[str, dict[str, Any]]]:
    for name in VARIANTS:
        yield name, read_yaml(spec.SPECS_FOLDER / f"{name}.yaml")


def _derivation(name: str, content: dict[str, Any]) -> list[str]:
    changes = ", ".join(f"{place} {value}" for place, value in content.get("changes", {}).items())
    added = ", ".join(f"{layer['name']} after {place}" for place, layer in content.get("add", {}).items())
    return [f"`{name}`", content["source"], ", ".join(content.get("remove", [])), changes, added]
