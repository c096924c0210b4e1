"""NASNet-A's cells and auxiliary head as modules; ``nasnet_specs`` says what they are made of."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from reproduce.models import kernels, spec
from reproduce.models.activations import relu
from reproduce.models.layers import StepDraw
from reproduce.models.nasnet_specs import CELLS, JOINED, Part
from reproduce.models.pooling import average_pool, max_pool
from reproduce.models.strided import strided

Build = Callable[[Part], nn.Module]


class _DenseGradient(torch.autograd.Function):
    """The identity, with its gradient copied into memory of its own: a slice of a larger one is slow to work on."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return kernels.channels_last(gradient)


class NasnetCellLayer(nn.Module):
    """(N, C, H, H) and ``beside`` of side H or 2H -> (N, 6 filters, H, H), in a reduction (N, 4 filters, H/2, H/2)."""

    def __init__(
        self, settings: spec.NasnetCell, channels: int, size: int, beside: tuple[int, int], build: Build
    ) -> None:
        """Build the parts by ``build``; ``beside`` is (maps, side) of the earlier layer."""
        super().__init__()
        self.settings = settings
        self.parts = nn.ModuleDict({name: build(part) for name, part in settings.parts(channels, size, beside)})

    def forward(self, x: Tensor, draw: StepDraw | None, beside: Tensor) -> Tensor:
        states = [self._run("before", relu(x), draw), self._brought_to_size(beside, x.shape[2], draw)]
        for number, pair in enumerate(CELLS[self.settings.kind]):
            both = (
                self._operation(operation, states[state], state < 2, f"{number}_{side}", draw)
                for side, (operation, state) in zip(("left", "right"), pair, strict=True)
            )
            states.append(next(both) + next(both))
        joined = [states[state] for state in JOINED[self.settings.kind]]
        return torch.cat([_DenseGradient.apply(s) if kernels.usable(s) else s for s in joined], dim=1)

    def _run(self, name: str, x: Tensor, draw: StepDraw | None) -> Tensor:
        """Return ``x`` after the convolution ``name`` and its batch normalization."""
        return self.parts[f"{name}_norm"](self.parts[name](x, draw), draw)

    def _brought_to_size(self, beside: Tensor, size: int, draw: StepDraw | None) -> Tensor:
        """Return ``beside`` with the cell's maps and side; one of twice the side is halved on two paths."""
        beside = relu(beside)
        if beside.shape[2] == size:
            return self._run("beside", beside, draw)
        paths = [self.parts[path](strided(beside, 2, first), draw) for first, path in enumerate(("even", "odd"))]
        return self.parts["beside_norm"](torch.cat(paths, dim=1), draw)

    def _operation(self, operation: str, x: Tensor, is_input: bool, place: str, draw: StepDraw | None) -> Tensor:
        if operation == "identity":
            return x
        stride = self.settings.stride if is_input else 1
        if operation.startswith("separable"):
            for turn in ("0", "1"):
                x = self.parts[f"{place}_{turn}_depth"].of_rectified(x)
                x = self.parts[f"{place}_{turn}_norm"](self.parts[f"{place}_{turn}_point"](x, draw), draw)
        elif stride == 1:  # always an average, over the pixels inside the image
            x = average_pool(x, 3, 1, padding=1)
        else:
            x = (average_pool if operation == "average3" else max_pool)(x, 3, stride)
        return self._dropped(x, place, draw)

    def _dropped(self, x: Tensor, place: str, draw: StepDraw | None) -> Tensor:
        """Return ``x`` with some images set to zero and the others divided by the probability to keep one."""
        if draw is None or self.settings.path_keep == 1:
            return x
        keep = 1 - draw.share_of_training * (1 - self.settings.path_keep)
        mask = draw.keep_mask(f"{self.settings.name} {place}", (len(x), 1, 1, 1), keep)
        return x * (mask.to(device=x.device, dtype=x.dtype) / keep)


class AuxiliaryHeadLayer(nn.Module):
    """Passes (N, C, H, H) on; in training it keeps ``logits``, float32 (N, classes), for the loss."""

    def __init__(self, settings: spec.AuxiliaryHead, channels: int, size: int, build: Build) -> None:
        super().__init__()
        self.settings = settings
        self.parts = nn.ModuleDict({name: build(part) for name, part in settings.parts(channels, size)})
        self.logits: Tensor | None = None

    def forward(self, x: Tensor, draw: StepDraw | None) -> Tensor:
        if draw is None:
            return x
        features = functional.avg_pool2d(relu(x), 5, 3)
        for part in self.parts.values():
            features = part(features, draw)
        self.logits = features.float()
        return x
