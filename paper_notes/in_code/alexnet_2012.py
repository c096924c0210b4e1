"""AlexNet of 2012 on one page: the network of the paper, its loss and its update rule, in plain PyTorch.

Shapes are (images, maps, height, width). "Paper" is Krizhevsky, Sutskever and Hinton 2012, with its section; "source"
is config 145 of the authors' released code. D numbers are rows of paper_notes/deviations.md. Two GPUs held half of the
maps each; here both halves ("columns") lie side by side in one tensor, and groups=2 keeps them apart as the GPUs did.

A test holds this page against the network that this project trains: same weights, same logits, same update.
Input: float32 pixels, 0 to 255, minus the mean image of the training set (paper 2; D7). Nothing is divided.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional


class AlexNet2012(nn.Module):
    """(N, 3, 224, 224) -> logits (N, 1000). 60,965,224 parameters."""

    def __init__(self) -> None:
        super().__init__()
        # weights ~ N(0, std): 0.01 (paper 5), 0.03 in conv3 to conv5 (source; D6). Biases start at 0 or 1 (paper 5).
        self.conv1 = _drawn(nn.Conv2d(3, 96, 11, stride=4), std=0.01, bias=0.0)
        self.conv2 = _drawn(nn.Conv2d(96, 256, 5, padding=2, groups=2), std=0.01, bias=1.0)
        self.conv3 = _drawn(nn.Conv2d(256, 384, 3, padding=1), std=0.03, bias=0.0)  # the one that sees both columns
        self.conv4 = _drawn(nn.Conv2d(384, 384, 3, padding=1, groups=2), std=0.03, bias=1.0)
        self.conv5 = _drawn(nn.Conv2d(384, 256, 3, padding=1, groups=2), std=0.03, bias=1.0)
        self.fc6 = _drawn(nn.Linear(9216, 4096), std=0.01, bias=1.0)
        self.fc7 = _drawn(nn.Linear(4096, 4096), std=0.01, bias=1.0)
        self.fc8 = _drawn(nn.Linear(4096, 1000), std=0.01, bias=0.0)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.pad(x, (0, 3, 0, 3))  # (N, 3, 227, 227): the last windows hang over the edge (source; D1)
        x = torch.relu(self.conv1(x))  # (N, 96, 55, 55), paper 3.5
        x = _normalize(x)  # paper 3.3
        x = functional.max_pool2d(x, 3, stride=2)  # (N, 96, 27, 27): windows of 3 at stride 2 overlap, paper 3.4
        x = torch.relu(self.conv2(x))  # (N, 256, 27, 27)
        x = _normalize(x)
        x = functional.max_pool2d(x, 3, stride=2)  # (N, 256, 13, 13)
        x = torch.relu(self.conv3(x))  # (N, 384, 13, 13)
        x = torch.relu(self.conv4(x))  # (N, 384, 13, 13)
        x = torch.relu(self.conv5(x))  # (N, 256, 13, 13)
        x = functional.max_pool2d(x, 3, stride=2)  # (N, 256, 6, 6)
        x = x.flatten(1)  # (N, 9216)
        x = _dropout(torch.relu(self.fc6(x)), self.training)  # (N, 4096), paper 4.2
        x = _dropout(torch.relu(self.fc7(x)), self.training)  # (N, 4096)
        return self.fc8(x)  # (N, 1000); the loss is cross entropy after a softmax, paper 3.5


def _drawn(layer: nn.Module, std: float, bias: float) -> nn.Module:
    nn.init.normal_(layer.weight, 0.0, std)
    nn.init.constant_(layer.bias, bias)
    return layer


def _normalize(x: Tensor) -> Tensor:
    """Divide each value by (2 + 0.0001 / 5 * sum of squares over 5 neighboring maps) ** 0.75 (paper 3.3; D3).

    A window never leaves its column, since each GPU saw only its own maps (source; D4).
    """
    columns = [functional.local_response_norm(half, size=5, alpha=1e-4, beta=0.75, k=2.0) for half in x.chunk(2, 1)]
    return torch.cat(columns, 1)


def _dropout(x: Tensor, is_training: bool) -> Tensor:
    """Zero half of the outputs in training, halve all of them at test (paper 4.2; D13: unlike torch's own)."""
    if is_training:
        return x * (torch.rand_like(x) < 0.5)
    return x * 0.5


class Update2012:
    """v <- 0.9 v - rate * gradient - rate * 0.0005 * w; w <- w + v (paper 5).

    The rate stands inside the velocity (D12), unlike in torch.optim.SGD. Weights start at rate 0.01, biases at twice
    that and without decay (source; D11). Batches of 128; ``gradient`` is that of the batch's mean loss.
    """

    def __init__(self, net: nn.Module) -> None:
        self.net = net
        self.velocities = {name: torch.zeros_like(parameter) for name, parameter in net.named_parameters()}

    @torch.no_grad()
    def step(self, rate: float = 0.01) -> None:
        """Update every parameter by its ``grad``; divide ``rate`` by ten three times in about 90 epochs (paper 5)."""
        for name, parameter in self.net.named_parameters():
            is_bias = name.endswith("bias")
            own_rate = 2 * rate if is_bias else rate
            decay = 0.0 if is_bias else 0.0005
            velocity = self.velocities[name]
            velocity.mul_(0.9).add_(parameter.grad + decay * parameter, alpha=-own_rate)
            parameter.add_(velocity)
