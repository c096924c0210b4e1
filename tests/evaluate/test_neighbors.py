"""The nearest training images in the last hidden layer."""

import numpy as np
import pytest
import torch

from reproduce.evaluate.nearest_images import hidden_features, nearest_rows
from reproduce.models.network import Network
from reproduce.models.spec import NetworkSpec


@pytest.fixture
def network():
    """Four gray pixels, two hidden units with ReLU, dropout, two outputs; hidden weights known."""
    rates = {"learning_rate": 0.0, "bias_learning_rate": 0.0, "weight_decay": 0.0, "weight_std": 1.0}
    layers = [
        {"name": "fc1", "type": "fully_connected", "outputs": 2, "activation": "relu", **rates},
        {"name": "drop1", "type": "dropout", "keep": 0.5},
        {"name": "fc2", "type": "fully_connected", "outputs": 2, "activation": "identity", **rates},
    ]
    built = Network(NetworkSpec(source="test", input={"channels": 1, "size": 2}, layers=layers), seed=1)
    built.layers["fc1"].weight.data = torch.tensor([[1.0, 0.0, 0.0, 0.0], [0.0, -1.0, 0.0, 0.0]])
    return built


def test_features_are_the_last_hidden_outputs_before_dropout(network):
    images = torch.tensor([[3, 4, 9, 9], [0, 0, 9, 9]], dtype=torch.uint8).view(2, 2, 2, 1)
    batches = [(images[:1], torch.zeros(1)), (images[1:], torch.zeros(1))]
    found = hidden_features(network, batches, lambda batch: batch.permute(0, 3, 1, 2).float() - 1)
    assert found.tolist() == [[2.0, 0.0], [0.0, 1.0]]  # 3 - 1 and relu(-(4 - 1)); relu(-1) and -(0 - 1)
    assert found.dtype == torch.float64


def test_neighbors_are_those_of_brute_force_nearest_first():
    random = np.random.default_rng(3)
    queries, candidates = random.normal(size=(20, 7)), random.normal(size=(50, 7)) * 3
    distances = np.linalg.norm(queries[:, None] - candidates[None], axis=2)
    found = nearest_rows(torch.from_numpy(queries), torch.from_numpy(candidates), 6)
    assert np.array_equal(found, np.argsort(distances, axis=1)[:, :6])
