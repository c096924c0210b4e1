"""Subjects of timing, made ready: networks with their update and images, so that arithmetic alone is timed."""

import functools
import importlib.util
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from reproduce.base.paths import scratch_folder
from reproduce.base.temporaries import TemporaryFolder
from reproduce.models.network import Network, StepDraw
from reproduce.models.spec import load_spec
from reproduce.speed.timing import cells
from reproduce.speed.timing.cells import NASNET, Cell, Sample, Scope, image_side
from reproduce.speed.timing.clock import Stopwatch, seconds_per_call
from reproduce.speed.timing.inputs import InputMaker, noise_images, write_packed_noise
from reproduce.study.variant import Phase
from reproduce.train.loop import DTYPES
from reproduce.train.update import MomentumUpdate

_SEED = 1
_MOMENTUM = 0.9  # paper, section 5
# Rates so low that steps on noise do not blow the weights up. The arithmetic is the same.
_PHASE = Phase(epochs=1, training_files=[1], weight_rate_factor=1e-6, bias_rate_factor=1e-6)


def nasnet_missing() -> str | None:
    """Return why timm's NASNet cannot be timed, or None."""
    return None if importlib.util.find_spec("timm") else "timm is not installed"


class Subject:
    """One network on one device, with its update rule; all kinds of work share the weights, which hardly move.

    ``precision`` is that of NASNet's weights; our own networks keep float32 weights and cast them in each layer.
    """

    def __init__(self, name: str, device: torch.device, precision: str = "fp32") -> None:
        self.name, self.device, self.side = name, device, image_side(name)
        self.network: nn.Module
        if name == NASNET:
            import timm

            self.network = timm.create_model(NASNET, pretrained=False).eval().to(device, DTYPES[precision])
        else:
            self.network = Network(load_spec(name), _SEED).to(device)
            self.update = MomentumUpdate(self.network, _MOMENTUM)
        self.steps = 0

    def batch(self, batch_size: int, precision: str) -> tuple[Tensor, Tensor]:
        """Return images (N, 3, side, side) and labels (N,) int64, 0 to 9 in turn, on the device."""
        images = noise_images(self.side, batch_size, precision, str(self.device))
        return images, (torch.arange(batch_size) % 10).to(self.device)

    @torch.no_grad()
    def forward(self, images: Tensor) -> None:
        """Compute the outputs in test mode."""
        self.network(images)

    def step(self, images: Tensor, labels: Tensor) -> None:
        """Do one update as the trainer does: dropout, loss, gradients, the 2012 rule, and waiting for the loss."""
        logits = self.network(images, StepDraw(_SEED, self.steps))
        loss = functional.cross_entropy(logits, labels)
        self.network.zero_grad()
        loss.backward()
        self.update.step([parameter.grad for parameter in self.update.parameters], _PHASE)
        self.steps += 1
        loss.item()

    def layers(self, images: Tensor, labels: Tensor) -> Sample:
        """Return the seconds of every layer's forward and backward pass, of the loss and of the update, in one step."""
        watch, kept, x = Stopwatch(self.device), [], images
        names: list[tuple[str, str]] = []
        watch.mark()

        def marked(what: str, name: str) -> None:
            watch.mark()
            names.append((what, name))

        for name, layer in self.network.layers.items():
            x = x.detach().requires_grad_(bool(kept))  # the images need no gradient
            out = layer(x, StepDraw(_SEED, self.steps))
            kept.append((name, layer, x, out))
            marked("layer_forward", name)
            x = out
        logits = x.detach().float().requires_grad_()
        (gradient,) = torch.autograd.grad(functional.cross_entropy(logits, labels), logits)
        marked("loss", "")
        gradients: list[Tensor] = []
        gradient = gradient.to(x.dtype)
        for name, layer, x, out in reversed(kept):
            wanted = [*layer.parameters(), *([x] if x.requires_grad else [])]
            found = list(torch.autograd.grad(out, wanted, gradient))
            gradient = found.pop() if x.requires_grad else gradient
            gradients = found + gradients
            marked("layer_backward", name)
        self.update.step(gradients, _PHASE)
        marked("update", "")
        self.steps += 1
        return dict(zip(names, watch.intervals(), strict=True))


class Workshop:
    """Makes the calls of cells; networks, images and input makers are made once and kept."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._subjects: dict[tuple[str, str, str], Subject] = {}
        self._batches: dict[tuple[int, int, str, str], tuple[Tensor, Tensor]] = {}
        self._makers: dict[tuple[str, str], InputMaker] = {}
        self._packed: TemporaryFolder | None = None  # removed with the workshop

    def sampler(self, cell: Cell) -> Callable[[int], Sample]:
        """Return a function that times a number of the cell's calls in a row and gives the mean seconds of one.

        Everything that the calls need is made here, before any clock runs.
        """
        device = torch.device(cell.setting.device)
        if cell.what == cells.LAYERS:
            subject, batch = self._subject(cell), self._batch(cell)
            return lambda repeats: _mean_of_layers(subject, batch, repeats)
        call = self._call(cell, device)
        return lambda repeats: {(cell.what, ""): seconds_per_call(call, repeats, device)}

    def _subject(self, cell: Cell) -> Subject:
        precision = cell.setting.precision if cell.network == NASNET else "fp32"
        key = cell.network, cell.setting.device, precision
        if key not in self._subjects:
            self._subjects[key] = Subject(cell.network, torch.device(cell.setting.device), precision)
        return self._subjects[key]

    def _batch(self, cell: Cell) -> tuple[Tensor, Tensor]:
        subject, precision = self._subject(cell), cell.setting.precision
        key = subject.side, cell.batch_size, precision, cell.setting.device
        if key not in self._batches:
            self._batches[key] = subject.batch(cell.batch_size, precision)
        return self._batches[key]

    def _maker(self, cell: Cell) -> InputMaker:
        key = cell.network, cell.setting.device
        if key not in self._makers:
            self._makers[key] = InputMaker(cell.network, torch.device(cell.setting.device), self._packed_images())
        return self._makers[key]

    def _packed_images(self) -> Path:
        if self._packed is None:
            scratch_folder().mkdir(parents=True, exist_ok=True)
            self._packed = TemporaryFolder("timing-", scratch_folder())
            write_packed_noise(Path(self._packed.name))
        return Path(self._packed.name)

    def _call(self, cell: Cell, device: torch.device) -> Callable[[], object]:
        precision = cell.setting.precision
        match cell.what:
            case cells.MATRIX_MULTIPLY:
                return _matrix_multiply(cell.batch_size, precision, device)
            case cells.MEMORY_COPY:
                return _memory_copy(self._scope.copy_bytes[device.type], device)
            case cells.NETWORK_INPUT:
                return functools.partial(self._maker(cell).make, cell.batch_size, precision)
        subject, (images, labels) = self._subject(cell), self._batch(cell)
        match cell.what:
            case cells.FORWARD:
                return lambda: subject.forward(images)
            case cells.TRAINING_STEP:
                return lambda: subject.step(images, labels)
            case _:
                inputs = self._maker(cell).batches(cell.batch_size, precision)
                return lambda: subject.step(next(inputs), labels)


def _mean_of_layers(subject: Subject, batch: tuple[Tensor, Tensor], repeats: int) -> Sample:
    passes = [subject.layers(*batch) for _ in range(repeats)]
    return {key: sum(each[key] for each in passes) / repeats for key in passes[0]}


def _matrix_multiply(side: int, precision: str, device: torch.device) -> Callable[[], object]:
    random = torch.Generator().manual_seed(_SEED)
    a, b = (torch.randn(side, side, generator=random).to(device, DTYPES[precision]) for _ in range(2))
    out = torch.empty_like(a)
    return lambda: torch.mm(a, b, out=out)


@functools.cache  # one pair of arrays a device, whatever the precision: they are large
def _memory_copy(size_bytes: int, device: torch.device) -> Callable[[], object]:
    source = torch.ones(size_bytes // 4, device=device)
    target = torch.empty_like(source)
    return lambda: target.copy_(source)
