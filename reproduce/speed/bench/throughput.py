"""Rows of the tables of training throughput, from the seconds of each arm."""

from collections.abc import Mapping
from typing import Any

from reproduce.speed.measure import ratios_by_round, spread

STANDARD = "standard_loop fp32"  # arms are named ``<loop> <precision>``


def throughput_rows(
    network: str, batch_size: int, timed_steps: int, seconds: Mapping[str, list[float]]
) -> list[dict[str, Any]]:
    """Return one row per arm.

    Args:
        network: what was trained.
        batch_size: images of an update.
        timed_steps: updates of each timing.
        seconds: of each timing, round by round, by arm.
    """
    rows = []
    for arm, times in seconds.items():
        loop, precision = arm.split()
        images = timed_steps * batch_size
        rows.append(
            {
                "network": network,
                "loop": loop,
                "precision": precision,
                "batch_size": batch_size,
                "images_per_second": spread(images / total for total in times),
                "ms_per_step": spread(1e3 * total / timed_steps for total in times),
                "seconds_by_round": [round(total, 5) for total in times],
            }
        )
    return rows


def speedup_rows(network: str, seconds: Mapping[str, list[float]]) -> list[dict[str, Any]]:
    """Return our speed divided by the standard loop's, by precision and round."""
    return [
        {
            "network": network,
            "precision": arm.split()[1],
            "times_standard_loop": ratios_by_round(seconds[STANDARD], times),
        }
        for arm, times in seconds.items()
        if arm.startswith("ours ")
    ]
