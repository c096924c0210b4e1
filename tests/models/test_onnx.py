"""The paper's net node by node against two graphs that others wrote: the AlexNet and ZFNet-512 of the onnx package.

Both are exports of Caffe2's models, shipped as test data; the first is Caffe's bvlc_alexnet. They hold shapes and
settings but no trained weights.
"""

from pathlib import Path

import onnx
import pytest
from onnx import helper, numpy_helper

from reproduce.models import spec

GRAPHS = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"

_NAMES = {"Conv": "conv", "LRN": "norm", "MaxPool": "pool", "Gemm": "fc", "Relu": "relu", "Dropout": "drop"}


def nodes_of_graph(name: str) -> list[tuple[str, dict]]:
    """(kind, settings) of every node that computes, in order; weight shapes come from the constants that fill them."""
    graph = onnx.load(GRAPHS / f"{name}.onnx").graph
    shapes = {value.name.removesuffix("__SHAPE"): numpy_helper.to_array(value).tolist() for value in graph.initializer}
    nodes = []
    for node in graph.node:
        fields = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
        match node.op_type:
            case "Conv":
                maps, inputs, side, _ = shapes[node.input[1]]
                settings = {"maps": maps, "inputs of a map": inputs, "kernel": side, "group": fields.get("group", 1)}
                assert fields["kernel_shape"] == [side, side]
                settings |= {"stride": tuple(fields["strides"]), "pads": tuple(fields["pads"])}
            case "MaxPool":
                settings = {"kernel": fields["kernel_shape"][0], "stride": tuple(fields["strides"])}
                settings["pads"] = tuple(fields["pads"])
            case "LRN":
                settings = {field: round(float(fields[field]), 9) for field in ("size", "alpha", "beta")}
                settings |= {"k": fields["bias"], "columns": 1}  # ONNX knows no columns
            case "Gemm":
                settings = {"outputs": shapes[node.input[1]][0], "inputs": shapes[node.input[1]][1]}
            case "Dropout":
                settings = {"ratio": fields["ratio"], "form": "inverted"}  # by the operator's definition
            case "Relu":
                settings = {}
            case _:
                assert node.op_type in ("ConstantOfShape", "Reshape", "Softmax")
                continue
        nodes.append((_NAMES[node.op_type], settings))
    return nodes


def nodes_of_spec(network: spec.NetworkSpec) -> list[tuple[str, dict]]:
    """The same of one of our specs."""
    nodes = []
    for layer, channels, size, maps, side in network.shapes(network.input.size):
        match layer:
            case spec.Convolution():
                settings = {"maps": maps, "inputs of a map": channels // layer.columns, "kernel": layer.kernel_size}
                settings |= {"group": layer.columns, "stride": (layer.stride,) * 2}
                over = (side - 1) * layer.stride + layer.kernel_size - size - 2 * layer.padding
                settings["pads"] = (layer.padding,) * 2 + (layer.padding + max(over, 0),) * 2
                nodes.append(("conv", settings))
            case spec.Pooling(type="max_pooling"):
                over = (side - 1) * layer.stride + layer.window - size
                settings = {"kernel": layer.window, "stride": (layer.stride,) * 2, "pads": (0, 0, over, over)}
                nodes.append(("pool", settings))
            case spec.ResponseNormalization(extent="across_maps"):
                settings = {"size": layer.window, "alpha": layer.alpha, "beta": layer.beta, "k": layer.k}
                nodes.append(("norm", {**settings, "columns": layer.columns}))
            case spec.FullyConnected():
                nodes.append(("fc", {"outputs": maps, "inputs": channels * size * size}))
            case spec.Dropout():
                nodes.append(("drop", {"ratio": 1 - layer.keep, "form": layer.form}))
            case _:
                raise AssertionError(layer)
        if getattr(layer, "activation", "identity") == "relu":
            nodes.append(("relu", {}))
    return nodes


def numbered(nodes: list[tuple[str, dict]]) -> dict[str, dict]:
    counts: dict[str, int] = {}
    names = {}
    for kind, settings in nodes:
        counts[kind] = counts.get(kind, 0) + 1
        names[f"{kind}{counts[kind]}"] = settings
    return names


def differences(theirs: list, ours: list) -> dict[str, tuple]:
    """{"node.setting": (theirs, ours)} of nodes of the same kind and number."""
    theirs, ours = numbered(theirs), numbered(ours)
    return {
        f"{name}.{field}": (theirs[name][field], ours[name][field])
        for name in theirs.keys() & ours.keys()
        for field in theirs[name]
        if theirs[name][field] != ours[name][field]
    }


def order(nodes: list[tuple[str, dict]]) -> list[str]:
    return [kind for kind, _ in nodes]


@pytest.fixture(scope="module")
def paper() -> list[tuple[str, dict]]:
    return nodes_of_spec(spec.load_spec("alexnet_paper"))


def test_bvlc_alexnet_differs_in_what_the_table_of_architectures_says_and_nothing_else(paper):
    graph = nodes_of_graph("light_bvlc_alexnet")
    assert order(graph) == order(paper)
    assert len(graph) == 5 + 2 + 3 + 3 + 7 + 2  # convolutions, normalizations, pools, dense, ReLU, dropout
    dropout_inverted = {"drop1.form": ("inverted", "unscaled_mask"), "drop2.form": ("inverted", "unscaled_mask")}
    assert differences(graph, paper) == {
        # D1: Caffe's net wants 227 pixels; the export says 224 without zeros, so its maps are 54, 26, 12, and its last
        # pool needs a zero at the end to reach 6.
        "conv1.pads": ((0, 0, 0, 0), (0, 0, 3, 3)),
        "pool3.pads": ((0, 0, 1, 1), (0, 0, 0, 0)),
        "norm1.k": (1.0, 2.0),  # Caffe's constant
        "norm2.k": (1.0, 2.0),
        "norm1.columns": (1, 2),  # D4
        "norm2.columns": (1, 2),
        **dropout_inverted,  # D13
    }


def test_bvlc_alexnet_against_the_net_on_one_column_of_227_pixels(paper):
    """With the differences of Caffe taken over as changes, nothing but the export's input size is left."""
    changes = {"input.size": 227, "norm1.k": 1.0, "norm2.k": 1.0, "norm1.columns": 1, "norm2.columns": 1}
    changes |= {"drop6.form": "inverted", "drop7.form": "inverted"}
    caffe = nodes_of_spec(spec.load_spec("alexnet_paper", changes))
    assert differences(nodes_of_graph("light_bvlc_alexnet"), caffe) == {"pool3.pads": ((0, 0, 1, 1), (0, 0, 0, 0))}


def test_zfnet_512_shares_order_normalization_and_upper_filters(paper):
    """ZFNet is another net; what it took over from the paper's must agree, the rest is listed."""
    graph = nodes_of_graph("light_zfnet512")
    assert order(graph) == [kind for kind in order(paper) if kind != "drop"]
    widths = {
        "conv3.maps": (512, 384),
        "conv4.maps": (512, 384),
        "conv5.maps": (512, 256),
        "conv4.inputs of a map": (512, 192),
        "conv5.inputs of a map": (512, 192),
        "fc1.inputs": (18432, 9216),
        "fc2.outputs": (1024, 4096),
        "fc3.inputs": (1024, 4096),
    }
    no_columns = {
        **{f"conv{place}.group": (1, 2) for place in (2, 4, 5)},
        **{f"norm{place}.columns": (1, 2) for place in (1, 2)},
        "conv2.inputs of a map": (96, 48),
    }
    assert differences(graph, paper) == {
        **widths,
        **no_columns,
        "conv1.kernel": (7, 11),
        "conv1.stride": ((2, 2), (4, 4)),
        "conv1.pads": ((0, 0, 0, 0), (0, 0, 3, 3)),
        "conv2.stride": ((2, 2), (1, 1)),
        "conv2.pads": ((0, 0, 0, 0), (2, 2, 2, 2)),
        "pool3.kernel": (2, 3),
        # D3: 0.0005 over a window of 5 is 0.0001 per square, the paper's formula read without the division.
        "norm1.alpha": (0.0005, 0.0001),
        "norm2.alpha": (0.0005, 0.0001),
    }
    assert {name: numbered(graph)[name]["k"] for name in ("norm1", "norm2")} == {"norm1": 2.0, "norm2": 2.0}
