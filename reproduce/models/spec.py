"""A network as data: a list of layers with their arithmetic, initial weights and own rates."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from reproduce.base.errors import ReproduceError
from reproduce.base.validation import Strict, Whole, read_yaml, validated
from reproduce.models.changes import changed_layers
from reproduce.models.later_layer_specs import Activating, BatchNormalization, ResidualSum
from reproduce.models.layer_base import Activation, NonNegative
from reproduce.models.layer_specs import (
    AdaptivePooling,
    Convolution,
    Dropout,
    FullyConnected,
    Local,
    Pooling,
    ResponseNormalization,
    Weighted,
    rounded_up_size,
)
from reproduce.models.nasnet_specs import AuxiliaryHead, NasnetCell

__all__ = [
    "Activating",
    "Activation",
    "AdaptivePooling",
    "AuxiliaryHead",
    "BatchNormalization",
    "Convolution",
    "Dropout",
    "FullyConnected",
    "InputSize",
    "Layer",
    "Local",
    "NasnetCell",
    "NetworkSpec",
    "NonNegative",
    "Pooling",
    "ResidualSum",
    "ResponseNormalization",
    "Weighted",
    "load_spec",
    "rounded_up_size",
    "size_problem",
]

Layer = Annotated[
    Convolution
    | Local
    | FullyConnected
    | Pooling
    | AdaptivePooling
    | ResponseNormalization
    | Dropout
    | BatchNormalization
    | ResidualSum
    | Activating
    | NasnetCell
    | AuxiliaryHead,
    Field(discriminator="type"),
]
SPECS_FOLDER = Path(__file__).resolve().parent / "specs"


class InputSize(Strict):
    """Channels and side of the square images the network reads."""

    channels: Whole
    size: Whole


class NetworkSpec(Strict):
    """A whole network. ``source`` says where its figures were read."""

    source: str
    input: InputSize
    layers: Annotated[list[Layer], Field(min_length=1)]

    @model_validator(mode="after")
    def _unique_names(self) -> "NetworkSpec":
        names = [layer.name for layer in self.layers]
        if len(set(names)) < len(names):
            raise ValueError(f"layer names must be unique, got {names}")
        return self

    @model_validator(mode="after")
    def _layers_fit(self) -> "NetworkSpec":
        for _ in self.shapes(self.input.size):
            pass
        return self

    def shapes(self, size: int) -> Iterator[tuple[Layer, int, int, int, int]]:
        """Yield (layer, maps in, side in, maps out, side out) for square images of ``size`` pixels.

        Raises:
            ValueError: a layer's maps, columns or window do not fit what comes before it.
        """
        channels, flat = self.input.channels, False
        earlier: dict[str, tuple[int, int]] = {}
        for layer in self.layers:
            if flat and not isinstance(layer, FullyConnected | Dropout | BatchNormalization):
                raise ValueError(f"{layer.name}: a {layer.type} layer cannot follow a fully connected one")
            flat = flat or isinstance(layer, FullyConnected)
            maps, side = layer.shape_after(channels, size)
            columns = getattr(layer, "columns", 1)
            if channels % columns or maps % columns:
                raise ValueError(
                    f"{layer.name}: {channels} maps in and {maps} out do not divide into {columns} columns"
                )
            if side < 1:
                raise ValueError(f"{layer.name}: its window does not fit maps of {size} x {size} pixels")
            _check_beside(layer, earlier, channels, size)
            yield layer, channels, size, maps, side
            channels, size = maps, side
            earlier[layer.name] = maps, side

    def normalizes_batches(self) -> bool:
        """Return whether a layer takes statistics over the batch; NASNet's cells and auxiliary heads do, too."""
        return any(isinstance(layer, BatchNormalization | NasnetCell | AuxiliaryHead) for layer in self.layers)

    def weighted_layers(self) -> list[Weighted]:
        """Return the layers that have weights, in order, those within cells left out."""
        return [layer for layer in self.layers if isinstance(layer, Weighted)]


def _check_beside(layer: Layer, earlier: dict[str, tuple[int, int]], channels: int, size: int) -> None:
    """Check that ``layer.beside``, a second layer that ``layer`` reads, comes earlier and fits."""
    beside = getattr(layer, "beside", None)
    if beside is None:
        return
    if beside not in earlier:
        raise ValueError(f"{layer.name}: beside: there is no layer {beside!r} before it")
    layer.check_beside(*earlier[beside], channels, size)


def size_problem(network: NetworkSpec, size: int) -> str | None:
    """Return why ``network`` cannot take images of ``size`` x ``size`` pixels, or None when it can.

    A locally or fully connected layer needs the maps and side that the spec gives it. Adaptive pooling before that
    layer makes it independent of the image's size.
    """
    try:
        for built, given in zip(network.shapes(network.input.size), network.shapes(size), strict=True):
            if isinstance(built[0], Local | FullyConnected) and built[1:3] != given[1:3]:
                return f"{built[0].name} has weights for (maps, side) = {built[1:3]}, not for {given[1:3]}"
    except ValueError as error:
        return str(error)
    return None


def load_spec(
    name: str,
    changes: dict[str, Any] | None = None,
    folder: Path = SPECS_FOLDER,
    remove: list[str] | None = None,
) -> NetworkSpec:
    """Return the spec ``name`` without the layers of ``remove`` and with ``changes`` applied, validated.

    A spec file holds a whole network, or ``base`` (another spec's name) with ``remove``, ``changes`` and ``add`` (a
    layer's name: the layer that follows it); ``changes.py`` says what keys of ``changes`` mean.

    Raises:
        ReproduceError: no such spec, layer or field, or a value out of range.
    """
    content = _read(name, folder)
    if "base" in content:
        content = _derived(validated(_DerivedSpec, content, f"{name}.yaml"), f"{name}.yaml", folder)
    network = validated(NetworkSpec, content, f"{name}.yaml")
    if not changes and not remove:
        return network
    parts = network.input.model_dump(), network.layers
    changed = changed_layers(*parts, changes or {}, remove or [], f"{name}.yaml")
    return validated(NetworkSpec, {"source": network.source, **changed}, f"{name}.yaml")


class _DerivedSpec(Strict):
    source: str
    base: str
    remove: list[str] = []
    changes: dict[str, float | int | str] = {}
    add: dict[str, dict[str, Any]] = {}


def _read(name: str, folder: Path) -> dict[str, Any]:
    path = folder / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(spec.stem for spec in folder.glob("*.yaml")))
        raise ReproduceError(f"there is no network spec {name!r}; known: {known}")
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise ReproduceError(f"{path.name}: a network spec is a mapping with source, input and layers, or with base")
    return content


def _derived(derived: _DerivedSpec, where: str, folder: Path) -> dict[str, Any]:
    base = _read(derived.base, folder)
    if "base" in base:
        raise ReproduceError(f"{where}: base {derived.base} is itself derived from {base['base']}; name that as base")
    network = validated(NetworkSpec, base, f"{derived.base}.yaml")
    content = changed_layers(network.input.model_dump(), network.layers, derived.changes, derived.remove, where)
    for place, layer in derived.add.items():
        names = [known["name"] for known in content["layers"]]
        if place not in names:
            raise ReproduceError(f"{where}: add: there is no layer {place!r} to follow; the layers are {names}")
        content["layers"].insert(names.index(place) + 1, layer)
    return {"source": derived.source, **content}
