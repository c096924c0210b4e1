"""Predictions averaged over views, and the loss and error that follow."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from reproduce.evaluate.predict import class_probabilities, is_among_first, scores, streamed_probabilities
from reproduce.models.network import Network
from reproduce.models.spec import load_spec

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def network():
    network = Network(load_spec("conv_local_13pct", {"fc10.weight_std": 0.5}), seed=1)
    with torch.no_grad():
        network.layers["conv1"].weight.mul_(100)
    return network


@pytest.fixture(scope="module")
def images():
    return torch.from_numpy(np.random.default_rng(1).integers(0, 256, size=(5, 32, 32, 3), dtype=np.uint8))


MEAN = torch.full((24, 24, 3), 120.0)


def softmax_of(network, images, top, left, mirrored):
    crop = images[:, top : top + 24, left : left + 24].float() - MEAN
    if mirrored:
        crop = crop[:, :, torch.arange(23, -1, -1)]
    with torch.no_grad():
        return functional.softmax(network(crop.permute(0, 3, 1, 2)).double(), dim=1)


def test_one_view_is_the_center(network, images):
    probabilities = class_probabilities(network, images, MEAN, torch.float32, views=1)
    assert probabilities.shape == (5, 10) and probabilities.dtype == torch.float32
    torch.testing.assert_close(probabilities.double(), softmax_of(network, images, 4, 4, False), rtol=1e-4, atol=1e-6)


def test_ten_views_average_softmax_outputs_over_corners_center_and_mirrors(network, images):
    places = [(0, 0), (0, 8), (8, 0), (8, 8), (4, 4)]
    expected = sum(softmax_of(network, images, *place, m) for place in places for m in (False, True)) / 10
    probabilities = class_probabilities(network, images, MEAN, torch.float32, views=10)
    torch.testing.assert_close(probabilities.double(), expected, rtol=1e-4, atol=1e-6)
    assert (probabilities - class_probabilities(network, images, MEAN, torch.float32, views=1)).abs().max() > 0.01


@pytest.mark.parametrize("views", [1, 10])
def test_batches_give_what_one_pass_gives_in_order(network, images, views):
    batches = zip(images.split(2), torch.arange(5).split(2), strict=True)
    probabilities, labels = streamed_probabilities(network, batches, MEAN, torch.float32, views)
    whole = class_probabilities(network, images, MEAN, torch.float32, views)
    torch.testing.assert_close(probabilities, whole, rtol=1e-4, atol=1e-6)
    assert labels.tolist() == list(range(5))


def test_loss_and_error_by_hand():
    probabilities = torch.tensor([[0.5, 0.5, 0.0], [0.1, 0.2, 0.7], [0.25, 0.5, 0.25], [0.0, 0.0, 1.0]])
    result = scores(probabilities, torch.tensor([0, 1, 1, 2]))
    # a tie goes to the first class; wrong: the second alone. -ln 0.5, -ln 0.2, -ln 0.5, -ln 1
    assert result.top1_error_percent == 25.0
    assert result.loss_nats == pytest.approx((2 * math.log(2) + math.log(5)) / 4, rel=1e-6)


def test_top5_counts_labels_outside_the_five_most_probable():
    order = torch.tensor([0.05, 0.3, 0.1, 0.2, 0.15, 0.12, 0.08])  # classes by rank: 1, 3, 4, 5, 2, 6, 0
    result = scores(order.expand(7, 7), torch.arange(7))
    assert result.top1_error_percent == pytest.approx(100 * 6 / 7)  # all but class 1
    assert result.top5_error_percent == pytest.approx(100 * 2 / 7)  # classes 6 and 0
    hits = [is_among_first(order.expand(7, 7), torch.arange(7), first).tolist() for first in (1, 2, 5)]
    assert [[label for label, hit in enumerate(row) if hit] for row in hits] == [[1], [1, 3], [1, 2, 3, 4, 5]]
    few = scores(torch.tensor([[0.2, 0.5, 0.3]]), torch.tensor([0]))
    assert (few.top1_error_percent, few.top5_error_percent) == (100.0, 0.0)  # of three classes all are among five


def test_a_probability_of_zero_keeps_the_loss_finite():
    assert scores(torch.tensor([[0.0, 1.0]]), torch.tensor([0])).loss_nats == pytest.approx(-math.log(2**-126))


def test_nan_probabilities_show_in_the_loss():
    assert math.isnan(scores(torch.tensor([[math.nan, 1.0]]), torch.tensor([0])).loss_nats)
