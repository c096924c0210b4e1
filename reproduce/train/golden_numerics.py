"""A variant's numerics, as its golden file holds them.

The parts are computed from fixed noise images by one thread, each in float32 and in bf16:

- ``one_pass``: outputs of the network in training and in test mode, norms of its gradients, and probabilities averaged
  over the test views where there are several. Weights are scaled up until every layer matters. One pass cannot amplify
  rounding, so its tolerance is tight.
- ``gradients``: these norms as a part of their own, where a network normalizes batches. There a rounded statistic turns
  single ReLUs on or off, so their tolerance is wider. In bf16 that moves some by more than half, so they are left out.
- ``update_rule``: the distance that each parameter moves under drawn gradients, at every phase's rates. Its tolerance
  is tight.
- ``trajectory``: a tiny run through every phase, short last batches and the test views. Training amplifies rounding
  differences between processors, so its tolerance is wide: it shows gross changes and not changes in the last digits.
"""

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from reproduce.base import draws
from reproduce.data.in_memory import ImageSet, TrainingData
from reproduce.data.opening import enlarged_data
from reproduce.data.registry import CIFAR10, FASHION_MNIST
from reproduce.models.network import StepDraw
from reproduce.models.spec import BatchNormalization, NasnetCell, Weighted
from reproduce.study.variant import Variant
from reproduce.train.loop import Trainer

_BATCH_SIZE = 4  # and a file has one and a half times as many images, so that it ends in a short batch
_BATCH_SIZE_NORMALIZED = 8  # where batches are normalized: the variance of two values is hardly defined
_TEST_IMAGES = 4
_CLASSES_KEPT = 10
_STEADY = 1e-4  # factor on the rates at which a tiny run is stable, whatever its batches
_SIDES = {dataset.channels: dataset.image_side for dataset in (CIFAR10, FASHION_MNIST)}
# Differences allowed, relative to the largest entry of a part's quantity. bf16 keeps 8 bits of mantissa.
TOLERANCES = {
    "fp32": {"one_pass": 2e-5, "update_rule": 1e-6, "trajectory": 2e-2},
    "bf16": {"one_pass": 3e-2, "update_rule": 1e-6, "trajectory": 2e-1},
}
_TOLERANCES_NORMALIZED = TOLERANCES | {"fp32": TOLERANCES["fp32"] | {"gradients": 2e-2}}
_TOLERANCES_OF_CELLS = {  # twenty cells amplify the rounding of a pass
    "fp32": TOLERANCES["fp32"] | {"one_pass": 1e-4, "gradients": 5e-2},
    "bf16": TOLERANCES["bf16"] | {"one_pass": 2e-1},
}


def tolerances(variant: Variant) -> Mapping[str, Mapping[str, float]]:
    """Return the difference allowed in each precision and each part of the variant's numerics."""
    network = variant.network_spec()
    if any(isinstance(layer, NasnetCell) for layer in network.layers):
        return _TOLERANCES_OF_CELLS
    return _TOLERANCES_NORMALIZED if network.normalizes_batches() else TOLERANCES


def _batch_size(variant: Variant) -> int:
    return _BATCH_SIZE_NORMALIZED if variant.network_spec().normalizes_batches() else _BATCH_SIZE


def _tiny_data(variant: Variant, lowest: int, highest: int) -> TrainingData:
    """Return a few noise images of the size in the variant's data set, in as many files as its phases read."""
    random = draws.generator(0, "golden images")
    files = 1 if variant.training_images else max(max(phase.training_files) for phase in variant.phases)
    count = files * _batch_size(variant) * 3 // 2
    channels = variant.network_spec().input.channels
    side = _SIDES[channels]
    shape = (count + _TEST_IMAGES, side, side, channels)
    images = torch.from_numpy(random.integers(lowest, highest + 1, size=shape, dtype=np.uint8))
    labels = torch.from_numpy(random.integers(0, 10, size=count + _TEST_IMAGES))
    mean = images[:count].double().mean(0).permute(2, 0, 1).numpy()
    covariance = np.diag(np.linspace(3000.0, 5000.0, channels))
    arrays = images[:count], labels[:count], images[count:], labels[count:]
    held_out = None if variant.training_images is None else ImageSet(*arrays[2:])  # evaluated, never trained on
    data = TrainingData(*arrays, mean, covariance, files=files, held_out=held_out)
    return data if variant.image_side is None else enlarged_data(data, variant.image_side)


def _trainer(variant: Variant, lowest: int = 0, highest: int = 255) -> Trainer:
    tiny = variant.model_copy(update={"batch_size": _batch_size(variant)})
    return Trainer(tiny, tiny.scaled_phases(len(tiny.phases)), 1, _tiny_data(variant, lowest, highest))


def _sketch(values: torch.Tensor) -> torch.Tensor:
    """Return values (N, classes) as they are, or the first ten classes and each row's norm where there are many."""
    values = values.detach().double()
    if values.shape[1] <= _CLASSES_KEPT:
        return values
    return torch.cat([values[:, :_CLASSES_KEPT], values.norm(dim=1, keepdim=True)], dim=1)


def _rounded(values: torch.Tensor | list[float]) -> list[float]:
    flat = values.detach().double().flatten().tolist() if isinstance(values, torch.Tensor) else values
    return [float(f"{value:.8g}") for value in flat]


def _parameter_names(trainer: Trainer) -> list[str]:
    layers = trainer.network.trained_layers()
    named = [(layer, kind) for layer in layers for kind in ("weight", "bias")]
    return [f"{layer.settings.name}.{kind}" for layer, kind in named if getattr(layer, kind) is not None]


def _norms(tensors: list[torch.Tensor]) -> list[float]:
    return _rounded([tensor.double().norm().item() for tensor in tensors])


@torch.no_grad()
def _scale_up(network: nn.Module) -> None:
    """Give every layer weights of variance 2 / inputs and nonzero biases, so that activations stay large throughout."""
    for layer in network.weighted_layers():
        layer.weight.mul_((2 / layer.inputs) ** 0.5 / layer.initial_std)
        if layer.bias is not None:
            layer.bias.add_(0.5)


def _without_effect(variant: Variant) -> set[str]:
    """Return the names of biases right before a batch normalization, whose gradients are nothing but rounding."""
    pairs = itertools.pairwise(variant.network_spec().layers)
    return {
        f"{layer.name}.bias"
        for layer, after in pairs
        if isinstance(layer, Weighted) and isinstance(after, BatchNormalization) and layer.activation == "identity"
    }


def one_pass(variant: Variant) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Return outputs in training and at test, and the norms of gradients, for one batch under scaled-up weights."""
    trainer = _trainer(variant)
    _scale_up(trainer.network)
    images = trainer.training_input(torch.arange(trainer.variant.batch_size))
    outputs = trainer.network(images, StepDraw(1, 0))
    direction = torch.from_numpy(
        draws.generator(0, "golden direction").standard_normal(outputs.shape, dtype=np.float32)
    )
    logits = [outputs, *(head.logits for head in trainer.network.auxiliary_heads())]
    gradients = torch.autograd.grad(sum((each * direction).sum() for each in logits), trainer.update.parameters)
    with torch.no_grad():
        test_outputs = trainer.network(images)
        trainer.network.weighted_layers()[-1].weight.div_(test_outputs.abs().max())  # keeps the softmax off 0 and 1
    names = _parameter_names(trainer)
    views = {"view_probabilities": _rounded(_sketch(trainer.probabilities(trainer.data.test(), variant.test_views)[0]))}
    computed = {"outputs": _rounded(_sketch(outputs)), "test_outputs": _rounded(_sketch(test_outputs))}
    norms = dict(zip(names, _norms(list(gradients)), strict=True))
    kept = {f"gradient of {name}": [norm] for name, norm in norms.items() if name not in _without_effect(variant)}
    return computed | (views if variant.test_views > 1 else {}), kept


def update_rule(variant: Variant) -> dict[str, list[float]]:
    """Return the distance that each parameter moves in two updates per phase under small drawn gradients."""
    trainer = _trainer(variant)
    parameters = trainer.update.parameters
    initial = [parameter.detach().clone() for parameter in parameters]
    for step, phase in enumerate(phase for phase in trainer.phases for _ in range(2)):
        random = draws.generator(0, "golden gradients", step)
        gradients = [torch.from_numpy(random.standard_normal(p.shape, dtype=np.float32) * 1e-3) for p in parameters]
        trainer.update.step(gradients, phase)
    moved = _norms([now.detach() - then for now, then in zip(parameters, initial, strict=True)])
    return {name: [distance] for name, distance in zip(_parameter_names(trainer), moved, strict=True)}


def _steadied(variant: Variant) -> Variant:
    """Return the variant with tiny rates where batches are normalized; else as it is.

    At full rates the statistics of tiny batches make rounding grow beyond any tolerance.
    """
    if not variant.network_spec().normalizes_batches():
        return variant
    factors = ("weight_rate_factor", "bias_rate_factor")
    phases = [p.model_copy(update={name: _STEADY * getattr(p, name) for name in factors}) for p in variant.phases]
    return variant.model_copy(update={"phases": phases})


def trajectory(variant: Variant) -> dict[str, list[float]]:
    """Return the tiny run on low-contrast images: loss of every epoch, test probabilities, movement of all weights."""
    trainer = _trainer(_steadied(variant), lowest=96, highest=159)
    initial = [parameter.detach().clone() for parameter in trainer.update.parameters]
    while not trainer.finished():
        trainer.advance()
    moved = [now.detach() - then for now, then in zip(trainer.update.parameters, initial, strict=True)]
    return {
        "epoch_losses_nats": _rounded([float(row["training_loss_nats"]) for row in trainer.state.history]),
        "test_probabilities": _rounded(_sketch(trainer.probabilities(trainer.data.test(), variant.test_views)[0])),
        "distances_moved": _norms(moved),
    }


def _parts(variant: Variant) -> dict[str, dict[str, list[float]]]:
    outputs, gradients = one_pass(variant)
    passed = {"one_pass": outputs | gradients}
    if variant.network_spec().normalizes_batches():
        passed = {"one_pass": outputs} | ({"gradients": gradients} if variant.precision == "fp32" else {})
    return passed | {"update_rule": update_rule(variant), "trajectory": trajectory(variant)}


def numerics(variant: Variant) -> dict[str, Any]:
    """Return all parts in fp32 and bf16, computed by one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return {p: _parts(variant.model_copy(update={"precision": p})) for p in TOLERANCES}
    finally:
        torch.set_num_threads(threads)


def differences(
    recorded: dict[str, Any], now: dict[str, Any], allowed: Mapping[str, Mapping[str, float]] = TOLERANCES
) -> list[str]:
    """Return one line per quantity that differs by more than its part's tolerance in ``allowed``."""
    problems = []
    for precision, tolerances in allowed.items():
        for part, tolerance in tolerances.items():
            old, new = recorded[precision][part], now[precision][part]
            if {k: len(v) for k, v in old.items()} != {k: len(v) for k, v in new.items()}:
                problems.append(f"{precision} {part}: the layers or their sizes differ")
                continue
            for quantity in old:
                a, b = np.array(old[quantity]), np.array(new[quantity])
                worst = float(np.max(np.abs(a - b)) / max(np.max(np.abs(a)), 1e-30))
                if not worst <= tolerance:
                    problems.append(f"{precision} {part} {quantity}: differs by {worst:.2g}, allowed {tolerance:g}")
    return problems
