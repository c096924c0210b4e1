"""Columns: the two GPUs' halves as groups of maps, held against halves written out by hand in torch's operations."""

import pytest
import torch
from torch.nn import functional

from reproduce.base.errors import ReproduceError
from reproduce.models import kernels, spec
from reproduce.models.network import Network, StepDraw
from reproduce.models.normalization import normalize_across_maps

pytestmark = pytest.mark.usefixtures("one_thread")

# 64 pixels leave 15, 7, 3 and 1 a side; like 224, they let conv1's last window hang 3 pixels over the edge.
SMALL = {"input.size": 64, "fc6.outputs": 48, "fc7.outputs": 32, "fc8.outputs": 10}
SMALL_WITHOUT_LINKS = {**SMALL, "fc6.outputs": 96}


def noise(*shape: int, scale: float = 1.0) -> torch.Tensor:
    return scale * torch.randn(shape, generator=torch.Generator().manual_seed(5))


def network_that_matters(name: str, changes: dict, remove: list[str] | None = None) -> Network:
    """The net with weights large enough that every layer shows in the output."""
    network = Network(spec.load_spec(name, changes, remove=remove), seed=3)
    with torch.no_grad():
        for layer in network.weighted_layers():
            layer.weight.mul_((2 / layer.inputs) ** 0.5 / layer.initial_std)
            layer.bias.add_(0.25 * torch.randn(layer.bias.shape, generator=torch.Generator().manual_seed(1)))
    return network


def assert_close(ours: torch.Tensor, other: torch.Tensor, tolerance: float = 1e-4) -> None:
    assert ours.shape == other.shape
    assert other.abs().max() > 0
    assert (ours - other).abs().max() <= tolerance * other.abs().max()


class Halves:
    """A pair of half-networks on the weights of ``network``; every tensor that travels between them is named here."""

    def __init__(self, network: Network) -> None:
        self.weights = {layer.settings.name: (layer.weight, layer.bias) for layer in network.weighted_layers()}

    def half(self, name: str, gpu: int) -> tuple[torch.Tensor, torch.Tensor]:
        weight, bias = self.weights[name]
        return weight.chunk(2)[gpu], bias.chunk(2)[gpu]

    def conv(self, name: str, x: torch.Tensor, gpu: int, padding: int) -> torch.Tensor:
        return functional.relu(functional.conv2d(x, *self.half(name, gpu), padding=padding))

    def dense(self, name: str, x: torch.Tensor, gpu: int) -> torch.Tensor:
        return functional.relu(functional.linear(x, *self.half(name, gpu)))

    @staticmethod
    def norm(x: torch.Tensor) -> torch.Tensor:
        return functional.local_response_norm(x, 5, alpha=1e-4, beta=0.75, k=2.0)

    @staticmethod
    def pool(x: torch.Tensor) -> torch.Tensor:
        return functional.max_pool2d(x, 3, 2, ceil_mode=True)

    def below_conv3(self, images: torch.Tensor, gpu: int) -> torch.Tensor:
        first = functional.conv2d(functional.pad(images, (0, 3, 0, 3)), *self.half("conv1", gpu), stride=4)
        x = self.pool(self.norm(functional.relu(first)))
        return self.pool(self.norm(self.conv("conv2", x, gpu, padding=2)))

    def above_conv3(self, x: torch.Tensor, gpu: int) -> torch.Tensor:
        x = self.conv("conv5", self.conv("conv4", x, gpu, padding=1), gpu, padding=1)
        return self.pool(x).flatten(1)

    def linked(self, images: torch.Tensor) -> torch.Tensor:
        """The paper's pair: maps are exchanged below conv3, units below each dense layer."""
        both = torch.cat([self.below_conv3(images, gpu) for gpu in (0, 1)], 1)
        both = torch.cat([self.above_conv3(self.conv("conv3", both, gpu, padding=1), gpu) for gpu in (0, 1)], 1)
        for name in ("fc6", "fc7"):
            both = 0.5 * torch.cat([self.dense(name, both, gpu) for gpu in (0, 1)], 1)
        return functional.linear(both, *self.weights["fc8"])

    def separate(self, images: torch.Tensor) -> torch.Tensor:
        """A pair that meets in the output layer only."""
        tops = []
        for gpu in (0, 1):
            x = self.above_conv3(self.conv("conv3", self.below_conv3(images, gpu), gpu, padding=1), gpu)
            tops.append(0.5 * self.dense("fc7", 0.5 * self.dense("fc6", x, gpu), gpu))
        return functional.linear(torch.cat(tops, 1), *self.weights["fc8"])


# Net 150 is derived from the released form; this brings it to the paper's order of layer 1 and to two normalizations.
PAPER_FORM = {"conv1.activation": "relu", "conv5.activation": "relu"}


@pytest.mark.parametrize("kind", ["linked", "separate"])
def test_two_columns_are_a_pair_of_half_networks(kind):
    if kind == "linked":
        network = network_that_matters("alexnet_paper", SMALL)
    else:
        changes = {**SMALL_WITHOUT_LINKS, **PAPER_FORM}
        network = network_that_matters("alexnet_no_cross_column", changes, ["norm2_within_maps"])
    images = noise(2, 3, 64, 64, scale=60.0)
    parameters = list(network.parameters())
    ours, pair = network(images), getattr(Halves(network), kind)(images)
    assert_close(ours, pair)
    direction = noise(2, 10)
    ours_gradients = torch.autograd.grad((ours * direction).sum(), parameters)
    pair_gradients = torch.autograd.grad((pair * direction).sum(), parameters)
    for mine, other in zip(ours_gradients, pair_gradients, strict=True):
        assert_close(mine, other, 1e-3)


def test_the_second_column_matters_to_the_output():
    """The pair tests could not fail for a lost column if the other drowned it."""
    network = network_that_matters("alexnet_paper", SMALL)
    images = noise(1, 3, 64, 64, scale=60.0)
    with torch.no_grad():
        before = network(images)
        network.layers.conv2.weight[128:] = 0  # silence the second column below conv3
        network.layers.conv2.bias[128:] = 0
        after = network(images)
    assert (after - before).abs().max() > 0.05 * before.abs().max()


def test_as_released_by_hand():
    """Order of layer 1 (convolution, normalization, pooling, ReLU), and the third normalization, within maps."""
    network = network_that_matters("alexnet_as_released", SMALL)
    halves, images = Halves(network), noise(2, 3, 64, 64, scale=60.0)

    def below_conv3(gpu: int) -> torch.Tensor:
        x = functional.conv2d(functional.pad(images, (0, 3, 0, 3)), *halves.half("conv1", gpu), stride=4)
        x = halves.conv("conv2", functional.relu(halves.pool(halves.norm(x))), gpu, padding=2)
        x = halves.norm(x)
        squares = functional.avg_pool2d(x.square(), 5, 1, 2, divisor_override=1)
        return halves.pool(x / (1 + 0.001 / 25 * squares) ** 0.75)

    halves.below_conv3 = lambda _, gpu: below_conv3(gpu)
    with torch.no_grad():
        assert_close(network(images), halves.linked(images))


@pytest.mark.parametrize("with_kernels", [True, False])
def test_normalization_by_columns_is_each_half_by_itself(with_kernels, monkeypatch):
    if with_kernels and kernels.library() is None:
        pytest.skip("no C compiler here")
    if not with_kernels:
        monkeypatch.setattr(kernels, "usable", lambda x: False)
    x = noise(2, 12, 3, 5, scale=50.0).requires_grad_()
    ours = normalize_across_maps(x, 5, 0.001 / 5, 0.75, 2.0, columns=3)
    thirds = [functional.local_response_norm(part, 5, 0.001, 0.75, 2.0) for part in x.chunk(3, 1)]
    stock = torch.cat(thirds, 1)
    assert_close(ours, stock, 1e-5)
    direction = noise(2, 12, 3, 5)
    (mine,) = torch.autograd.grad((ours * direction).sum(), x)
    (other,) = torch.autograd.grad((stock * direction).sum(), x)
    assert_close(mine, other, 1e-5)
    crossing = normalize_across_maps(x, 5, 0.001 / 5, 0.75, 2.0)
    assert not torch.allclose(ours[:, 3], crossing[:, 3])  # map 3 ends a column
    assert torch.allclose(ours[:, 1], crossing[:, 1])  # map 1 sees 0 to 3 either way


def test_dense_layer_by_columns_by_hand():
    """Two maps of one pixel, two columns: y = w0 * x0 + b0 and y = w1 * x1 + b1, nothing across."""
    network = Network(
        spec.NetworkSpec.model_validate(
            {
                "source": "made up",
                "input": {"channels": 2, "size": 1},
                "layers": [
                    {
                        "name": "fc1",
                        "type": "fully_connected",
                        "outputs": 4,
                        "columns": 2,
                        "weight_std": 1.0,
                        "learning_rate": 1.0,
                        "bias_learning_rate": 1.0,
                        "weight_decay": 0.0,
                        "activation": "identity",
                    }
                ],
            }
        ),
        seed=1,
    )
    layer = network.layers.fc1
    assert layer.weight.shape == (4, 1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0], [2.0], [3.0], [4.0]]))
        layer.bias.copy_(torch.tensor([0.0, 0.5, 0.0, -0.5]))
        out = network(torch.tensor([[10.0, 100.0], [1.0, 2.0]]).view(2, 2, 1, 1))
    assert out.tolist() == [[10.0, 20.5, 300.0, 399.5], [1.0, 2.5, 6.0, 7.5]]


def test_dropout_keeps_its_forms_apart():
    images = noise(2, 3, 64, 64, scale=60.0)
    ours = network_that_matters("alexnet_paper", SMALL)
    inverted = network_that_matters("alexnet_paper", {**SMALL, "drop6.form": "inverted", "drop7.form": "inverted"})
    units = torch.ones(50, 400)
    draw = StepDraw(seed=7, step=2)
    masked, scaled = ours.layers.drop6(units, draw), inverted.layers.drop6(units, draw)
    assert set(masked.unique().tolist()) == {0.0, 1.0}
    assert abs(masked.mean().item() - 0.5) < 0.02
    assert torch.equal(scaled, 2 * masked)
    assert torch.equal(ours.layers.drop6(units, None), 0.5 * units)
    assert torch.equal(inverted.layers.drop6(units, None), units)
    with torch.no_grad():
        assert (ours(images) - inverted(images)).abs().max() > 0.1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"conv2.filters": 255}, "conv2: 96 maps in and 255 out do not divide into 2 columns"),
        ({"conv2.columns": 5}, "conv2: 96 maps in and 256 out do not divide into 5 columns"),
        ({"norm1.columns": 7}, "norm1: 96 maps in and 96 out do not divide into 7 columns"),
        ({"fc6.columns": 0}, "greater than or equal to 1"),
        ({"input.size": 6}, "conv1: its window does not fit maps of 6 x 6 pixels"),
    ],
)
def test_columns_that_do_not_fit_are_one_clear_line(changes, message):
    with pytest.raises(ReproduceError, match=message) as caught:
        spec.load_spec("alexnet_paper", changes)
    assert "\n" not in str(caught.value)
    assert "alexnet_paper.yaml" in str(caught.value)
