"""The standard loop trains the same network on the same pixels, so that the comparison is fair."""

import multiprocessing

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from reproduce.base.errors import ReproduceError
from reproduce.data.in_memory import TrainingData
from reproduce.models import spec
from reproduce.models.network import Network, StepDraw
from reproduce.speed.bench.standard_loop import (
    PixelDataset,
    StandardNetwork,
    in_stock_order,
    running_loader,
    standard_dataset,
    standard_optimizer,
    standard_step,
)
from reproduce.speed.bench.stock import stock_layers
from reproduce.study.study import load_study
from reproduce.study.variant import Phase
from reproduce.train.update import MomentumUpdate

NETWORKS = ["80sec", "18pct", "conv_local_13pct", "conv_local_13pct_lrn", "conv_local_11pct"]


def some_data(count: int = 20, seed: int = 0) -> TrainingData:
    random = np.random.default_rng(seed)
    images = torch.from_numpy(random.integers(0, 256, size=(count, 32, 32, 3), dtype=np.uint8))
    labels = torch.from_numpy(random.integers(0, 10, size=count))
    mean = images.double().mean(0).permute(2, 0, 1).numpy()
    return TrainingData(images, labels, images, labels, mean)


@torch.no_grad()
def scale_up(network: Network, standard: StandardNetwork) -> None:
    """Give every layer weights large enough to matter; the published ones make the outputs all but constant."""
    for ours, (_, stock) in zip(network.weighted_layers(), standard.weighted, strict=True):
        inputs = ours.weight[0].numel() if ours.weight.dim() != 3 else ours.weight.shape[1]
        factor = (2 / inputs) ** 0.5 / ours.settings.weight_std
        ours.weight.mul_(factor)
        stock.weight.mul_(factor)
        ours.bias.add_(0.5)
        stock.bias.add_(0.5)


def assert_close(ours: torch.Tensor, stock: torch.Tensor) -> None:
    assert ours.shape == stock.shape
    assert (ours - stock).abs().max() <= 2e-4 * stock.abs().max()
    assert stock.abs().max() > 0


def gradients(stock: StandardNetwork, images: torch.Tensor) -> list[torch.Tensor]:
    loss = functional.cross_entropy(0.01 * stock(images), torch.arange(len(images)))
    return list(torch.autograd.grad(loss, list(stock.parameters())))


def steady_images(stock: StandardNetwork, size: int) -> torch.Tensor:
    """Return noise images where rounding cannot decide which value of a pooling window is the largest.

    The first draw is taken whose gradients noise of a few roundings leaves within the bound of ``assert_close``. The
    stock layers alone are asked, so nothing is chosen by how well ours agree.
    """
    for seed in range(3, 13):
        random = torch.Generator().manual_seed(seed)
        images = 60 * torch.randn(6, 3, size, size, generator=random)
        exact = gradients(stock, images)
        noisy = [images * (1 + 1e-6 * torch.randn(images.shape, generator=random)) for _ in range(4)]
        moved = [pair for each in noisy for pair in zip(gradients(stock, each), exact, strict=True)]
        if all((now - then).abs().max() <= 2e-4 * then.abs().max() for now, then in moved):
            return images
    raise AssertionError("no draw of images is free of near ties")


@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_and_gradients_equal_ours(name: str) -> None:
    network_spec = spec.load_spec(name)
    ours, stock = Network(network_spec, seed=1), StandardNetwork(network_spec, seed=1)
    scale_up(ours, stock)
    images = steady_images(stock, network_spec.input.size)
    logits = ours(images.contiguous(memory_format=torch.channels_last), StepDraw(1, 0)), stock(images)
    assert_equal_gradients(ours, stock, logits)


def assert_equal_gradients(ours, stock, logits):
    assert_close(*logits)
    for output in logits:
        functional.cross_entropy(0.01 * output, torch.arange(len(output))).backward()
    for layer, (settings, other) in zip(ours.weighted_layers(), stock.weighted, strict=True):
        assert_close(in_stock_order(settings, layer.weight.grad), other.weight.grad)
        assert_close(layer.bias.grad, other.bias.grad)


@pytest.mark.parametrize("name", ["alexnet_paper", "alexnet_as_released"])
def test_alexnet_in_stock_layers_equals_ours(name: str) -> None:
    narrow = {"fc6.outputs": 64, "fc7.outputs": 32, "drop6.form": "inverted", "drop7.form": "inverted"}
    network_spec = spec.load_spec(name, narrow)
    ours, stock = Network(network_spec, seed=1), StandardNetwork(network_spec, seed=1).eval()
    scale_up(ours, stock)
    images = 60 * torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(3))
    logits = ours(images.contiguous(memory_format=torch.channels_last)), stock(images)
    assert (logits[1][0] - logits[1][1]).abs().max() > 0.1 * logits[1].abs().max()
    assert_equal_gradients(ours, stock, logits)


def test_normalization_in_columns_stays_within_them() -> None:
    settings = spec.load_spec("alexnet_paper").layers[1]
    x = torch.randn(2, 12, 5, 5, generator=torch.Generator().manual_seed(0))
    (stock,) = stock_layers(settings.model_copy(update={"alpha": 2.0}), 12, 5)
    halves = [nn.functional.local_response_norm(half, 5, 2.0, 0.75, 2.0) for half in x.split(6, dim=1)]
    torch.testing.assert_close(stock(x), torch.cat(halves, dim=1))


@pytest.mark.parametrize("name", ["18pct", "conv_local_13pct_lrn"])
def test_three_updates_under_the_same_gradients_leave_the_same_weights(name: str) -> None:
    network_spec = spec.load_spec(name)
    ours, stock = Network(network_spec, seed=1), StandardNetwork(network_spec, seed=1)
    update, optimizer = MomentumUpdate(ours, momentum=0.9), standard_optimizer(stock, momentum=0.9)
    before = [layer.weight.detach().clone() for _, layer in stock.weighted]
    random = torch.Generator().manual_seed(5)
    for _ in range(3):
        gradients = [torch.randn(parameter.shape, generator=random) for parameter in update.parameters]
        pairs = zip(stock.weighted, gradients[::2], gradients[1::2], strict=True)
        for (settings, layer), weight_gradient, bias_gradient in pairs:
            layer.weight.grad, layer.bias.grad = in_stock_order(settings, weight_gradient).clone(), bias_gradient
        update.step(gradients, Phase(epochs=1, training_files=[1], weight_rate_factor=1.0))
        optimizer.step()
    for layer, (settings, other), old in zip(ours.weighted_layers(), stock.weighted, before, strict=True):
        assert_close(in_stock_order(settings, layer.weight) - old, other.weight - old)
        assert_close(layer.bias, other.bias)


def test_standard_step_lowers_the_loss_of_the_batch_it_learns() -> None:
    variant = load_study("cifar10_nets").variant("80sec")
    network = StandardNetwork(variant.network_spec())
    optimizer = standard_optimizer(network, variant.momentum)
    images, labels = 60 * torch.randn(10, 3, 32, 32, generator=torch.Generator().manual_seed(1)), torch.arange(10)
    losses = [standard_step(network, optimizer, images, labels) for _ in range(8)]
    assert losses[0] == pytest.approx(np.log(10), abs=0.2)
    assert losses[-1] < losses[0]


def test_dataset_gives_pixels_minus_mean() -> None:
    variant, data = load_study("cifar10_nets").variant("80sec"), some_data()
    image, label = standard_dataset(variant, data)[7]
    expected = data.training_images[7].permute(2, 0, 1).float() - torch.from_numpy(data.mean_image).float()
    torch.testing.assert_close(image, expected)
    assert label == int(data.training_labels[7])


def test_crops_come_from_the_image_and_are_sometimes_mirrored() -> None:
    variant, data = load_study("cifar10_nets").variant("conv_local_13pct"), some_data()
    dataset: PixelDataset = standard_dataset(variant, data)
    mean = torch.from_numpy(data.mean_image[:, 4:28, 4:28]).float()
    source = data.training_images[0].permute(2, 0, 1).float()
    crops = {(top, left): source[:, top : top + 24, left : left + 24] for top in range(9) for left in range(9)}
    torch.manual_seed(0)
    mirrored, places = 0, set()
    for _ in range(40):
        pixels = dataset[0][0] + mean
        plain = [place for place, crop in crops.items() if torch.allclose(pixels, crop, atol=1e-3)]
        flipped = [place for place, crop in crops.items() if torch.allclose(pixels.flip(2), crop, atol=1e-3)]
        assert len(plain) + len(flipped) == 1
        mirrored += len(flipped)
        places |= {*plain, *flipped}
    assert 8 <= mirrored <= 32
    assert len(places) > 15


def test_loader_gives_batches_in_order_and_leaves_no_worker_behind() -> None:
    data = some_data(count=20)
    variant = load_study("cifar10_nets").variant("80sec")
    with running_loader(standard_dataset(variant, data), 8) as batches:
        assert len(multiprocessing.active_children()) == 2
        _, labels = next(batches)
        assert labels.tolist() == data.training_labels[:8].tolist()
    assert multiprocessing.active_children() == []


def test_layer_without_counterpart_is_refused() -> None:
    half = next(layer for layer in spec.load_spec("alexnet_no_cross_column").layers if layer.name == "fc6")
    assert half.columns == 2
    with pytest.raises(ReproduceError, match="fc6"):
        stock_layers(half, 256, 6)


def test_dropout_takes_away_what_the_spec_does_not_keep() -> None:
    (dropout,) = stock_layers(spec.Dropout(name="drop6", type="dropout", keep=0.75), 4, 1)
    torch.manual_seed(0)
    assert float((dropout(torch.ones(100_000)) == 0).float().mean()) == pytest.approx(0.25, abs=0.01)


def test_stock_network_holds_stock_layers() -> None:
    kinds = {type(module) for module in StandardNetwork(spec.load_spec("conv_local_13pct_lrn")).layers}
    assert {nn.Conv2d, nn.MaxPool2d, nn.LocalResponseNorm, nn.Linear} <= kinds
