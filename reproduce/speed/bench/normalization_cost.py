"""The cost of response normalization: as a share of a training step, and layer by layer."""

import statistics
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from reproduce.base.hardware import native_precisions
from reproduce.base.progress import Progress
from reproduce.data.in_memory import TrainingData
from reproduce.models import kernels, spec
from reproduce.models.layers import ResponseNormalizationLayer
from reproduce.models.network import Network
from reproduce.speed.bench.ours import time_training
from reproduce.speed.bench.stock import WithinMapNormalization
from reproduce.speed.measure import in_turns, spread
from reproduce.study.variant import Variant
from reproduce.train.loop import DTYPES


def use_stock_layers(network: Network) -> None:
    """Replace each normalization across maps of ``network`` by torch's own LocalResponseNorm."""
    for layer in network.layers.values():
        if isinstance(layer, ResponseNormalizationLayer) and layer.settings.extent == "across_maps":
            layer.normalize = _stock_across_maps


def _stock_across_maps(x: Tensor, window: int, alpha_per_square: float, beta: float, k: float) -> Tensor:
    return functional.local_response_norm(x, window, alpha_per_square * window, beta, k)


def stock_error(precision: str) -> str | None:
    """Return the error that torch raises when its LocalResponseNorm trains in ``precision`` on a CPU, or None."""
    x = torch.ones(1, 8, 2, 2, dtype=DTYPES[precision], requires_grad=True)
    try:
        functional.local_response_norm(x, 5).sum().backward()
    except (RuntimeError, NotImplementedError) as error:
        return str(error).splitlines()[0]
    return None


def share_arms(
    with_layers: Variant, without: Variant, data: TrainingData, warm_up_steps: int, timed_steps: int
) -> dict[str, Callable[[], float]]:
    """Return the arms whose times give normalization's share of a training step.

    An arm is named ``<normalization> <precision>``. The net without normalization has ``none`` as the first word.
    """
    arms = {}
    for precision in native_precisions():
        steps = precision, data, warm_up_steps, timed_steps
        arms[f"none {precision}"] = partial(time_training, without, *steps)
        arms[f"ours {precision}"] = partial(time_training, with_layers, *steps)
        if stock_error(precision) is None:
            arms[f"stock {precision}"] = partial(time_training, with_layers, *steps, change=use_stock_layers)
    return arms


def share_rows(seconds: Mapping[str, list[float]], timed_steps: int) -> list[dict[str, Any]]:
    """Return the share of a step spent in each normalization, in percent, by precision and round.

    The share is (step with it - step without it) / step with it.
    """
    rows = []
    for precision in native_precisions():
        without = seconds[f"none {precision}"]
        for normalization in ("ours", "stock"):
            row: dict[str, Any] = {"normalization": normalization, "precision": precision}
            times = seconds.get(f"{normalization} {precision}")
            if times is None:
                row["not_measured"] = f"torch: {stock_error(precision)}"
            else:
                shares = [100 * (a - b) / a for a, b in zip(times, without, strict=True)]
                row["share_of_step_percent"] = spread(shares)
                row["ms_per_step"] = spread(1e3 * total / timed_steps for total in times)
                row["ms_per_step_without"] = spread(1e3 * total / timed_steps for total in without)
            rows.append(row)
    return rows


def normalization_inputs(network: spec.NetworkSpec, batch_size: int) -> list[tuple[spec.ResponseNormalization, tuple]]:
    """Return every normalization layer of a network with the shape (N, C, H, W) it reads."""
    return [
        (settings, (batch_size, channels, size, size))
        for settings, channels, size, _, _ in network.shapes(network.input.size)
        if isinstance(settings, spec.ResponseNormalization)
    ]


def time_layer(layer: Callable[[Tensor], Tensor], shape: tuple[int, ...], precision: str, repeats: int) -> tuple:
    """Return (forward, backward) seconds, medians over ``repeats``, on noise of the memory format used in training."""
    noise = torch.Generator().manual_seed(0)
    x, gradient = (torch.randn(shape, generator=noise).to(DTYPES[precision]) for _ in range(2))
    x, gradient = kernels.channels_last(x).requires_grad_(), kernels.channels_last(gradient)
    clocks = []
    for _ in range(repeats + 1):  # the first one warms up
        begin = time.perf_counter()
        out = layer(x)
        middle = time.perf_counter()
        torch.autograd.grad(out, x, gradient)
        clocks.append((middle - begin, time.perf_counter() - middle))
    return tuple(statistics.median(column) for column in zip(*clocks[1:], strict=True))


def _time_fallback(*arguments: Any) -> tuple:
    with kernels.turned_off():
        return time_layer(*arguments)


def layer_arms(settings: spec.ResponseNormalization, shape: tuple[int, ...], repeats: int) -> dict[str, Callable]:
    """Return the arms that time one layer: ours, our fallback without kernels, and torch's."""
    ours = partial(ResponseNormalizationLayer(settings), draw=None)
    across = settings.extent == "across_maps"
    numbers = settings.window, settings.alpha_per_square, settings.beta, settings.k
    stock = (lambda x: _stock_across_maps(x, *numbers)) if across else WithinMapNormalization(settings)
    arms: dict[str, Callable] = {}
    for precision in native_precisions():
        arms[f"ours {precision}"] = partial(time_layer, ours, shape, precision, repeats)
        arms[f"fallback {precision}"] = partial(_time_fallback, ours, shape, precision, repeats)
        if not across or stock_error(precision) is None:
            arms[f"stock {precision}"] = partial(time_layer, stock, shape, precision, repeats)
    return arms


def layer_rows(
    network: str, network_spec: spec.NetworkSpec, batch_size: int, rounds: int, repeats: int, progress: Progress
) -> list[dict[str, Any]]:
    """Time every normalization layer of a network by itself; return a row per layer, implementation and precision."""
    rows = []
    for settings, shape in normalization_inputs(network_spec, batch_size):
        arms = layer_arms(settings, shape, repeats)
        for arm, times in in_turns(f"{network} {settings.name}", arms, rounds, progress, repeats).items():
            implementation, precision = arm.split()
            place = {"network": network, "layer": settings.name, "extent": settings.extent, "shape": list(shape)}
            forward, backward = zip(*times, strict=True)
            milliseconds = {
                "forward_ms": spread(1e3 * seconds for seconds in forward),
                "backward_ms": spread(1e3 * seconds for seconds in backward),
            }
            rows.append({**place, "implementation": implementation, "precision": precision, **milliseconds})
    return rows
