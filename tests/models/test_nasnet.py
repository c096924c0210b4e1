"""NASNet-A: sizes in print, cells against timm's, dropped paths, and the auxiliary head."""

import pytest
import torch
from timm.models import nasnet as timm_cells
from torch import nn
from torch.nn import functional

from reproduce.base.errors import ReproduceError
from reproduce.base.validation import validated
from reproduce.models.counts import count_layers, total_multiply_accumulates, total_parameters
from reproduce.models.network import Network, StepDraw
from reproduce.models.spec import NetworkSpec, load_spec

pytestmark = pytest.mark.usefixtures("one_thread")

FILTERS = 8
RATES = {"learning_rate": 0.025, "weight_decay": 0.0005}
STEM = {"name": "stem", "type": "convolution", "filters": 12, "kernel_size": 3, "padding": 1, "activation": "identity"}
STEM |= {"weight_std": 0.3, "bias_learning_rate": 0.0, **RATES}
CELL = {"type": "nasnet_cell", "kind": "normal", "filters": FILTERS, "epsilon": 0.001, **RATES}
CELLS = [
    CELL | {"name": "normal", "beside": "stem"},
    CELL | {"name": "reduction", "kind": "reduction", "beside": "stem"},
    CELL | {"name": "after", "beside": "normal"},
]


def network(*cells, size=8):
    content = {"source": "-", "input": {"channels": 3, "size": size}, "layers": [STEM, *cells]}
    return Network(validated(NetworkSpec, content, "n"), seed=1)


def images(count=4, size=8):
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize(
    ("name", "cells", "parameters", "multiply_accumulates"),
    [("nasnet_a_6_768", 6, 3_328_234, 526e6), ("nasnet_a_2_768", 2, 1_276_394, 214e6)],
)
def test_sizes_are_those_in_print_without_the_auxiliary_head(name, cells, parameters, multiply_accumulates):
    """3.3 million parameters (Table 1) and the multiply-accumulates of timm's cells put together in the same way."""
    spec = load_spec(name)
    (head,) = (row for row in count_layers(spec) if row.name == "auxiliary")
    assert total_parameters(spec) - head.parameters == parameters
    assert total_multiply_accumulates(spec) - head.multiply_accumulates == pytest.approx(
        multiply_accumulates, rel=0.002
    )
    sizes = [(maps, side) for layer, _, _, maps, side in spec.shapes(32) if layer.type == "nasnet_cell"]
    assert sizes == [(192, 32)] * cells + [(256, 16)] + [(384, 16)] * cells + [(512, 8)] + [(768, 8)] * cells
    assert sum(parameter.numel() for parameter in Network(spec, 1).parameters()) == parameters + head.parameters


def test_paths_are_kept_by_depth_down_to_the_published_probability():
    keeps = [layer.path_keep for layer in load_spec("nasnet_a_6_768").layers if layer.type == "nasnet_cell"]
    assert keeps == pytest.approx([1 - 0.4 * (number + 1) / 20 for number in range(20)])


def counterpart(name):
    """Return where timm keeps what ``name`` names within our cell."""
    fixed = {"before": "conv_1x1.conv", "before_norm": "conv_1x1.bn", "beside": "conv_prev_1x1.conv"}
    fixed |= {"even": "path_1.conv", "odd": "path_2.conv"}
    if name in fixed:
        return fixed[name]
    number, side, turn, kind = name.split("_")
    kinds = {"depth": "separable_{}.depthwise_conv2d", "point": "separable_{}.pointwise_conv2d", "norm": "bn_sep_{}"}
    return f"comb_iter_{number}_{side}." + kinds[kind].format(int(turn) + 1)


def timm_twin(ours, theirs, norm_beside):
    """Give timm's cell the weights of ours, whose factors and shifts are no ones and zeros, and return it."""
    random = torch.Generator().manual_seed(3)
    state = {}
    for name, part in ours.parts.items():
        place = norm_beside if name == "beside_norm" else counterpart(name)
        if name.endswith("norm"):
            part.weight.data += 0.2 * torch.randn(part.weight.shape, generator=random)
            part.bias.data += 0.2 * torch.randn(part.bias.shape, generator=random)
            state[f"{place}.bias"] = part.bias.data
        state[f"{place}.weight"] = part.weight.data
    buffers = {name: value for name, value in theirs.state_dict().items() if "running" in name or "tracked" in name}
    theirs.load_state_dict(state | buffers)
    return theirs


@torch.no_grad()
@pytest.mark.parametrize("training", [True, False])
def test_cells_compute_what_timms_cells_compute(training):
    net = network(*CELLS)
    outputs = dict(net.outputs(images(), StepDraw(1, 0)))
    stem, normal, reduction, _ = outputs.values()
    assert [tuple(each.shape[1:]) for each in outputs.values()] == [(12, 8, 8), (48, 8, 8), (32, 4, 4), (48, 4, 4)]
    pairs = [
        ("normal", timm_cells.NormalCell(12, FILTERS, 12, FILTERS, "same"), "conv_prev_1x1.bn", stem, stem),
        ("reduction", timm_cells.ReductionCell0(12, FILTERS, 48, FILTERS, "same"), "conv_prev_1x1.bn", normal, stem),
        ("after", timm_cells.FirstCell(48, FILTERS // 2, 32, FILTERS, "same"), "final_path_bn", reduction, normal),
    ]
    for name, theirs, norm_beside, x, beside in pairs:
        ours = network(*CELLS).layers[name]
        theirs = timm_twin(ours, theirs, norm_beside).train(training)
        if (
            name == "reduction"
        ):  # timm counts zeros beyond the edge as pixels here, TensorFlow and timm elsewhere do not
            theirs.comb_iter_2_left = nn.AvgPool2d(3, 2, ceil_mode=True, count_include_pad=False)
        mine = ours(x.clone(), StepDraw(1, 0) if training else None, beside.clone())
        torch.testing.assert_close(mine, theirs(x.clone(), beside.clone()), rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_paths_are_dropped_for_single_images_more_and_more_and_the_rest_enlarged():
    net = network(CELL | {"name": "normal", "beside": "stem", "path_keep": 0.5})
    cell, x = net.layers["normal"], torch.ones(2000, 2, 3, 3)
    for share, keep in ((0.0, 1.0), (0.5, 0.75), (1.0, 0.5)):
        out = cell._dropped(x, "0_left", StepDraw(seed=1, step=4, share_of_training=share))
        values = out.flatten(1)
        assert torch.equal(values.min(1).values, values.max(1).values)  # a whole image at a time
        kept = values[:, 0] != 0
        assert abs(kept.double().mean().item() - keep) <= 4 * (keep * (1 - keep) / 2000) ** 0.5
        torch.testing.assert_close(values[kept, 0], torch.full((int(kept.sum()),), 1 / keep))
    first, other, later = (
        cell._dropped(x, place, StepDraw(seed=1, step=step, share_of_training=1.0))
        for place, step in (("0_left", 4), ("0_right", 4), ("0_left", 5))
    )
    assert not torch.equal(first, other) and not torch.equal(first, later)
    assert torch.equal(cell._dropped(x, "0_left", None), x)


@torch.no_grad()
def test_the_auxiliary_head_classifies_in_training_alone_and_passes_its_input_on():
    head = {"name": "aux", "type": "auxiliary_head", "outputs": 10, "loss_weight": 0.4, **RATES}
    layer = network(head, size=16).layers["aux"]
    x = torch.randn(5, 12, 16, 16, generator=torch.Generator().manual_seed(4))
    assert layer(x, None) is x and layer.logits is None
    assert layer(x, StepDraw(1, 0)) is x
    parts = layer.parts
    features = functional.conv2d(functional.avg_pool2d(functional.relu(x), 5, 3), parts["reduce"].weight)
    features = functional.relu(functional.batch_norm(features, None, None, training=True))
    features = functional.conv2d(features, parts["whole"].weight)
    features = functional.relu(functional.batch_norm(features, None, None, training=True)).flatten(1)
    assert features.shape == (5, 768)
    expected = features @ parts["classes"].weight.T
    torch.testing.assert_close(layer.logits, expected, rtol=1e-4, atol=1e-4)


def test_only_weights_decay_and_every_part_is_trained():
    net = Network(load_spec("nasnet_a_2_768"), seed=1)
    layers = net.trained_layers()
    assert sum(parameter.numel() for layer in layers for parameter in layer.parameters()) == sum(
        parameter.numel() for parameter in net.parameters()
    )
    decays = {(layer.settings.type, layer.settings.weight_decay) for layer in layers}
    assert decays == {("convolution", 0.0005), ("batch_normalization", 0.0), ("fully_connected", 0.0005)}
    names = [layer.settings.name for layer in layers]
    assert len(set(names)) == len(names)


def test_a_cell_cannot_read_beside_it_what_is_neither_as_large_nor_twice_as_large():
    small = {"name": "small", "type": "adaptive_average_pooling", "side": 3}
    with pytest.raises(ReproduceError, match="'stem' has 8 pixels a side, neither 3 nor twice as many"):
        network(small, CELL | {"name": "cell", "beside": "stem"})
