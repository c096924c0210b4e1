"""ResNet-20 against the same net in plain torch: sizes, outputs and one update; what a sum may not read."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from reproduce.base.errors import ReproduceError
from reproduce.base.validation import validated
from reproduce.models.counts import total_multiply_accumulates, total_parameters
from reproduce.models.network import Network, StepDraw
from reproduce.models.spec import NetworkSpec, load_spec
from reproduce.study.variant import Phase
from reproduce.train.update import MomentumUpdate

pytestmark = pytest.mark.usefixtures("one_thread")


class Block(nn.Module):
    """Two convolutions and a shortcut without parameters (He et al. 2016, option A)."""

    def __init__(self, channels, maps, stride):
        super().__init__()
        self.stride, self.more = stride, maps - channels
        self.conv1 = nn.Conv2d(channels, maps, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(maps)
        self.conv2 = nn.Conv2d(maps, maps, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(maps)

    def forward(self, x):
        out = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
        zeros = x.new_zeros(len(x), self.more, *out.shape[2:])
        return functional.relu(out + torch.cat([x[:, :, :: self.stride, :: self.stride], zeros], dim=1))


class PlainResNet20(nn.Module):
    """The net as its paper draws it, written with torch's modules alone."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn = nn.BatchNorm2d(16)
        sizes = [(16, 16, 1)] * 3 + [(16, 32, 2)] + [(32, 32, 1)] * 2 + [(32, 64, 2)] + [(64, 64, 1)] * 2
        self.blocks = nn.Sequential(*(Block(*size) for size in sizes))
        self.fc = nn.Linear(64, 10)

    def forward(self, x):
        x = self.blocks(functional.relu(self.bn(self.conv(x))))
        return self.fc(x.mean((2, 3)))


def twins(**changes):
    """ResNet-20 of the spec and the plain one with the same weights, whose factors and shifts are no ones and zeros."""
    ours, plain = Network(load_spec("resnet20", changes), seed=3), PlainResNet20()
    random = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for layer in ours.trained_layers():
            if layer.settings.type == "batch_normalization":
                layer.weight.add_(0.2 * torch.randn(layer.weight.shape, generator=random))
                layer.bias.add_(0.2 * torch.randn(layer.bias.shape, generator=random))
        for theirs, mine in zip(plain.parameters(), ours.parameters(), strict=True):
            theirs.copy_(mine)
    return ours, plain


def batch(count=5):
    return 60 * torch.randn(count, 3, 32, 32, generator=torch.Generator().manual_seed(5))


def test_sizes_are_those_of_the_paper():
    spec = load_spec("resnet20")
    assert total_parameters(spec) == sum(parameter.numel() for parameter in PlainResNet20().parameters()) == 269_722
    assert round(total_multiply_accumulates(spec), -5) == 40_600_000
    shapes = {layer.name: (maps, side) for layer, _, _, maps, side in spec.shapes(32)}
    assert [shapes[name] for name in ("norm1", "sum2c", "sum3c", "sum4c", "pool", "fc10")] == [
        (16, 32), (16, 32), (32, 16), (64, 8), (64, 1), (10, 1)
    ]  # fmt: skip
    assert sum(layer.type == "convolution" for layer in spec.layers) == 19


def test_initial_weights_have_the_variance_of_the_source_and_factors_are_one():
    net = Network(load_spec("resnet20"), seed=2)
    for layer in net.trained_layers():
        if layer.settings.type == "batch_normalization":
            assert layer.weight.unique().tolist() == [1.0] and layer.bias.unique().tolist() == [0.0]
        else:
            count = layer.weight.numel()
            std = (2 / layer.weight[0].numel()) ** 0.5
            assert layer.weight.std().item() == pytest.approx(std, rel=4 / (2 * count) ** 0.5)


@torch.no_grad()
def test_outputs_are_the_plain_nets_in_training_and_at_test():
    ours, plain = twins()
    torch.testing.assert_close(ours(batch(), StepDraw(1, 0)), plain.train()(batch()), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(ours(batch(3)), plain.eval()(batch(3)), rtol=1e-4, atol=1e-4)


def test_two_updates_are_those_of_torchs_momentum_with_decay_of_everything():
    """The rate is constant here, so it makes no difference that torch multiplies outside the velocity (D12)."""
    biased = [layer.name for layer in load_spec("resnet20").layers if layer.type[:5] in ("batch", "fully")]
    decays = {f"{name}.bias_weight_decay": 0.5 for name in biased}
    ours, plain = twins(**{"*.weight_decay": 0.5, "*.learning_rate": 0.01}, **decays)
    update = MomentumUpdate(ours, momentum=0.9)
    theirs = torch.optim.SGD(plain.train().parameters(), lr=0.001, momentum=0.9, weight_decay=0.5)
    phase = Phase(epochs=1, training_files=[1], weight_rate_factor=0.1, bias_rate_factor=0.01)
    labels = torch.arange(5)
    before = [parameter.detach().clone() for parameter in ours.parameters()]
    for step in range(2):
        for net, images in ((ours, (batch(), StepDraw(1, step))), (plain, (batch(),))):
            net.zero_grad()
            functional.cross_entropy(net(*images), labels).backward()
        update.step([parameter.grad for parameter in update.parameters], phase)
        theirs.step()
    for start, mine, other in zip(before, ours.parameters(), plain.parameters(), strict=True):
        moved = (other - start).norm()
        assert (mine - other).norm() <= 1e-2 * moved and moved > 0  # many a ReLU lies near its kink


RATES = {"learning_rate": 0.1, "bias_learning_rate": 0.1, "weight_decay": 0.0}
CONV = {"name": "conv", "type": "convolution", "filters": 2, "kernel_size": 3, "padding": 1, "weight_std": 0.1}
SUM = {"name": "sum", "type": "residual_sum", "beside": "conv", "activation": "identity"}


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([SUM], "no layer 'conv' before it"),
        ([CONV, SUM | {"beside": "sum"}], "no layer 'sum' before it"),
        ([CONV, CONV | {"name": "narrow", "filters": 1}, SUM], "2 maps of 8 .* cannot be added to 1 of 8"),
        ([CONV, CONV | {"name": "odd", "padding": 0}, SUM], "cannot be added to 2 of 6"),
    ],
)
def test_a_sum_reads_an_earlier_layer_that_fits(layers, message):
    whole = [layer | (RATES | {"activation": "relu"} if layer["type"] == "convolution" else {}) for layer in layers]
    content = {"source": "-", "input": {"channels": 3, "size": 8}, "layers": whole}
    with pytest.raises(ReproduceError, match=message):
        validated(NetworkSpec, content, "n")
