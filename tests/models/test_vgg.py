"""The VGG net of the torch blog against the same net in plain torch: sizes, outputs, and what its half has of it."""

import pytest
import torch
from torch import nn

from reproduce.models.counts import total_parameters, weighted_counts
from reproduce.models.network import Network, StepDraw
from reproduce.models.spec import load_spec

pytestmark = pytest.mark.usefixtures("one_thread")

# Maps and share dropped of each convolution; None is a pool of 2 x 2 pixels.
BODY = [(64, 0.3), (64, 0), None, (128, 0.4), (128, 0), None, (256, 0.4), (256, 0.4), (256, 0), None]
BODY += 2 * [(512, 0.4), (512, 0.4), (512, 0), None]


def plain_vgg():
    """Return the net written with torch's modules alone."""
    modules, channels = [], 3
    for step in BODY:
        if step is None:
            modules.append(nn.MaxPool2d(2, 2, ceil_mode=True))
            continue
        maps, dropped = step
        modules += [nn.Conv2d(channels, maps, 3, padding=1), nn.BatchNorm2d(maps, 1e-3), nn.ReLU(), nn.Dropout(dropped)]
        channels = maps
    hidden = [nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Dropout(0.5)]
    return nn.Sequential(*modules, nn.Flatten(), nn.Dropout(0.5), *hidden, nn.Linear(512, 10))


def test_sizes_and_outputs_are_those_of_the_plain_net():
    spec, plain = load_spec("vgg_bn_dropout"), plain_vgg().eval()
    assert total_parameters(spec) == sum(each.numel() for each in plain.parameters()) == 14_991_946
    ours, random = Network(spec, seed=3), torch.Generator().manual_seed(4)
    images = 60 * torch.randn(3, 3, 32, 32, generator=random)
    with torch.no_grad():
        ours(images, StepDraw(1, 0))  # running statistics that are no zeros and ones
        for theirs, mine in zip(plain.parameters(), ours.parameters(), strict=True):
            spread = 0.1 * mine.std() if mine.ndim > 1 else 0.2  # all biases, factors and shifts start at one value
            mine.add_(spread * torch.randn(mine.shape, generator=random))
            theirs.copy_(mine)
        statistics = [value for name, value in ours.state_dict().items() if "running" in name]
        norms = [part for part in plain if isinstance(part, nn.BatchNorm2d | nn.BatchNorm1d)]
        for norm, mean, variance in zip(norms, statistics[::2], statistics[1::2], strict=True):
            norm.running_mean.copy_(mean)
            norm.running_var.copy_(variance)
        torch.testing.assert_close(ours(images), plain(images), rtol=1e-4, atol=1e-4)


def test_what_is_dropped_is_what_the_source_drops():
    keeps = [layer.keep for layer in load_spec("vgg_bn_dropout").layers if layer.type == "dropout"]
    assert keeps == pytest.approx([1 - step[1] for step in BODY if step and step[1]] + [0.5, 0.5])


def test_the_half_has_half_the_maps_and_units_and_all_else_alike():
    full, half = load_spec("vgg_bn_dropout"), load_spec("vgg_bn_dropout_half")
    maps = [[row.maps for row in weighted_counts(spec)] for spec in (full, half)]
    assert maps[1] == [count // 2 for count in maps[0][:-1]] + [10]
    sized = {"filters", "outputs"}
    assert [layer.model_dump(exclude=sized) for layer in full.layers] == [
        layer.model_dump(exclude=sized) for layer in half.layers
    ]
