"""Changes to a network spec: an ablation leaves out a layer, or changes one field of one layer or of all layers.

Keys of ``changes``:

- ``layer.field``: one field of one layer; ``input.size`` and ``input.channels`` are those of the images.
- ``*.field``: that field of every layer that has it. ``*.activation`` does not change a layer with the identity, which
  is the network's linear output or has its nonlinearity in a later layer; a change of biases, ``*.bias...``, passes by
  a layer without them.

Single layers' changes are applied after the changes of all layers. Layers left out cannot be changed.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from reproduce.base.errors import ReproduceError
from reproduce.models.layer_base import BaseLayer


def changed_layers(
    images: dict[str, Any], layers: Sequence[BaseLayer], changes: Mapping[str, Any], remove: list[str], where: str
) -> dict[str, Any]:
    """Return a network's ``input`` and ``layers`` as plain data, changed but not yet validated.

    Args:
        images: the network's ``input`` as plain data.
        layers: its layers.
        changes: as described in the module's docstring.
        remove: names of the layers to leave out.
        where: names the spec in errors.

    Raises:
        ReproduceError: a layer to leave out or to change is not there, or no layer has the field of a ``*`` change.
    """
    names = [layer.name for layer in layers]
    for name in remove:
        if name not in names:
            raise ReproduceError(f"{where}: cannot remove {name!r}; its layers are {names}")
    kept = {layer.name: layer for layer in layers if layer.name not in remove}
    parts = {"input": dict(images), **{name: layer.model_dump() for name, layer in kept.items()}}
    for place in sorted(changes, key=lambda place: not place.startswith("*.")):
        target, _, field = place.partition(".")
        chosen = [name for name, layer in kept.items() if _concerns(layer, field)] if target == "*" else [target]
        if field and not chosen:
            raise ReproduceError(f"{where}: cannot change {place!r}; no layer has a field {field!r} to change")
        if not field or any(name not in parts for name in chosen):
            raise ReproduceError(f"{where}: cannot change {place!r}; write layer.field with a layer of {list(kept)}")
        for name in chosen:
            parts[name][field] = changes[place]
    return {"input": parts.pop("input"), "layers": list(parts.values())}


def _concerns(layer: Any, field: str) -> bool:
    if field == "activation":
        return getattr(layer, field, "identity") != "identity"
    if field.startswith("bias") and not getattr(layer, "has_bias", True):
        return False
    return field in type(layer).model_fields
