"""The 2012 update rule (paper section 5; cuda-convnet src/weights.cu)."""

import torch
from torch import Tensor, nn

from reproduce.models.network import Network
from reproduce.study.variant import Phase


class MomentumUpdate:
    """v <- momentum v - rate * gradient - rate * decay * w; w <- w + v, rate and decay per layer.

    The learning rate stands inside the velocity (deviation D12), so lowering it does not shrink the velocity already
    gathered. ``gradient`` is of the mean loss over the images in the batch, so a short last batch takes a full-size
    step. At rate 0 neither parameter nor velocity changes (weights.cu updates only where ``epsW > 0``): a frozen layer
    does not drift on with the velocity it had. Biases have their own rate, and decay only in nets later than 2012
    (deviation D11).
    """

    def __init__(self, network: Network, momentum: float) -> None:
        self.momentum = momentum
        self.parameters: list[nn.Parameter] = []
        self._rates: list[tuple[float, float]] = []  # (learning rate, weight decay)
        self._layers: list[tuple[str, bool]] = []  # (layer's name, whether the parameter is a bias)
        for layer in network.trained_layers():
            settings = layer.settings
            name = settings.name
            self._add(layer.weight, settings.learning_rate, settings.weight_decay, (name, False))
            if layer.bias is not None:
                self._add(layer.bias, settings.bias_learning_rate, settings.bias_weight_decay, (name, True))
        self.velocities = [torch.zeros_like(parameter) for parameter in self.parameters]

    def _add(self, parameter: nn.Parameter, rate: float, decay: float, layer: tuple[str, bool]) -> None:
        self.parameters.append(parameter)
        self._rates.append((rate, decay))
        self._layers.append(layer)

    @torch.no_grad()
    def step(self, gradients: list[Tensor], phase: Phase) -> None:
        """Apply one update.

        Args:
            gradients: of the mean loss, float32, in the order of ``parameters``.
            phase: its factors multiply every layer's rates.
        """
        rows = zip(self.parameters, self.velocities, gradients, self._rates, self._layers, strict=True)
        for parameter, velocity, gradient, (rate, decay), (layer, is_bias) in rows:
            rate *= phase.rate_factors(layer)[is_bias]
            if rate:
                self._move(parameter, velocity, gradient, rate, decay)

    def _move(self, parameter: Tensor, velocity: Tensor, gradient: Tensor, rate: float, decay: float) -> None:
        """Change one parameter and its velocity in place; all three tensors have one shape."""
        velocity.mul_(self.momentum).add_(gradient, alpha=-rate)
        if decay:
            velocity.add_(parameter, alpha=-rate * decay)
        parameter.add_(velocity)
