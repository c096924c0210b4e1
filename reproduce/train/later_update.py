"""Update rules from after 2012: Nesterov's momentum, and gradients clipped at a norm."""

import torch
from torch import Tensor

from reproduce.models.network import Network
from reproduce.study.variant import Variant
from reproduce.train.update import MomentumUpdate


class NesterovUpdate(MomentumUpdate):
    """v <- momentum v - pull; w <- w + momentum v - pull, with pull = rate * (gradient + decay * w).

    This is Nesterov's momentum in the form of Sutskever et al. 2013, as torch computes it. Rates, decays and frozen
    layers are as in ``MomentumUpdate``; here too the learning rate stands inside the velocity.
    """

    def _move(self, parameter: Tensor, velocity: Tensor, gradient: Tensor, rate: float, decay: float) -> None:
        pull = rate * (gradient + decay * parameter)
        velocity.mul_(self.momentum).sub_(pull)
        parameter.add_(velocity, alpha=self.momentum).sub_(pull)


def update_of(variant: Variant, network: Network) -> MomentumUpdate:
    """Return the update rule that a variant asks for."""
    rule = NesterovUpdate if variant.nesterov else MomentumUpdate
    return rule(network, variant.momentum)


def clipped(gradients: list[Tensor], norm: float | None) -> list[Tensor]:
    """Return the gradients, all scaled by one factor where their joint Euclidean norm is above ``norm``.

    The gradients are float32 and of a whole batch (Pascanu et al. 2013). Where ``norm`` is None they are left as they
    are.
    """
    if norm is None:
        return gradients
    length = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(gradient) for gradient in gradients]))
    factor = (norm / length).clamp(max=1.0)
    return [gradient * factor for gradient in gradients]
