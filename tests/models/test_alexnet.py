"""The ImageNet nets by arithmetic: sizes, parameters, operations, and initial activations of the paper's net."""

import math

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from reproduce.models import spec
from reproduce.models.counts import (
    count_layers,
    forward_flops_per_image,
    total_multiply_accumulates,
    total_parameters,
    total_units,
    training_flops_per_image,
    weighted_counts,
)
from reproduce.models.network import Network, StepDraw

pytestmark = pytest.mark.usefixtures("one_thread")

OVERLAPPING = {"conv1": 55, "pool1": 27, "conv2": 27, "pool2": 13, "conv3": 13, "conv4": 13, "conv5": 13, "pool5": 6}
SIDE_BY_SIDE = {"conv1": 55, "pool1": 28, "conv2": 26, "pool2": 13, "conv3": 13, "conv4": 13, "conv5": 11, "pool5": 6}


@pytest.fixture(scope="module")
def paper() -> Network:
    return Network(spec.load_spec("alexnet_paper"), seed=1)


# parameters, multiply-accumulates, operations per training image in units of 1e9
COUNTS = {
    "alexnet_paper": (60_965_224, 724_406_816, 4.136),
    "alexnet_as_released": (60_965_224, 724_406_816, 4.136),
    "alexnet_no_normalization": (60_965_224, 724_406_816, 4.136),
    "alexnet_one_gpu": (59_798_312, 391.5e6, 2.244),
    "alexnet_nonoverlapping_pooling": (60_965_224, 686.9e6, 3.911),
    "alexnet_no_cross_column": (60_714_408, 724.3e6, 4.135),
    "alexnet_six_conv": (61_555_304, 745.6e6, 4.263),
    "torchvision_alexnet": (61_100_840, 714.2e6, 4.145),
}


@pytest.mark.parametrize("name", COUNTS)
def test_parameters_multiply_accumulates_and_training_operations(name):
    parameters, multiply_accumulates, training_gflop = COUNTS[name]
    network = spec.load_spec(name)
    assert total_parameters(network) == parameters
    if isinstance(multiply_accumulates, int):
        assert total_multiply_accumulates(network) == multiply_accumulates
    assert round(total_multiply_accumulates(network) / 1e6, 1) == round(multiply_accumulates / 1e6, 1)
    assert round(training_flops_per_image(network) / 1e9, 3) == training_gflop


@pytest.mark.parametrize(
    ("name", "changes", "parameters", "mega", "training_gflop"),
    [
        ("alexnet_six_conv", {"fc8.outputs": 10_184}, 99_182_152, 783.3, 4.489),
        ("alexnet_paper", {"*.columns": 1}, 62_378_344, 1135.3, 6.601),  # what ports without groups train
    ],
)
def test_counts_of_a_larger_output_and_of_a_net_without_columns(name, changes, parameters, mega, training_gflop):
    network = spec.load_spec(name, changes)
    assert total_parameters(network) == parameters
    assert round(total_multiply_accumulates(network) / 1e6, 1) == mega
    assert round(training_flops_per_image(network) / 1e9, 3) == training_gflop


def test_every_layer_of_the_papers_net():
    rows = {row.name: (row.parameters, row.multiply_accumulates, row.outputs) for row in weighted_counts(paper_spec())}
    assert rows == {
        "conv1": (34_944, 105_415_200, 290_400),
        "conv2": (307_456, 223_948_800, 186_624),
        "conv3": (885_120, 149_520_384, 64_896),
        "conv4": (663_936, 112_140_288, 64_896),
        "conv5": (442_624, 74_760_192, 43_264),
        "fc6": (37_752_832, 37_748_736, 4_096),
        "fc7": (16_781_312, 16_777_216, 4_096),
        "fc8": (4_097_000, 4_096_000, 1_000),
    }
    assert total_units(paper_spec()) == 659_272


def paper_spec() -> spec.NetworkSpec:
    return spec.load_spec("alexnet_paper")


# layers/layers-145.cfg, the two GPUs' halves added up: filters or outputs, filterSize, stride, padding, columns,
# initW, initB, neuron. Columns 1 means that a map reads everything.
CONFIG_145 = {
    "conv1": (96, 11, 4, 0, 1, 0.01, 0, "identity"),  # every map reads the whole image
    "conv2": (256, 5, 1, 2, 2, 0.01, 1, "relu"),
    "conv3": (384, 3, 1, 1, 1, 0.03, 0, "relu"),
    "conv4": (384, 3, 1, 1, 2, 0.03, 1, "relu"),
    "conv5": (256, 3, 1, 1, 2, 0.03, 1, "identity"),
    "fc6": (4096, None, None, None, 1, 0.01, 1, "relu"),
    "fc7": (4096, None, None, None, 1, 0.01, 1, "relu"),
    "fc8": (1000, None, None, None, 1, 0.01, 0, "identity"),
}
ORDER_145 = "conv1 norm1 pool1 conv2 norm2 norm2_within_maps pool2 conv3 conv4 conv5 pool5 fc6 drop6 fc7 drop7 fc8"


def test_the_released_net_is_the_authors_configuration():
    network = spec.load_spec("alexnet_as_released")
    assert " ".join(layer.name for layer in network.layers) == ORDER_145
    rows = {}
    for layer in network.weighted_layers():
        sizes = [getattr(layer, field, None) for field in ("kernel_size", "stride", "padding")]
        maps = getattr(layer, "filters", None) or layer.outputs
        rows[layer.name] = (maps, *sizes, layer.columns, layer.weight_std, layer.bias, layer.activation)
        # first rates by the notes in layer-params-145.cfg; momentum 0.9 belongs to the variant
        rates = (layer.learning_rate, layer.bias_learning_rate, layer.weight_decay, layer.bias_weight_decay)
        assert rates == (0.01, 0.02, 0.0005, 0.0)
    assert rows == CONFIG_145
    by_name = {layer.name: layer for layer in network.layers}
    for norm in (by_name["norm1"], by_name["norm2"]):
        assert (norm.extent, norm.window, norm.alpha, norm.beta, norm.k) == ("across_maps", 5, 0.0001, 0.75, 2.0)
        assert norm.columns == 2
        assert norm.alpha_per_square == pytest.approx(2e-5)
    within = by_name["norm2_within_maps"]
    assert (within.extent, within.window, within.alpha, within.beta, within.k) == ("within_map", 5, 0.001, 0.75, 1.0)
    assert within.alpha_per_square == pytest.approx(4e-5)
    pools = [by_name[name] for name in ("pool1", "pool2", "pool5")]
    assert [(pool.window, pool.stride, pool.activation) for pool in pools] == [
        (3, 2, "relu"),
        (3, 2, "identity"),
        (3, 2, "relu"),
    ]
    assert {(by_name[name].keep, by_name[name].form) for name in ("drop6", "drop7")} == {(0.5, "unscaled_mask")}


def test_training_operations_by_hand_for_a_net_of_two_layers():
    """conv 1 x 1 on 2 x 2 pixels, 3 maps to 5; dense 20 to 7: 60 and 140 multiply-accumulates."""
    rates = {"learning_rate": 1.0, "bias_learning_rate": 1.0, "weight_decay": 0.0, "weight_std": 1.0}
    conv = {"name": "conv1", "type": "convolution", "filters": 5, "kernel_size": 1, "activation": "relu", **rates}
    dense = {"name": "fc2", "type": "fully_connected", "outputs": 7, "activation": "identity", **rates}
    content = {"source": "made up", "input": {"channels": 3, "size": 2}, "layers": [conv, dense]}
    network = spec.NetworkSpec.model_validate(content)
    assert forward_flops_per_image(network) == 2 * (60 + 140)
    assert training_flops_per_image(network) == 2 * (2 * 60 + 3 * 140)


@pytest.mark.parametrize("name", [*COUNTS, "teaching_alexnet"])
def test_forward_operations_equal_torchs_own_count(name):
    """torch counts what it really multiplies; its count of the backward pass is wrong for groups, so forward only."""
    dense = {"fc6.outputs": 64, "fc7.outputs": 32}
    network_spec = spec.load_spec(name, {"input.size": 96, **dense})
    network = Network(network_spec, seed=1)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, network_spec.input.channels, 96, 96))
    assert counter.get_total_flops() == forward_flops_per_image(network_spec)
    assert sum(parameter.numel() for parameter in network.parameters()) == total_parameters(network_spec)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("alexnet_paper", OVERLAPPING),
        ("alexnet_as_released", OVERLAPPING),
        ("alexnet_one_gpu", OVERLAPPING),
        ("alexnet_no_normalization", OVERLAPPING),
        ("alexnet_no_cross_column", OVERLAPPING),
        ("alexnet_six_conv", {**OVERLAPPING, "conv6": 6}),
        ("alexnet_nonoverlapping_pooling", SIDE_BY_SIDE),
        ("torchvision_alexnet", OVERLAPPING),
        ("teaching_alexnet", OVERLAPPING),
    ],
)
def test_map_sizes(name, expected):
    sides = {row.name: row.side for row in count_layers(spec.load_spec(name))}
    assert {layer: side for layer, side in sides.items() if layer.startswith(("conv", "pool"))} == expected


@pytest.mark.parametrize("name", [name for name in COUNTS if name.startswith("alexnet")])
def test_the_first_dense_layer_reads_9216_units(name):
    dense = next(shape for shape in spec.load_spec(name).shapes(224) if isinstance(shape[0], spec.FullyConnected))
    assert dense[1] * dense[2] ** 2 == 9216


def test_initial_activations_of_the_papers_net(paper):
    """On independent pixels of standard deviation 74 every layer's responses are of order one (deviation D7).

    conv1's are 0.01 * sqrt(363) * 74 = 14.1; above it a response's standard deviation around its bias is
    weight_std * sqrt(inputs * mean square of the inputs), less at the borders, where padding is zero.
    """
    x = 74 * torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    sides = []
    with torch.no_grad():
        for name, layer in paper.layers.items():
            before, x = x, layer(x, None)
            assert torch.isfinite(x).all()
            sides.append((name, x.shape[1], x.shape[2] if x.dim() == 4 else 1))
            if name.startswith(("conv", "fc")):
                settings = layer.settings
                expected = settings.weight_std * math.sqrt(layer.inputs * before.square().mean().item())
                activation, layer.activation = layer.activation, lambda value: value
                response = layer(before, None) - settings.bias
                layer.activation = activation
                share = response.square().mean().sqrt().item() / expected
                assert 0.85 < share < 1.1, (name, share)
                assert 0.4 < expected < 15, (name, expected)
                if name == "conv1":
                    assert expected == pytest.approx(14.1, rel=0.01)
    assert [row for row in sides if row[0].startswith(("conv", "pool"))] == [
        ("conv1", 96, 55),
        ("pool1", 96, 27),
        ("conv2", 256, 27),
        ("pool2", 256, 13),
        ("conv3", 384, 13),
        ("conv4", 384, 13),
        ("conv5", 256, 13),
        ("pool5", 256, 6),
    ]
    assert x.shape == (2, 1000)
    assert x.std() < 1.5  # so the first loss is near ln 1000


def test_with_unit_variance_pixels_the_first_layer_starts_75_times_smaller_and_biases_take_over(paper):
    """Deviation D7: responses of conv1 have standard deviation 0.19, and normalization is the factor 2 ** -0.75."""
    x = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        first = paper.layers.conv1(x, None)
        normalized = paper.layers.norm1(first, None)
        fed_by_images = paper.layers.conv2(paper.layers.pool1(normalized, None), None) - 1
    assert math.sqrt(2 * first.square().mean()) == pytest.approx(0.19, abs=0.005)
    assert (normalized.sum() / first.sum()).item() == pytest.approx(2**-0.75, rel=1e-4)
    assert fed_by_images.std() < 0.1  # beside a bias of 1


def test_one_training_pass_at_full_size_reaches_every_parameter(paper):
    x = 74 * torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    loss = torch.nn.functional.cross_entropy(paper(x, StepDraw(1, 0)), torch.tensor([3, 900]))
    assert loss.item() == pytest.approx(math.log(1000), abs=1.5)
    gradients = torch.autograd.grad(loss, list(paper.parameters()))
    assert all(torch.isfinite(gradient).all() and gradient.abs().max() > 0 for gradient in gradients)


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", [*COUNTS, "teaching_alexnet"])
def test_every_net_trains_a_step_in_both_precisions(name, precision):
    changes = {"input.size": 96, "fc6.outputs": 64, "fc7.outputs": 32, "fc8.outputs": 10}
    network_spec = spec.load_spec(name, changes)
    network = Network(network_spec, seed=1)
    x = 60 * torch.randn(4, network_spec.input.channels, 96, 96, generator=torch.Generator().manual_seed(0))
    out = network(x.to(precision).contiguous(memory_format=torch.channels_last), StepDraw(1, 0))
    assert out.shape == (4, 10)
    assert out.dtype == torch.float32
    gradients = torch.autograd.grad(out.square().sum(), list(network.parameters()))
    assert all(torch.isfinite(gradient).all() and gradient.dtype == torch.float32 for gradient in gradients)
