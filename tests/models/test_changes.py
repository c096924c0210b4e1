"""Ablations as changes to a spec: one field, all layers' field, layers left out, specs derived from others."""

import pytest
import torch

from reproduce.base.errors import ReproduceError
from reproduce.models.counts import count_layers, total_parameters
from reproduce.models.network import Network
from reproduce.models.spec import NetworkSpec, load_spec
from reproduce.study.study import load_study
from reproduce.study.variant import Variant


def fields(network: NetworkSpec, field: str) -> dict:
    return {layer.name: getattr(layer, field) for layer in network.layers if hasattr(layer, field)}


def differences(network: NetworkSpec, base: NetworkSpec) -> dict:
    """Fields that differ between two specs' layers of the same name, {"layer.field": (base, network)}."""
    others = {layer.name: layer for layer in base.layers}
    found = {}
    for layer in network.layers:
        if layer.name not in others:
            found[layer.name] = "added"
            continue
        for field in type(layer).model_fields:
            old, new = getattr(others[layer.name], field), getattr(layer, field)
            if old != new:
                found[f"{layer.name}.{field}"] = (old, new)
    names = [layer.name for layer in network.layers]
    return {**found, **{name: "removed" for name in others if name not in names}}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "alexnet_one_gpu",
            {
                "conv1.filters": (96, 48),
                "norm1.columns": (2, 1),
                "conv2.filters": (256, 128),
                "conv2.columns": (2, 1),
                "norm2.columns": (2, 1),
                "conv3.filters": (384, 192),
                "conv4.filters": (384, 192),
                "conv4.columns": (2, 1),
                "conv5.columns": (2, 1),
            },
        ),
        (
            "alexnet_nonoverlapping_pooling",
            {
                "pool1.window": (3, 2),
                "conv2.padding": (2, 1),
                "pool2.window": (3, 2),
                "conv5.padding": (1, 0),
                "pool5.window": (3, 2),
            },
        ),
        ("alexnet_no_normalization", {"norm1": "removed", "norm2": "removed", "norm2_within_maps": "removed"}),
        (
            "alexnet_no_cross_column",
            {
                "conv2.filters": (256, 320),
                "conv3.columns": (1, 2),
                "fc6.outputs": (4096, 8192),
                "fc6.columns": (1, 2),
                "fc7.columns": (1, 2),
            },
        ),
        ("alexnet_six_conv", {"conv6": "added"}),
        (
            "alexnet_paper",  # deviations D2 and D5 and nothing else
            {
                "conv1.activation": ("identity", "relu"),
                "pool1.activation": ("relu", "identity"),
                "conv5.activation": ("identity", "relu"),
                "pool5.activation": ("relu", "identity"),
                "norm2_within_maps": "removed",
            },
        ),
    ],
)
def test_what_each_net_changes_of_the_released_one(name, expected):
    assert differences(load_spec(name), load_spec("alexnet_as_released")) == expected


ONE_GPU = {"conv1.filters": 48, "conv2.filters": 128, "conv3.filters": 192, "conv4.filters": 192, "*.columns": 1}
SIDE_BY_SIDE = {"pool1.window": 2, "pool2.window": 2, "pool5.window": 2, "conv2.padding": 1, "conv5.padding": 0}
NO_LINKS = {"conv2.filters": 320, "conv3.columns": 2, "fc6.outputs": 8192, "fc6.columns": 2, "fc7.columns": 2}


@pytest.mark.parametrize(
    ("name", "remove", "changes"),
    [
        ("alexnet_one_gpu", [], ONE_GPU),
        ("alexnet_nonoverlapping_pooling", [], SIDE_BY_SIDE),
        ("alexnet_no_normalization", ["norm1", "norm2"], {}),
        ("alexnet_no_cross_column", [], NO_LINKS),
    ],
)
def test_the_papers_form_takes_the_same_ablations_as_a_variant(name, remove, changes):
    """Deviation D5: what is left between the two forms is D2 and the third normalization, whatever the ablation."""
    variant = load_study("cifar10_nets").variant("80sec")
    ablation = variant.model_copy(update={"network": "alexnet_paper", "remove": remove, "changes": changes})
    left = differences(ablation.network_spec(), load_spec(name))
    between_forms = differences(load_spec("alexnet_paper"), load_spec("alexnet_as_released"))
    if name == "alexnet_no_normalization":  # which has no third normalization either
        del between_forms["norm2_within_maps"]
    assert left == between_forms
    assert total_parameters(ablation.network_spec()) == total_parameters(load_spec(name))


def test_six_conv_stands_where_the_authors_put_it():
    names = [layer.name for layer in load_spec("alexnet_six_conv").layers]
    assert names[names.index("conv6") - 1 : names.index("conv6") + 2] == ["pool5", "conv6", "fc6"]
    rows = {row.name: row for row in count_layers(load_spec("alexnet_six_conv"))}
    assert (rows["conv6"].maps, rows["conv6"].side) == (256, 6)


@pytest.mark.parametrize("name", ["alexnet_paper", "alexnet_as_released"])
def test_tanh_everywhere_but_in_the_output(name):
    network = load_spec(name, {"*.activation": "tanh"})
    before, after = fields(load_spec(name), "activation"), fields(network, "activation")
    hidden = {layer for layer, activation in before.items() if activation == "relu"}
    assert len(hidden) == 7
    assert after == {layer: "tanh" if layer in hidden else "identity" for layer in before}


def test_biases_0_and_no_weight_decay():
    network = load_spec("alexnet_paper", {"*.bias": 0.0, "*.weight_decay": 0.0})
    assert set(fields(network, "bias").values()) == {0.0}
    assert set(fields(network, "weight_decay").values()) == {0.0}
    assert fields(load_spec("alexnet_paper"), "bias") == {
        **{"conv1": 0.0, "conv2": 1.0, "conv3": 0.0, "conv4": 1.0, "conv5": 1.0},
        **{"fc6": 1.0, "fc7": 1.0, "fc8": 0.0},
    }


def test_no_dropout_leaves_everything_else():
    removed = load_spec("alexnet_paper", remove=["drop6", "drop7"])
    assert differences(removed, load_spec("alexnet_paper")) == {"drop6": "removed", "drop7": "removed"}
    assert total_parameters(removed) == 60_965_224


# Weights and biases of the layers whose input changes, by hand (deviation D26).
CONV3, CONV4, CONV5 = 384 * (256 * 9 + 1), 384 * (192 * 9 + 1), 256 * (192 * 9 + 1)


@pytest.mark.parametrize(
    ("remove", "changes", "parameters"),
    [
        ("conv3", {"conv4.columns": 1}, 60_965_224 - CONV3 - CONV4 + 384 * (256 * 9 + 1)),
        ("conv4", {}, 60_965_224 - CONV4),
        ("conv5", {"conv4.filters": 256}, 60_965_224 - CONV5 - CONV4 + 256 * (192 * 9 + 1)),
    ],
)
def test_one_convolution_removed_with_sizes_unchanged(remove, changes, parameters):
    network = load_spec("alexnet_paper", changes, remove=[remove])
    assert total_parameters(network) == parameters
    rows = {row.name: row for row in count_layers(network)}
    assert remove not in rows
    assert (rows["pool5"].maps, rows["pool5"].side) == (256, 6)
    small = load_spec(
        "alexnet_paper", {**changes, "input.size": 64, "fc6.outputs": 8, "fc7.outputs": 8}, remove=[remove]
    )
    with torch.no_grad():
        assert Network(small, seed=1)(torch.ones(2, 3, 64, 64)).shape == (2, 1000)


def test_a_single_layers_change_wins_over_all_layers():
    network = load_spec("alexnet_paper", {"fc8.weight_decay": 0.5, "*.weight_decay": 0.0})
    assert fields(network, "weight_decay") == {
        **dict.fromkeys(["conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7"], 0.0),
        "fc8": 0.5,
    }


@pytest.mark.parametrize(
    ("changes", "remove", "message"),
    [
        ({"conv9.filters": 3}, [], "cannot change 'conv9.filters'"),
        ({"conv1": 3}, [], "cannot change 'conv1'"),
        ({"*.flavor": 3}, [], r"cannot change '\*.flavor'; no layer has a field 'flavor'"),
        ({"*": 3}, [], r"cannot change '\*'; write layer.field"),
        ({"conv1.flavor": 3}, [], "Extra inputs are not permitted"),
        ({"conv1.filters": "many"}, [], "valid integer, got 'many'"),
        ({"drop6.keep": 0.9}, ["drop6"], "cannot change 'drop6.keep'"),
        ({}, ["conv9"], "cannot remove 'conv9'"),
        ({"conv1.initialization": "uniform_fan_in"}, [], "weight_std"),
        ({"fc6.columns": 2, "fc6.outputs": 4095}, [], "fc6: 256 maps in and 4095 out do not divide into 2 columns"),
    ],
)
def test_a_change_that_cannot_be_made_is_one_clear_line(changes, remove, message):
    with pytest.raises(ReproduceError, match=message) as caught:
        load_spec("alexnet_paper", changes, remove=remove)
    assert "\n" not in str(caught.value)
    assert "alexnet_paper.yaml" in str(caught.value)


def derived(folder, text):
    (folder / "base.yaml").write_text(
        "source: made up\ninput: {channels: 1, size: 4}\nlayers:\n"
        "  - {name: pool1, type: max_pooling, window: 2, stride: 2}\n"
    )
    (folder / "other.yaml").write_text("source: made up\nbase: base\n" + text)
    return load_spec("other", folder=folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("layers: []\n", "layers: Extra inputs"),
        ("remove: [pool2]\n", "cannot remove 'pool2'"),
        ("add: {pool3: {name: pool4, type: max_pooling, window: 2, stride: 2}}\n", "no layer 'pool3' to follow"),
        ("add: {pool1: {name: pool1, type: max_pooling, window: 2, stride: 2}}\n", "names must be unique"),
        ("remove: [pool1]\n", "at least 1 item"),
    ],
)
def test_a_derived_spec_that_cannot_be_built_names_its_own_file(tmp_path, text, message):
    with pytest.raises(ReproduceError, match=message) as caught:
        derived(tmp_path, text)
    assert "other.yaml" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("source: made up\nbase: other\n", "base other is itself derived from base"),
        ("source: made up\nbase: nothing\n", "there is no network spec 'nothing'"),
        ("- a list\n", "a network spec is a mapping"),
        ("", "a network spec is a mapping"),
    ],
)
def test_a_spec_without_a_whole_net_behind_it(tmp_path, text, message):
    derived(tmp_path, "")
    (tmp_path / "third.yaml").write_text(text)
    with pytest.raises(ReproduceError, match=message):
        load_spec("third", folder=tmp_path)


def test_a_derived_spec_is_the_base_with_its_changes(tmp_path):
    network = derived(tmp_path, "changes: {pool1.stride: 1}\nadd: {pool1: {name: drop1, type: dropout, keep: 0.5}}\n")
    assert [(layer.name, maps, side) for layer, _, _, maps, side in network.shapes(4)] == [
        ("pool1", 1, 3),
        ("drop1", 1, 3),
    ]


def test_a_variant_leaves_layers_out_and_its_digest_follows():
    variant = load_study("cifar10_nets").variant("conv_local_13pct_lrn")
    without = variant.model_copy(update={"remove": ["norm1", "norm2"]})
    assert [layer.name for layer in without.network_spec().layers] == [
        layer.name for layer in load_spec("conv_local_13pct").layers
    ]
    assert without.digest() != variant.digest()
    assert "remove" not in without.resolved()
    assert Variant.model_validate({**variant.model_dump(), "remove": ["norm1"]}).remove == ["norm1"]


def test_fields_younger_than_the_published_runs_do_not_touch_their_digests():
    for layer in load_spec("conv_local_11pct").model_dump()["layers"]:
        assert not {"columns", "rounding", "form", "initialization", "bias_weight_decay"} & layer.keys()
    dumped = {layer["name"]: layer for layer in load_spec("alexnet_paper").model_dump()["layers"]}
    assert dumped["conv2"]["columns"] == dumped["norm2"]["columns"] == 2
    assert "columns" not in dumped["conv3"]
    again = NetworkSpec.model_validate(load_spec("alexnet_paper").model_dump())
    assert again == load_spec("alexnet_paper")


def test_a_change_of_all_biases_passes_by_layers_without_them():
    """ResNet-20 has biases in batch normalization and in its output, none in its convolutions."""
    decayed = fields(load_spec("resnet20", {"*.bias_weight_decay": 0.5}), "bias_weight_decay")
    own = {name for name, decay in decayed.items() if decay == 0.5}
    assert own == {name for name in decayed if name.startswith("norm") or name == "fc10"}
