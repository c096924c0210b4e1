"""The features in which ports of AlexNet differ, read from a network spec and put into words."""

from collections.abc import Callable, Iterable

from reproduce.models import spec


def _per_layer(values: Iterable[tuple[str, float]], last: float | None = None) -> str:
    """Return the values by layer in words. One value comes last as "else": ``last`` if given, or the commonest."""
    groups: dict[float, list[str]] = {}
    for name, value in values:
        groups.setdefault(value, []).append(name)
    if len(groups) == 1:
        return f"{next(iter(groups)):g}"
    rest = max(groups, key=lambda value: (value == last, len(groups[value])))
    parts = [f"{value:g} in {', '.join(names)}" for value, names in groups.items() if value != rest]
    return f"{'; '.join(parts)}; else {rest:g}"


def _of(network: spec.NetworkSpec, kind: type) -> list:
    return [layer for layer in network.layers if isinstance(layer, kind)]


def _normalizations(network: spec.NetworkSpec, extent: str) -> list[spec.ResponseNormalization]:
    return [layer for layer in _of(network, spec.ResponseNormalization) if layer.extent == extent]


def _title(network: spec.NetworkSpec) -> str:
    convolutions, dense = len(_of(network, spec.Convolution)), len(_of(network, spec.FullyConnected))
    columns = max(getattr(layer, "columns", 1) for layer in network.layers)
    return f"{convolutions} convolutions, {dense} dense layers, {columns} column{'s' * (columns > 1)}"


def _maps(network: spec.NetworkSpec) -> str:
    return ", ".join(str(layer.filters) for layer in _of(network, spec.Convolution))


def _columns(network: spec.NetworkSpec) -> str:
    cut = [layer.name for layer in _of(network, spec.Convolution | spec.FullyConnected) if layer.columns > 1]
    return f"{', '.join(cut)} (conv1 reads the image)" if cut else "none"


def _input(network: spec.NetworkSpec) -> str:
    layer, _, size, _, side = next(network.shapes(network.input.size))
    over = (side - 1) * layer.stride + layer.kernel_size - size - 2 * layer.padding
    beyond = f"{over} zeros at the right and bottom" if over > 0 else f"padding {layer.padding}"
    return f"{size} pixels, {beyond}; sizes rounded {layer.rounding}"


def sides(network: spec.NetworkSpec) -> str:
    """Return the sides of the maps after every convolution and pooling, in order."""
    shapes = network.shapes(network.input.size)
    kinds = spec.Convolution | spec.Pooling
    return ", ".join(str(side) for layer, _, _, _, side in shapes if isinstance(layer, kinds))


_STEPS = {spec.Convolution: "convolution", spec.ResponseNormalization: "normalization", spec.Pooling: "pooling"}


def _order_in_layer_1(network: spec.NetworkSpec) -> str:
    steps: list[str] = []
    for layer in network.layers:
        if layer.name == "conv2":
            break
        activation = getattr(layer, "activation", "identity")
        steps += [_STEPS[type(layer)], *(["ReLU"] if activation == "relu" else [])]
    return ", ".join(steps)


def _normalization(network: spec.NetworkSpec) -> str:
    found = {
        f"window {layer.window}, k {layer.k:g}, beta {layer.beta:g}, alpha {layer.alpha:g} / {layer.window} per square"
        for layer in _normalizations(network, "across_maps")
    }
    return "; ".join(sorted(found)) or "none"


def _crossing(network: spec.NetworkSpec) -> str:
    columns = {layer.columns for layer in _normalizations(network, "across_maps")}
    return {frozenset(): "-", frozenset({2}): "no", frozenset({1}): "yes"}[frozenset(columns)]


def _within_maps(network: spec.NetworkSpec) -> str:
    names = [layer.name for layer in network.layers]
    return (
        "; ".join(
            f"within maps after {names[names.index(layer.name) - 1]}, {layer.window} x {layer.window}, k {layer.k:g}, "
            f"alpha {layer.alpha:g} / {layer.window**2} per square"
            for layer in _normalizations(network, "within_map")
        )
        or "none"
    )


def _pooling(network: spec.NetworkSpec) -> str:
    shapes = sorted({f"window {layer.window}, stride {layer.stride}" for layer in _of(network, spec.Pooling)})
    adaptive = [f"then averages to {a.side} x {a.side} for any image size" for a in _of(network, spec.AdaptivePooling)]
    return "; ".join(shapes + adaptive)


def _dense(network: spec.NetworkSpec) -> str:
    return ", ".join(str(layer.outputs) for layer in _of(network, spec.FullyConnected))


def _dropout(network: spec.NetworkSpec) -> str:
    names = [layer.name for layer in network.layers]
    dropouts = _of(network, spec.Dropout)
    if not dropouts:
        return "none"
    places = ", ".join(f"{names[names.index(drop.name) - 1]}" for drop in dropouts)
    forms = {"unscaled_mask": "test multiplies by keep", "inverted": "scaled in training"}
    return f"keep {dropouts[0].keep:g} after {places}; {forms[dropouts[0].form]}"


def _weights(network: spec.NetworkSpec) -> str:
    if {layer.initialization for layer in network.weighted_layers()} == {"uniform_fan_in"}:
        return "uniform, bound 1 / sqrt(inputs)"
    return "Gaussian, " + _per_layer((layer.name, layer.weight_std or 0) for layer in network.weighted_layers())


def _biases(network: spec.NetworkSpec) -> str:
    if {layer.initialization for layer in network.weighted_layers()} == {"uniform_fan_in"}:
        return "uniform, bound 1 / sqrt(inputs)"
    return _per_layer([(layer.name, layer.bias) for layer in network.weighted_layers()], last=0)


def _bias_rate(network: spec.NetworkSpec) -> str:
    rates = ((layer.name, layer.bias_learning_rate / layer.learning_rate) for layer in network.weighted_layers())
    return f"{_per_layer(rates)} x the weights'"


def _decay(network: spec.NetworkSpec) -> str:
    layers = network.weighted_layers()
    weights = _per_layer((layer.name, layer.weight_decay) for layer in layers)
    biases = _per_layer((layer.name, layer.bias_weight_decay) for layer in layers)
    return f"{weights}; biases {'none' if biases == '0' else biases}"


FEATURES: dict[str, Callable[[spec.NetworkSpec], str]] = {
    "title": _title,
    "maps": _maps,
    "columns": _columns,
    "input": _input,
    "sides": sides,
    "order_in_layer_1": _order_in_layer_1,
    "normalization": _normalization,
    "crossing": _crossing,
    "within_maps": _within_maps,
    "pooling": _pooling,
    "dense": _dense,
    "dropout": _dropout,
    "weights": _weights,
    "biases": _biases,
    "bias_rate": _bias_rate,
    "decay": _decay,
}
