"""Batch normalization: the batch's statistics in training, running ones at test, and what a spec may say of it."""

import pytest
import torch
from torch.nn import functional

from reproduce.base.errors import ReproduceError
from reproduce.base.validation import validated
from reproduce.models import kernels
from reproduce.models.batch_norm import BatchNormalizationLayer
from reproduce.models.counts import count_layers
from reproduce.models.network import Network, StepDraw
from reproduce.models.spec import BatchNormalization, NetworkSpec

pytestmark = pytest.mark.usefixtures("one_thread")

RATES = {"learning_rate": 0.1, "bias_learning_rate": 0.1, "weight_decay": 0.0}
NORM = {"name": "norm", "type": "batch_normalization", "activation": "identity", **RATES}
DENSE = {"name": "fc", "type": "fully_connected", "outputs": 4, "weight_std": 0.5, "activation": "identity", **RATES}


def network(*layers, size=3):
    content = {"source": "-", "input": {"channels": 2, "size": size}, "layers": list(layers)}
    return Network(validated(NetworkSpec, content, "n"), seed=1)


def images(count=6, size=3):
    return 3 + 5 * torch.randn(count, 2, size, size, generator=torch.Generator().manual_seed(2))


@torch.no_grad()
def test_training_takes_the_batchs_statistics_and_keeps_nine_tenths_of_the_running_ones():
    net, x = network(NORM), images()
    out = net(x, StepDraw(1, 0))
    for channel in range(2):
        values = x[:, channel].double()
        mean, population = values.mean(), values.var(unbiased=False)
        expected = (values - mean) / (population + 1e-5).sqrt()
        torch.testing.assert_close(out[:, channel].double(), expected, rtol=1e-5, atol=1e-5)
        layer = net.layers["norm"]
        assert layer.running_mean[channel].item() == pytest.approx(0.1 * mean.item(), rel=1e-5)
        assert layer.running_variance[channel].item() == pytest.approx(0.9 + 0.1 * values.var().item(), rel=1e-5)


@torch.no_grad()
def test_a_test_takes_the_running_statistics_and_changes_nothing():
    net = network(NORM | {"epsilon": 0.5, "activation": "relu"})
    layer = net.layers["norm"]
    layer.running_mean.copy_(torch.tensor([1.0, -1.0]))
    layer.running_variance.copy_(torch.tensor([3.5, 8.5]))
    layer.weight.copy_(torch.tensor([2.0, -3.0]))
    layer.bias.copy_(torch.tensor([0.5, 1.0]))
    before = {name: value.clone() for name, value in net.state_dict().items()}
    x = images()
    expected = torch.stack([(x[:, 0] - 1) / 2 * 2 + 0.5, (x[:, 1] + 1) / 3 * -3 + 1], dim=1).clamp(min=0)
    torch.testing.assert_close(net(x), expected)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_it_follows_a_fully_connected_layer_and_counts_two_parameters_a_map():
    net = network(DENSE | {"has_bias": False, "bias_learning_rate": 0.0}, NORM)
    assert net(images(), StepDraw(1, 0)).shape == (6, 4)
    assert net.layers["fc"].bias is None
    assert [row.parameters for row in count_layers(net.spec)] == [18 * 4, 2 * 4]
    assert sum(parameter.numel() for parameter in net.parameters()) == 18 * 4 + 2 * 4


@pytest.mark.parametrize("changes", [{"bias": 1.0}, {"bias_learning_rate": 0.1}, {"bias_weight_decay": 0.1}], ids=str)
def test_a_layer_without_biases_says_nothing_of_them(changes):
    with pytest.raises(ReproduceError, match="without biases"):
        network(DENSE | {"has_bias": False, "bias_learning_rate": 0.0} | changes)


@torch.no_grad()
def test_bf16_stays_near_fp32():
    x = images(64)
    full, half = (network(NORM)(x.to(dtype), StepDraw(1, 0)) for dtype in (torch.float32, torch.bfloat16))
    assert (full - half).abs().max() < 0.03 * full.abs().max()


SHAPES = [(3, 5, 7, 9), (1, 33, 13, 11), (2, 16, 8, 8), (5, 48, 4, 4), (1, 1, 1, 2), (130, 2, 3, 3), (150, 20), (2, 3)]


def normalized(x, direction, activation, threads=1):
    """Return output, gradients of input, weight and bias, and both running statistics of a layer that learned a bit."""
    norm = NORM | {"activation": activation, "epsilon": 0.01}
    content = {"source": "-", "input": {"channels": x.shape[1], "size": 3}, "layers": [norm]}
    layer = Network(validated(NetworkSpec, content, "n"), seed=1).layers["norm"]
    with torch.no_grad():
        layer.weight.copy_(torch.linspace(-1, 2, x.shape[1]))
        layer.bias.copy_(torch.linspace(1, -0.5, x.shape[1]))
    leaves = [x.clone().requires_grad_(), layer.weight, layer.bias]
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        out = layer(leaves[0], StepDraw(1, 0))
        gradients = torch.autograd.grad(out, leaves, direction)
    finally:
        torch.set_num_threads(before)
    return out.detach(), *gradients, layer.running_mean, layer.running_variance


def drawn(shape, dtype, mean=3.0):
    random = torch.Generator().manual_seed(1)
    return [(offset + torch.randn(shape, generator=random)).to(dtype) for offset in (mean, 0.0)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["fp32", "bf16"])
@pytest.mark.parametrize("activation", ["identity", "relu"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_outputs_gradients_and_statistics_are_those_of_double_precision(implementation, shape, activation, dtype):
    x, direction = drawn(shape, dtype)
    found = normalized(x, direction, activation)
    maps = shape[1]
    mean, variance = torch.zeros(maps).double(), torch.ones(maps).double()
    learned = (
        torch.linspace(-1, 2, maps).double().requires_grad_(),
        torch.linspace(1, -0.5, maps).double().requires_grad_(),
    )
    exact = x.double().requires_grad_()
    out = functional.batch_norm(exact, mean, variance, *learned, True, 0.1, 0.01)
    kink = (out.detach().abs() < 0.02) & (activation == "relu")  # where rounding decides, the gradient may be either
    out = torch.relu(out) if activation == "relu" else out
    if kink.any():
        direction = direction.masked_fill(kink, 0)
        found = normalized(x, direction, activation)
    expected = out.detach(), *torch.autograd.grad(out, (exact, *learned), direction.double()), mean, variance
    tolerance = 2e-5 if dtype == torch.float32 else 2e-2
    for ours, wanted in zip(found, expected, strict=True):
        assert (ours - wanted).norm() <= tolerance * wanted.norm() + 1e-6 * len(x)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["fp32", "bf16"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_neither_threads_nor_the_memory_format_change_a_bit(shape, dtype):
    if kernels.library() is None:
        pytest.skip("no C compiler here")
    x, direction = drawn(shape, dtype)
    alone = normalized(x, direction, "relu")
    for threads in (2, 3):
        for a, b in zip(alone, normalized(x, direction, "relu", threads), strict=True):
            assert torch.equal(a, b)
    if x.dim() == 4:
        laid_out = kernels.channels_last(x), kernels.channels_last(direction)
        assert all(torch.equal(a, b) for a, b in zip(alone, normalized(*laid_out, "relu"), strict=True))


def test_a_mean_far_from_zero_costs_less_than_it_costs_torch():
    if kernels.library() is None:
        pytest.skip("no C compiler here")
    x, direction = drawn((32, 16, 16, 16), torch.float32, mean=3000.0)
    learned = torch.linspace(-1, 2, 16), torch.linspace(1, -0.5, 16)
    exact, plain = (
        functional.batch_norm(
            kernels.channels_last(x.to(dtype)), None, None, *(v.to(dtype) for v in learned), True, 0, 0.01
        )
        for dtype in (torch.float64, torch.float32)
    )
    ours = normalized(x, direction, "identity")[0]
    assert (ours - exact).abs().max() <= (plain - exact).abs().max()


@pytest.mark.parametrize(
    ("shape", "learned_dtype"), [((6, 4096, 2, 2), torch.bfloat16), ((6, 2, 3), torch.float32)], ids=str
)
def test_what_the_kernel_cannot_read_is_left_to_torch(implementation, shape, learned_dtype):
    x = drawn(shape, torch.bfloat16)[0]
    layer = BatchNormalizationLayer(BatchNormalization(**NORM), shape[1]).to(learned_dtype)
    expected = functional.batch_norm(x.double(), None, None, training=True)
    assert (layer(x, StepDraw(1, 0)) - expected).abs().max() < 0.1


def test_working_space_is_float32_whatever_torchs_default(implementation, default_bf16):
    layer = BatchNormalizationLayer(BatchNormalization(**NORM), 4096).float()
    x = drawn((6, 4096, 2, 2), torch.float32)[0]
    expected = functional.batch_norm(x.double(), None, None, training=True)
    assert (layer(x, StepDraw(1, 0)) - expected).abs().max() < 0.01


def test_a_single_value_has_no_variance(implementation):
    with pytest.raises(ValueError, match="more than 1 value"):
        normalized(*drawn((1, 4), torch.float32), "relu")
