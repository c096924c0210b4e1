"""The part ``later`` of the benchmark: training the nets that followed AlexNet, our kernels beside plain torch."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

from reproduce.base.environment import KERNELS_VARIABLE
from reproduce.base.errors import ReproduceError
from reproduce.base.progress import Progress
from reproduce.models import kernels
from reproduce.speed.bench.alexnet import noise_training_data
from reproduce.speed.bench.ours import trainer
from reproduce.speed.measure import in_turns, ratios_by_round, spread
from reproduce.speed.timing.clock import seconds_on_cpu
from reproduce.study.study import load_study
from reproduce.study.variant import Variant

STUDY = "after_2012"
VARIANTS = ("nasnet_a_2_768", "resnet20_all_images", "18pct_today", "vgg_bn_dropout_half")
ROUNDS = 5
TIMED_STEPS = 8
_WARM_UP_STEPS = 2  # of each way
_SIDE, _CLASSES = 32, 10  # CIFAR-10's


def measure_later(
    rounds: int = ROUNDS, variants: Sequence[str] = VARIANTS, timed_steps: int = TIMED_STEPS
) -> dict[str, Any]:
    """Time each net's updates with our kernels and with plain torch operations; return settings and rows.

    Both ways train one network in turns, in the variant's own precision. The images are noise in memory.

    Args:
        rounds: timings of each way; ratios are taken within a round.
        variants: of the study ``after_2012``.
        timed_steps: updates of each timing.

    Raises:
        ReproduceError: there are no kernels, so nothing could be compared.
    """
    if kernels.library() is None:
        raise ReproduceError(
            f"bench later needs the C kernels; install a C compiler and leave {KERNELS_VARIABLE} unset"
        )
    study = load_study(STUDY)
    chosen = {name: study.variant(name) for name in variants}
    settings = {"device": "cpu", "rounds": rounds, "warm_up_steps": _WARM_UP_STEPS, "timed_steps": timed_steps}
    with Progress("benchmark later", 2 * rounds * timed_steps * len(chosen), "step") as progress:
        rows = [_row(variant, rounds, timed_steps, progress) for variant in chosen.values()]
    return {"settings": settings, "later_nets": rows}


def _row(variant: Variant, rounds: int, timed_steps: int, progress: Progress) -> dict[str, Any]:
    steps = 2 * (_WARM_UP_STEPS + rounds * timed_steps)
    data = noise_training_data(variant.batch_size, steps, _SIDE, _CLASSES)
    step = trainer(variant, variant.precision, data).advance
    ways = {"ours": nullcontext, "plain": kernels.turned_off}
    for way in ways.values():
        _seconds(step, _WARM_UP_STEPS, way)
    arms = {name: partial(_seconds, step, timed_steps, way) for name, way in ways.items()}
    seconds = in_turns(str(variant.network), arms, rounds, progress, timed_steps)
    images = timed_steps * variant.batch_size
    return {
        "network": variant.network,
        "precision": variant.precision,
        "batch_size": variant.batch_size,
        "images_per_second": spread(images / total for total in seconds["ours"]),
        "ms_per_step": spread(1e3 * total / timed_steps for total in seconds["ours"]),
        "plain_ms_per_step": spread(1e3 * total / timed_steps for total in seconds["plain"]),
        "times_plain": ratios_by_round(seconds["plain"], seconds["ours"]),
    }


def _seconds(step: Callable[[], None], steps: int, way: Callable[[], Any]) -> float:
    """Return the seconds of ``steps`` updates in the context that ``way`` opens."""
    with way():
        kernels.library()  # found, or found to be off, before the clock starts
        return seconds_on_cpu(step, steps)
