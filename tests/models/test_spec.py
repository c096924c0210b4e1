"""Network specs: the six nets against a table read from cuda-convnet's files, and what a spec may not say."""

import pytest

from reproduce.base.errors import ReproduceError
from reproduce.base.validation import validated
from reproduce.models.spec import NetworkSpec, Pooling, ResponseNormalization, load_spec, rounded_up_size

# One row per layer with weights, from example-layers/layers-*.cfg and layer-params-*.cfg: kind, filters or outputs,
# filter size, padding, initW, wc, neuron. Stride 1, epsW 0.001, epsB 0.002 and initB 0 hold everywhere.
CONV1 = ("convolution", 32, 5, 2, 1e-4, 0.004, "identity")  # its ReLU sits on pool1
CONV2 = ("convolution", 32, 5, 2, 0.01, 0.004, "relu")
CONV3 = ("convolution", 64, 5, 2, 0.01, 0.004, "relu")
WIDE_CONV1 = ("convolution", 64, 5, 2, 1e-4, 0.0, "relu")
WIDE_CONV2 = ("convolution", 64, 5, 2, 0.01, 0.0, "relu")
LOCAL32 = ("local", 32, 3, 1, 0.04, 0.004, "relu")
LOCAL64 = ("local", 64, 3, 1, 0.04, 0.004, "relu")


def fully(outputs, weight_std, weight_decay, activation="identity"):
    return ("fully_connected", outputs, None, None, weight_std, weight_decay, activation)


WEIGHTED = {
    "80sec": [CONV1, CONV2, CONV3, fully(64, 0.1, 0.03, "relu"), fully(10, 0.1, 0.03)],
    "19pct": [CONV1, CONV2, CONV3, fully(10, 0.01, 3.0)],
    "18pct": [CONV1, CONV2, CONV3, fully(10, 0.01, 1.0)],
    "conv_local_13pct": [WIDE_CONV1, WIDE_CONV2, LOCAL32, LOCAL32, fully(10, 0.01, 0.004)],
    "conv_local_13pct_lrn": [WIDE_CONV1, WIDE_CONV2, LOCAL32, LOCAL32, fully(10, 0.01, 0.004)],
    "conv_local_11pct": [WIDE_CONV1, WIDE_CONV2, LOCAL64, LOCAL32, fully(10, 0.01, 0.01)],
}
ORDER = {
    "80sec": "conv1 pool1 conv2 pool2 conv3 pool3 fc64 fc10",
    "19pct": "conv1 pool1 conv2 pool2 conv3 pool3 fc10",
    "18pct": "conv1 pool1 norm1 conv2 pool2 norm2 conv3 pool3 fc10",
    "conv_local_13pct": "conv1 pool1 conv2 pool2 local3 local4 fc10",
    "conv_local_13pct_lrn": "conv1 norm1 pool1 conv2 norm2 pool2 local3 local4 fc10",
    "conv_local_11pct": "conv1 pool1 norm1 conv2 norm2 pool2 local3 local4 fc10",
}
POOLING = {
    "80sec": [("max_pooling", "relu"), ("average_pooling", "identity"), ("average_pooling", "identity")],
    "conv_local_13pct": [("max_pooling", "identity"), ("max_pooling", "identity")],
}
POOLING |= dict.fromkeys(("19pct", "18pct"), POOLING["80sec"])
POOLING |= dict.fromkeys(("conv_local_13pct_lrn", "conv_local_11pct"), POOLING["conv_local_13pct"])
# extent, size, scale, pow, constant, and scale per square: over the size across maps, over its square within one
NORMALIZATION = {
    "18pct": ("within_map", 3, 5e-5, 0.75, 1.0, 5e-5 / 9),
    "conv_local_13pct_lrn": ("across_maps", 5, 1e-3, 0.75, 1.0, 2e-4),
    "conv_local_11pct": ("across_maps", 9, 1e-3, 0.75, 1.0, 1e-3 / 9),
}


@pytest.mark.parametrize("name", WEIGHTED)
def test_weighted_layers_are_those_of_the_source(name):
    rows = []
    for layer in load_spec(name).weighted_layers():
        assert (layer.learning_rate, layer.bias_learning_rate, layer.bias) == (0.001, 0.002, 0.0)
        if layer.type == "fully_connected":
            size = (layer.outputs, None, None)
        else:
            assert layer.stride == 1
            size = (layer.filters, layer.kernel_size, layer.padding)
        rows.append((layer.type, *size, layer.weight_std, layer.weight_decay, layer.activation))
    assert rows == WEIGHTED[name]


@pytest.mark.parametrize("name", ORDER)
def test_layers_stand_in_the_order_of_the_source(name):
    assert " ".join(layer.name for layer in load_spec(name).layers) == ORDER[name]


@pytest.mark.parametrize("name", POOLING)
def test_pooling_is_that_of_the_source(name):
    layers = [layer for layer in load_spec(name).layers if isinstance(layer, Pooling)]
    assert [(layer.type, layer.activation) for layer in layers] == POOLING[name]
    assert {(layer.window, layer.stride) for layer in layers} == {(3, 2)}


@pytest.mark.parametrize("name", ORDER)
def test_normalization_is_that_of_the_source(name):
    layers = [layer for layer in load_spec(name).layers if isinstance(layer, ResponseNormalization)]
    assert len(layers) == (2 if name in NORMALIZATION else 0)
    for layer in layers:
        *settings, per_square = NORMALIZATION[name]
        assert [layer.extent, layer.window, layer.alpha, layer.beta, layer.k] == settings
        assert layer.alpha_per_square == pytest.approx(per_square, rel=1e-12)


@pytest.mark.parametrize("name", ORDER)
def test_input_is_the_whole_image_or_the_crop(name):
    size = load_spec(name).input
    assert (size.channels, size.size) == (3, 24 if name.startswith("conv_local") else 32)


@pytest.mark.parametrize(
    ("size", "window", "stride", "padding", "expected"),
    [
        (224, 11, 4, 0, 55),  # 53.25 steps, rounded up: the first layer of the ImageNet net
        (227, 11, 4, 0, 55),
        (55, 3, 2, 0, 27),
        (32, 3, 2, 0, 16),  # the last window hangs over by one
        (24, 3, 2, 0, 12),
        (32, 5, 1, 2, 32),
        (6, 3, 1, 1, 6),
        (2, 3, 2, 0, 1),  # a window larger than the image
    ],
)
def test_output_sizes_round_up(size, window, stride, padding, expected):
    assert rounded_up_size(size, window, stride, padding) == expected


CONVOLUTION = {
    "name": "conv1",
    "type": "convolution",
    "filters": 4,
    "kernel_size": 3,
    "weight_std": 0.01,
    "learning_rate": 0.001,
    "bias_learning_rate": 0.002,
    "weight_decay": 0.0,
    "activation": "relu",
}
POOL = {"name": "pool1", "type": "max_pooling", "window": 3, "stride": 2}
NORM = {
    "name": "norm1",
    "type": "response_normalization",
    "extent": "within_map",
    "window": 3,
    "alpha": 1e-3,
    "beta": 0.75,
    "k": 1.0,
}
DROP = {"name": "drop1", "type": "dropout", "keep": 0.5}


def parse(*layers, size=8):
    return validated(NetworkSpec, {"source": "-", "input": {"channels": 3, "size": size}, "layers": list(layers)}, "n")


def test_a_spec_of_every_kind_is_accepted():
    assert len(parse(CONVOLUTION, POOL, NORM, DROP).layers) == 4


@pytest.mark.parametrize(
    ("layer", "changes", "message"),
    [
        (
            CONVOLUTION,
            {"learning_rate": -0.001},
            "learning_rate: Input should be greater than or equal to 0, got -0.001",
        ),
        (CONVOLUTION, {"bias_learning_rate": -1.0}, "bias_learning_rate: Input should be greater than or equal to 0"),
        (CONVOLUTION, {"weight_decay": -0.1}, "weight_decay: "),
        (CONVOLUTION, {"weight_std": 0.0}, "weight_std: "),
        (CONVOLUTION, {"activation": "gelu"}, "activation: "),
        (CONVOLUTION, {"kernel_sise": 3}, "kernel_sise: Extra inputs are not permitted"),
        (CONVOLUTION, {"filters": "4"}, "filters: "),
        (CONVOLUTION, {"padding": -1}, "padding: "),
        (CONVOLUTION, {"type": "deconvolution"}, "'deconvolution'"),
        (CONVOLUTION, {"kernel_size": 9}, "conv1: its window does not fit maps of 8 x 8 pixels$"),
        (CONVOLUTION, {"name": "Conv 1"}, "name: "),
        (POOL, {"stride": 4}, "stride 4 must not exceed window 3$"),
        (POOL, {"stride": 0}, "stride: "),
        (NORM, {"window": 4}, "window must be odd, so that it is centered, got 4$"),
        (NORM, {"k": 0.0}, "k: "),
        (DROP, {"keep": 0.0}, "keep: "),
        (DROP, {"keep": 1.5}, "keep: "),
    ],
)
def test_a_wrong_layer_is_named(layer, changes, message):
    with pytest.raises(ReproduceError, match=rf"^n: .*{message}"):
        parse(layer | changes)


def test_names_must_differ():
    with pytest.raises(ReproduceError, match="layer names must be unique"):
        parse(CONVOLUTION, CONVOLUTION)


def test_windows_must_fit_the_maps_they_see():
    shrinking = CONVOLUTION | {"stride": 4}
    assert len(parse(shrinking, POOL).layers) == 2  # 8 -> 3 -> 1
    with pytest.raises(ReproduceError, match="^n: .*conv2: its window does not fit maps of 1 x 1 pixels$"):
        parse(shrinking, POOL, CONVOLUTION | {"name": "conv2"})  # 3 x 3 on 1 x 1


def test_maps_end_at_a_fully_connected_layer():
    rates = {key: CONVOLUTION[key] for key in ("weight_std", "learning_rate", "bias_learning_rate", "weight_decay")}
    fully = {"name": "fc1", "type": "fully_connected", "outputs": 5, "activation": "tanh", **rates}
    assert len(parse(fully, DROP, fully | {"name": "fc2"}).layers) == 3
    with pytest.raises(ReproduceError, match="pool1: a max_pooling layer cannot follow a fully connected one$"):
        parse(fully, DROP, POOL)


def test_layers_that_need_biases_cannot_leave_them_out():
    local = CONVOLUTION | {"name": "local1", "type": "local"}
    rates = {key: CONVOLUTION[key] for key in ("weight_std", "learning_rate", "weight_decay", "activation")}
    fully = {"name": "fc1", "type": "fully_connected", "outputs": 6, "bias_learning_rate": 0.0, **rates}
    without = {"has_bias": False, "bias_learning_rate": 0.0}
    assert len(parse(CONVOLUTION | without, local, fully | without).layers) == 3
    for layer in (local | without, fully | without | {"columns": 2}):
        with pytest.raises(ReproduceError, match="has_bias: false is for convolutions and fully connected layers of"):
            parse(CONVOLUTION, layer)


def test_changes_are_applied_and_checked():
    assert load_spec("80sec", {"fc64.weight_std": 0.2, "conv1.filters": 16}).layers[0].filters == 16
    with pytest.raises(ReproduceError, match=r"80sec\.yaml: cannot change 'fc65\.weight_std'; write layer\.field"):
        load_spec("80sec", {"fc65.weight_std": 0.2})
    with pytest.raises(ReproduceError, match="cannot change 'fc64'"):
        load_spec("80sec", {"fc64": 1})
    with pytest.raises(ReproduceError, match=r"weight_stdd: Extra inputs"):
        load_spec("80sec", {"fc64.weight_stdd": 0.2})
    with pytest.raises(ReproduceError, match=r"learning_rate: .*, got -1"):
        load_spec("80sec", {"fc64.learning_rate": -1.0})
    assert load_spec("80sec").layers[0].filters == 32


def test_an_unknown_network_lists_the_known(tmp_path):
    for name in ("80sec", "19pct"):
        (tmp_path / f"{name}.yaml").write_text("")
    with pytest.raises(ReproduceError, match=r"^there is no network spec '17pct'; known: 19pct, 80sec$"):
        load_spec("17pct", folder=tmp_path)
