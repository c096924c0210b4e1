"""The built network: round-up convolution, dropout of 2012, activations, initial weights, precision."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from reproduce.base.validation import validated
from reproduce.models import kernels
from reproduce.models.network import Network, StepDraw
from reproduce.models.spec import NetworkSpec, load_spec

pytestmark = pytest.mark.usefixtures("one_thread")

RATES = {"learning_rate": 0.001, "bias_learning_rate": 0.002, "weight_decay": 0.0}
FC = {"name": "fc", "type": "fully_connected", "outputs": 10, "weight_std": 0.1, "activation": "identity", **RATES}


def convolution(**changes):
    base = {"name": "conv1", "type": "convolution", "filters": 6, "kernel_size": 3, "weight_std": 0.1, **RATES}
    return base | {"activation": "identity"} | changes


def network(*layers, size, seed=1):
    content = {"source": "-", "input": {"channels": 3, "size": size}, "layers": list(layers)}
    return Network(validated(NetworkSpec, content, "n"), seed)


def images(count, size, seed=3):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(count, 3, size, size)).astype(np.float32))


@torch.no_grad()
def test_the_first_imagenet_layer_sees_zeros_right_and_below():
    net = network(convolution(filters=2, kernel_size=11, stride=4, bias=0.5), size=224)
    x = images(1, 224)
    out = net(x)
    assert out.shape == (1, 2, 55, 55)
    layer = net.layers["conv1"]
    padded = torch.zeros(1, 3, 227, 227)
    padded[:, :, :224, :224] = x
    torch.testing.assert_close(out, functional.conv2d(padded, layer.weight, layer.bias, 4), rtol=1e-4, atol=1e-4)
    # by hand at the last place: the window begins at pixel 216, so 8 of its 11 rows and columns are inside
    weight = layer.weight.double()
    corner = (x[0, :, 216:, 216:].double() * weight[1, :, :8, :8]).sum().item() + 0.5
    assert out[0, 1, 54, 54].item() == pytest.approx(corner, abs=1e-4)


@torch.no_grad()
@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding", "side"), [(8, 3, 2, 0, 4), (8, 3, 3, 1, 4), (9, 5, 3, 2, 4)]
)
def test_convolution_equals_loops(size, kernel, stride, padding, side):
    net = network(convolution(kernel_size=kernel, stride=stride, padding=padding, bias=0.1), size=size)
    x = images(2, size)
    out, layer = net(x), net.layers["conv1"]
    assert out.shape == (2, 6, side, side)
    reach = (side - 1) * stride + kernel
    padded = np.zeros((2, 3, max(reach, size + 2 * padding), max(reach, size + 2 * padding)))
    padded[:, :, padding : padding + size, padding : padding + size] = x
    weight = layer.weight.double().numpy()
    for n, f, y, z in np.ndindex(*out.shape):
        patch = padded[n, :, y * stride : y * stride + kernel, z * stride : z * stride + kernel]
        assert out[n, f, y, z].item() == pytest.approx((patch * weight[f]).sum() + 0.1, abs=1e-5)


DROPPED = [FC | {"outputs": 400}, {"name": "drop", "type": "dropout", "keep": 0.7}]


@torch.no_grad()
def test_dropout_masks_without_rescaling_in_training_and_scales_at_test():
    net = network(*DROPPED, size=4)
    x = images(50, 4)
    plain = net.layers["fc"](x, None)
    trained = net(x, StepDraw(seed=1, step=5))
    kept = trained != 0
    assert torch.equal(trained[kept], plain[kept])
    assert abs(kept.double().mean() - 0.7) < 0.02  # 20,000 draws: standard error 0.0032
    torch.testing.assert_close(net(x), plain * 0.7)


@torch.no_grad()
def test_dropout_masks_are_a_function_of_seed_step_and_layer():
    net = network(*DROPPED, {"name": "drop2", "type": "dropout", "keep": 0.7}, size=4)
    x = images(4, 4)
    kept = {(seed, step): net(x, StepDraw(seed, step)) != 0 for seed in (1, 2) for step in (0, 1)}
    assert torch.equal(kept[1, 1], net(x, StepDraw(1, 1)) != 0)
    assert len({tuple(mask.flatten().tolist()) for mask in kept.values()}) == 4
    assert abs(kept[1, 0].double().mean() - 0.49) < 0.06  # 1600 draws, so the two layers' masks are independent


def test_gradients_pass_only_where_the_mask_kept():
    net = network(*DROPPED, size=4)
    out = net(images(3, 4), StepDraw(1, 0))
    (gradient,) = torch.autograd.grad(out.sum(), net.layers["fc"].bias)
    assert torch.equal(gradient, (out != 0).sum(0).float())


@torch.no_grad()
@pytest.mark.parametrize(
    ("activation", "reference"), [("relu", lambda x: x.clamp_min(0)), ("tanh", torch.tanh), ("identity", lambda x: x)]
)
def test_activations(activation, reference):
    x = images(2, 6)
    plain = network(convolution(), size=6)(x)
    torch.testing.assert_close(network(convolution(activation=activation), size=6)(x), reference(plain))


@torch.no_grad()
def test_an_activation_on_pooling_follows_the_pooling():
    pool = {"name": "pool1", "type": "average_pooling", "window": 2, "stride": 2}
    x = images(2, 6)
    plain = network(convolution(padding=1), pool, size=6)(x)
    rectified = network(convolution(padding=1), pool | {"activation": "relu"}, size=6)(x)
    assert (plain < 0).any()
    torch.testing.assert_close(rectified, plain.clamp_min(0))


@torch.no_grad()
def test_fully_connected_reads_map_by_map():
    net = network(FC, size=2)
    x = images(3, 2)
    expected = x.reshape(3, 12).double() @ net.layers["fc"].weight.double().T
    torch.testing.assert_close(net(x).double(), expected, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(net(kernels.channels_last(x)), net(x))


def test_initial_weights_have_their_layers_deviation_and_constant_biases():
    net = Network(load_spec("conv_local_11pct", {"conv2.bias": 1.0}), seed=1)
    for layer in net.weighted_layers():
        # at least 4,800 draws each: the deviation is known to 1.1 % (one standard error)
        assert layer.weight.std().item() == pytest.approx(layer.settings.weight_std, rel=0.04)
        assert abs(layer.weight.mean().item()) < 0.06 * layer.settings.weight_std
        assert set(layer.bias.flatten().tolist()) == {1.0 if layer.settings.name == "conv2" else 0.0}


def test_initial_weights_are_a_function_of_seed_and_layer():
    first, again, other = (Network(load_spec("conv_local_13pct"), seed) for seed in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert not torch.equal(first.layers["conv1"].weight, other.layers["conv1"].weight)
    # local3 and local4 differ in shape alone; their draws must not be the same numbers
    local3, local4 = (first.layers[name].weight.flatten()[:100] for name in ("local3", "local4"))
    assert not torch.equal(local3, local4)


@torch.no_grad()
@pytest.mark.parametrize("name", ["80sec", "18pct", "conv_local_13pct", "conv_local_11pct", "conv_local_13pct_lrn"])
def test_bf16_follows_fp32_within_its_rounding(name):
    spec = load_spec(name)
    net = Network(spec, seed=1)
    for layer in net.weighted_layers():  # large enough weights that every layer matters
        fan_in = layer.weight.shape[1] if layer.weight.dim() == 3 else layer.weight[0].numel()
        layer.weight.mul_((2 / fan_in) ** 0.5 / layer.settings.weight_std)
    x = images(4, spec.input.size) * 50
    full, half = net(x), net(x.bfloat16())
    assert half.dtype == torch.float32
    # a layer rounds its inputs, weights and outputs to 2 ** -9; errors of up to 9 layers add up to a few percent
    assert ((half - full).norm() / full.norm()).item() < 0.03
    assert ((half - full).norm() / full.norm()).item() > 1e-4  # bf16 is really used


@torch.no_grad()
@pytest.mark.parametrize("name", ["18pct", "conv_local_11pct"])
def test_kernels_and_fallback_make_the_same_network(name, monkeypatch):
    if kernels.library() is None:
        pytest.skip("no C compiler here")
    spec = load_spec(name)
    net = Network(spec, seed=1)
    for layer in net.weighted_layers():
        layer.weight.mul_(0.1 / layer.settings.weight_std)
    x = images(2, spec.input.size) * 50
    with_kernels = net(x)
    monkeypatch.setattr(kernels, "library", lambda: None)
    torch.testing.assert_close(net(x), with_kernels, rtol=1e-4, atol=1e-4 * with_kernels.abs().max().item())


def test_gradients_of_the_whole_network_equal_finite_differences():
    net = network(
        convolution(activation="tanh", padding=1),
        {"name": "pool1", "type": "average_pooling", "window": 3, "stride": 2},
        {
            "name": "n1",
            "type": "response_normalization",
            "extent": "across_maps",
            "window": 3,
            "alpha": 3.0,
            "beta": 0.75,
        }
        | {"k": 1.0},
        {"name": "l", "type": "local", "filters": 4, "kernel_size": 3, "padding": 1, "weight_std": 0.3}
        | {"activation": "tanh", **RATES},
        {
            "name": "n2",
            "type": "response_normalization",
            "extent": "within_map",
            "window": 3,
            "alpha": 9.0,
            "beta": 0.75,
        }
        | {"k": 1.0},
        FC,
        size=7,
    )
    x, direction = images(2, 7), torch.randn(2, 10, generator=torch.Generator().manual_seed(4))
    parameters = list(net.parameters())
    gradients = torch.autograd.grad((net(x) * direction).sum(), parameters)
    with torch.no_grad():
        for parameter, gradient in zip(parameters, gradients, strict=True):
            step = 1e-2 * gradient / gradient.norm()
            parameter += step
            up = (net(x) * direction).double().sum()
            parameter -= 2 * step
            down = (net(x) * direction).double().sum()
            parameter += step
            assert (up - down).item() / 2e-2 == pytest.approx(gradient.norm().item(), rel=5e-3)
