import torch

from reproduce.evaluate.predict import class_probabilities
from reproduce.evaluate.stream import streamed_probabilities
from reproduce.models.network import Network
from reproduce.study.study import load_study


def test_streaming_in_batches_gives_what_one_pass_gives():
    spec = load_study("cifar10_nets").variant("80sec").network_spec()
    random = torch.Generator().manual_seed(0)
    images = torch.randint(
        0, 256, (7, spec.input.size + 4, spec.input.size + 4, 3), dtype=torch.uint8, generator=random
    )
    labels, mean = torch.arange(7), torch.full((spec.input.size, spec.input.size, 3), 120.0)
    network = Network(spec, seed=1)
    for views in (1, 10):
        batches = zip(images.split(3), labels.split(3), strict=True)
        probabilities, kept = streamed_probabilities(network, batches, mean, torch.float32, views)
        whole = class_probabilities(network, images, mean, torch.float32, views)
        torch.testing.assert_close(probabilities, whole)
        assert probabilities.shape == (7, 10) and kept.tolist() == list(range(7))
