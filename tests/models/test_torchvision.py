"""torchvision's net and the teaching variant: the same function as torchvision's own module, and other image sizes."""

import pytest
import torch
from torch.nn import functional
from torchvision.models import alexnet

from reproduce.base.errors import ReproduceError
from reproduce.models import spec
from reproduce.models.counts import total_parameters
from reproduce.models.network import Network, StepDraw
from reproduce.models.pooling import max_pool
from reproduce.study.variant import Phase
from reproduce.train.update import MomentumUpdate

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def pair():
    torch.manual_seed(0)
    theirs = alexnet(weights=None).eval()
    ours = Network(spec.load_spec("torchvision_alexnet"), seed=1)
    return ours, theirs


def weighted(theirs):
    return [module for module in theirs.modules() if hasattr(module, "weight")]


def test_same_parameters_and_map_sizes(pair):
    ours, theirs = pair
    assert total_parameters(ours.spec) == sum(p.numel() for p in theirs.parameters()) == 61_100_840
    shapes = []
    hooks = [
        module.register_forward_hook(lambda _module, _inputs, output: shapes.append(tuple(output.shape[1:])))
        for module in theirs.features
        if not isinstance(module, torch.nn.ReLU)
    ]
    with torch.no_grad():
        theirs(torch.zeros(1, 3, 224, 224))
    for hook in hooks:
        hook.remove()
    mine = [
        (maps, side, side) for layer, _, _, maps, side in ours.spec.shapes(224) if layer.name[:4] in ("conv", "pool")
    ]
    assert mine == shapes


def test_fresh_weights_are_spread_alike(pair):
    for mine, other in zip(pair[0].weighted_layers(), weighted(pair[1]), strict=True):
        for field in ("weight", "bias"):
            a, b = getattr(mine, field), getattr(other, field)
            assert a.shape == b.shape
            bound = mine.inputs**-0.5
            assert bound * 0.9 < a.abs().max() <= bound
            assert b.abs().max() <= bound
            assert a.std().item() == pytest.approx(bound / 3**0.5, rel=0.2 if field == "bias" else 0.02)
            assert a.mean().abs() < 0.25 * bound


@pytest.mark.parametrize("size", [224, 63, 130])
def test_same_outputs_and_gradients_under_the_same_weights(pair, size):
    ours, theirs = pair
    with torch.no_grad():
        for mine, other in zip(ours.weighted_layers(), weighted(theirs), strict=True):
            mine.weight.copy_(other.weight)
            mine.bias.copy_(other.bias)
    x = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0))
    out, expected = ours(x), theirs(x)
    assert (out - expected).abs().max() <= 1e-5 * expected.abs().max()
    mine = torch.autograd.grad(out.square().sum(), [layer.weight for layer in ours.weighted_layers()])
    other = torch.autograd.grad(expected.square().sum(), [module.weight for module in weighted(theirs)])
    for a, b in zip(mine, other, strict=True):  # rounding turns the odd ReLU over; in float64 they agree to 3e-8
        assert (a - b).norm() <= 0.02 * b.norm()


def test_updates_are_those_of_torchs_sgd_under_the_reference_settings():
    """Rate 0.01, momentum 0.9, decay 0.0001 on everything; while the rate is constant, D12's form changes nothing."""
    network_spec = spec.load_spec("torchvision_alexnet", {"fc6.outputs": 8, "fc7.outputs": 8, "fc8.outputs": 4})
    ours, stock = Network(network_spec, seed=1), Network(network_spec, seed=1)
    update = MomentumUpdate(ours, momentum=0.9)
    stock_parameters = [parameter for layer in stock.weighted_layers() for parameter in (layer.weight, layer.bias)]
    optimizer = torch.optim.SGD(stock_parameters, lr=0.01, momentum=0.9, weight_decay=1e-4)
    before = [parameter.detach().clone() for parameter in stock_parameters]
    random = torch.Generator().manual_seed(0)
    for scale in (1e-3, 0.0, 0.0):  # the last two steps move by momentum and decay alone
        gradients = [scale * torch.randn(parameter.shape, generator=random) for parameter in stock_parameters]
        update.step(gradients, Phase(epochs=1, training_files=[1], weight_rate_factor=1.0))
        for parameter, gradient in zip(stock_parameters, gradients, strict=True):
            parameter.grad = gradient.clone()
        optimizer.step()
    for mine, other, old in zip(update.parameters, stock_parameters, before, strict=True):
        assert (mine - other).abs().max() <= 1e-6 * (other - old).abs().max() + 1e-8


def test_biases_decay_where_a_spec_says_so_and_nowhere_else():
    for name, decay in (("torchvision_alexnet", 1e-4), ("alexnet_paper", 0.0), ("alexnet_as_released", 0.0)):
        assert {layer.bias_weight_decay for layer in spec.load_spec(name).weighted_layers()} == {decay}


def test_dropout_stands_where_torchvision_has_it(pair):
    ours, theirs = pair
    kinds = [type(module).__name__ for module in theirs.classifier]
    assert kinds == ["Dropout", "Linear", "ReLU", "Dropout", "Linear", "ReLU", "Linear"]
    names = [layer.name for layer in ours.spec.layers]
    assert names[-6:] == ["adapt", "drop5", "fc6", "drop6", "fc7", "fc8"]
    masked = ours.layers.drop5(torch.ones(2, 256, 6, 6), StepDraw(1, 0))
    assert set(masked.unique().tolist()) == {0.0, 2.0}
    assert torch.equal(ours.layers.drop5(torch.ones(2, 256, 6, 6), None), torch.ones(2, 256, 6, 6))


@pytest.mark.parametrize("size", [13, 14])
def test_pooling_rounded_down_leaves_the_last_window_out(size):
    layer = spec.Pooling(name="pool1", type="max_pooling", window=3, stride=2, rounding="down")
    network_spec = spec.NetworkSpec(source="made up", input=spec.InputSize(channels=2, size=size), layers=[layer])
    x = torch.randn(2, 2, size, size, generator=torch.Generator().manual_seed(0), requires_grad=True)
    out = Network(network_spec, seed=1)(x)
    expected = functional.max_pool2d(x, 3, 2)
    assert torch.equal(out, expected)
    assert out.shape[2] == 6
    assert (max_pool(x, 3, 2).shape[2] == 6) == (size == 13)
    (mine,) = torch.autograd.grad(out.square().sum(), x)
    (other,) = torch.autograd.grad(expected.square().sum(), x)
    assert torch.equal(mine, other)


@pytest.fixture(scope="module")
def teaching():
    return Network(spec.load_spec("teaching_alexnet"), seed=1)


SMALLEST = 63  # conv1 leaves 15, then 7, 3 and 1 pixels a side


@pytest.mark.parametrize("size", [224, 227, 100, 64, SMALLEST])
def test_teaching_variant_takes_gray_images_of_many_sizes(teaching, size):
    x = torch.rand(3, 1, size, size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        out = teaching(x)
    assert out.shape == (3, 10)
    assert torch.isfinite(out).all()
    assert (out[0] - out[1]).abs().max() > 0


@pytest.mark.parametrize(
    ("size", "place"),
    [(SMALLEST - 1, "pool5: its window does not fit maps of 2 x 2"), (6, "conv1: its window .* 6 x 6")],
)
def test_below_the_smallest_size_is_one_clear_line(teaching, size, place):
    with pytest.raises(ReproduceError, match=place) as caught:
        teaching(torch.zeros(3, 1, size, size))
    assert "\n" not in str(caught.value)


def test_other_channels_and_oblong_images_are_refused(teaching):
    with pytest.raises(ReproduceError, match="it reads"):
        teaching(torch.zeros(3, 3, 224, 224))
    with pytest.raises(ReproduceError, match="it reads"):
        teaching(torch.zeros(3, 1, 224, 200))


def test_the_net_of_2012_takes_its_own_size_only():
    network_spec = spec.load_spec("alexnet_paper")
    assert spec.size_problem(network_spec, 224) is None
    assert spec.size_problem(network_spec, 225) is None  # 56 x 56, but again 6 x 6 maps at the top
    assert "fc6 has weights for (maps, side) = (256, 6), not for (256, 7)" in spec.size_problem(network_spec, 256)
