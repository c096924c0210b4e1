"""AlexNet reduced to CIFAR-10: what it keeps of the paper's net, and what its ablations leave alone."""

import math

import pytest

from reproduce.models import spec
from reproduce.models.counts import total_parameters
from reproduce.models.spec import load_spec
from reproduce.study.study import load_study

SMALL, PAPER = load_spec("alexnet_small"), load_spec("alexnet_paper")
STUDY = load_study("alexnet_small")


def inputs_of_units(network):
    found = {}
    for layer, channels, size, _, _ in network.shapes(network.input.size):
        if isinstance(layer, spec.Weighted):
            window = size if isinstance(layer, spec.FullyConnected) else layer.kernel_size
            found[layer.name] = channels // layer.columns * window**2
    return found


def sizes(network):
    return {layer.name: (maps, side) for layer, _, _, maps, side in network.shapes(network.input.size)}


def test_layers_come_in_the_papers_order_with_its_columns_biases_rates_and_decay():
    kept = ("type", "columns", "bias", "learning_rate", "bias_learning_rate", "weight_decay", "activation", "keep")
    kept += ("extent", "window", "alpha", "beta", "k")  # and the stride of pooling
    for small, paper in zip(SMALL.layers, PAPER.layers, strict=True):
        assert small.name == paper.name
        for field in kept:
            assert getattr(small, field, None) == getattr(paper, field, None), (small.name, field)
        if isinstance(small, spec.Pooling):
            assert small.stride == paper.stride


def test_a_units_input_starts_with_the_deviation_that_it_has_in_the_paper():
    small, paper = inputs_of_units(SMALL), inputs_of_units(PAPER)
    for ours, theirs in zip(SMALL.weighted_layers(), PAPER.weighted_layers(), strict=True):
        expected = theirs.weight_std * math.sqrt(paper[ours.name] / small[ours.name])
        assert ours.weight_std == pytest.approx(expected, rel=0.01), ours.name


def test_crops_are_as_large_a_part_of_the_image_as_in_the_paper():
    assert SMALL.input.size / 32 == PAPER.input.size / 256


@pytest.mark.parametrize("variant", [name for name in STUDY.variants if name != "base"])
def test_an_ablation_keeps_the_sizes_around_what_it_changes(variant):
    base, changed = sizes(SMALL), sizes(STUDY.variant(variant).network_spec())
    maps = base["conv4"][0] if variant == "no_conv5" else base["pool5"][0]  # conv4 is left as it is (D26)
    assert changed["pool5"] == (maps, base["pool5"][1]), "the dense layers see as much"
    sides = {name: side for name, (_, side) in changed.items()}
    expected = {name: base[name][1] for name in sides}
    if variant == "nonoverlapping_pooling":  # unpadded, as in the authors' net, so that windows of 2 cover it
        expected["conv5"] -= 2
    assert sides == expected


def test_no_position_is_left_out_by_windows_that_do_not_overlap():
    """By rounding up, n windows of 2 at stride 2 reach 2 n positions: as many as there are, or one beyond the edge."""
    network = STUDY.variant("nonoverlapping_pooling").network_spec()
    found = sizes(network)
    before = {"pool1": "conv1", "pool2": "conv2", "pool5": "conv5"}
    for pooling, convolution in before.items():
        assert 2 * found[pooling][1] in (found[convolution][1], found[convolution][1] + 1), pooling


def test_parameters_by_hand():
    convolutions = 32 * (75 + 1) + 64 * (400 + 1) + 96 * (576 + 1) + 96 * (432 + 1) + 64 * (432 + 1)
    dense = 512 * (576 + 1) + 512 * (512 + 1) + 10 * (512 + 1)
    assert total_parameters(SMALL) == convolutions + dense == 715_978


def test_every_arm_differs_from_the_base_in_what_its_name_says_and_nothing_else():
    base = STUDY.variant("base").resolved()
    settings = {
        name: {key for key, value in STUDY.variant(name).resolved().items() if value != base.get(key)}
        for name in STUDY.variants
    }
    assert "color_noise" in base and "color_noise" not in STUDY.variant("no_color_noise").resolved()
    assert settings["no_color_noise"] == set()  # its default is left out
    assert settings["no_crops_and_flips"] == {"augmentation"}
    assert settings["half_length"] == settings["plateau"] == {"phases"}
    for name in ("no_normalization", "tanh", "one_column", "no_weight_decay", "biases_zero", "no_conv3", "no_dropout"):
        assert settings[name] == {"network_spec"}, name
