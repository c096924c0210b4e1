"""The 80-second net of 2012, trained by three parts of this project alone: its network, its data and its update rule.

    python paper_notes/in_code/eighty_seconds.py [SEED]

cuda-convnet's first recipe reached 26 % test error on CIFAR-10 in 80 seconds on a GPU that is not named. Here it takes
minutes on a CPU. A test compares this page with the trainer of the published runs: losses and errors are the same.
"""

import sys
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional

from reproduce.data.augment import center_crop_of_mean
from reproduce.data.in_memory import TrainingData
from reproduce.data.opening import open_dataset
from reproduce.models.network import Network, StepDraw
from reproduce.models.spec import NetworkSpec, load_spec
from reproduce.study.variant import Phase
from reproduce.train.update import MomentumUpdate

BATCH_SIZE, MOMENTUM = 128, 0.9
FILES = [1, 2, 3, 4, 5]  # CIFAR-10 comes as five files of 10,000 training images, read in this order every epoch
PHASES = [  # 11 epochs are 80 seconds at the documented speed; the weights' rate is a tenth in the last 3 (D23)
    Phase(epochs=8, training_files=FILES, weight_rate_factor=1.0),
    Phase(epochs=3, training_files=FILES, weight_rate_factor=0.1),
]


def train(data: TrainingData, spec: NetworkSpec, seed: int, phases: list[Phase] = PHASES) -> Iterator[dict[str, float]]:
    """Train from initial weights drawn by ``seed``; yield loss (nats) and errors (percent) after every epoch."""
    network = Network(spec, seed)
    update = MomentumUpdate(network, MOMENTUM)
    mean = center_crop_of_mean(data.mean_image, spec.input.size)  # (size, size, channels)
    step = 0
    for epoch, phase in enumerate((each for each in phases for _ in range(each.epochs)), 1):
        loss_sum = wrong_sum = 0.0
        for images, labels in batches(data):
            logits = network(network_input(images, mean), StepDraw(seed, step))
            loss = functional.cross_entropy(logits, labels)
            network.zero_grad()
            loss.backward()
            update.step([parameter.grad for parameter in update.parameters], phase)
            loss_sum += loss.item() * len(labels)
            wrong_sum += float((logits.argmax(1) != labels).sum())
            step += 1
        yield {
            "epoch": epoch,
            "training_loss_nats": loss_sum / len(data.training_labels),
            "training_error_percent": 100 * wrong_sum / len(data.training_labels),
            "test_error_percent": test_error_percent(network, data, mean),
        }


def batches(data: TrainingData) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield uint8 images (n, side, side, channels) and int64 labels (n,); the last batch of a file is a short one."""
    for file in FILES:
        rows = data.file_rows(file)
        images, labels = data.training_images[rows], data.training_labels[rows]
        yield from zip(images.split(BATCH_SIZE), labels.split(BATCH_SIZE), strict=True)


def network_input(images: Tensor, mean: Tensor) -> Tensor:
    """Return (n, channels, side, side) float32: gray levels minus the mean image, divided by nothing (paper 2; D7)."""
    return (images.float() - mean).permute(0, 3, 1, 2)


@torch.no_grad()
def test_error_percent(network: Network, data: TrainingData, mean: Tensor) -> float:
    """Return the percentage of test images whose most probable class is wrong. Each is seen whole and once."""
    wrong = 0
    for images, labels in zip(data.test_images.split(500), data.test_labels.split(500), strict=True):
        wrong += int((network(network_input(images, mean)).argmax(1) != labels).sum())
    return 100 * wrong / len(data.test_labels)


if __name__ == "__main__":
    cifar10 = open_dataset("cifar10", torch.device("cpu"))
    for row in train(cifar10, load_spec("80sec"), seed=int(sys.argv[1]) if len(sys.argv) > 1 else 1):
        print("  ".join(f"{name} {value:.6g}" for name, value in row.items()), flush=True)
