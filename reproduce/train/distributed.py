"""Training shared by several processes that torchrun starts. Up to rounding, results do not depend on their number.

Every process reads its part of the global batch and draws the dropout masks of the whole batch. DistributedDataParallel
adds up the gradients, so rounding depends on the order of its sums. Two processes that go on from a checkpoint repeat
every bit of an unbroken run. With more processes the last bits may change, since DistributedDataParallel settles the
order of sums anew after the first update.

On GPUs the gradients go through NCCL; the few numbers that steer training go through gloo on the CPU.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import NoReturn, TypeVar

import torch
import torch.distributed
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from reproduce.base.errors import ElsewhereError, ReproduceError, shortened

Result = TypeVar("Result")
_SECONDS_BETWEEN_LOOKS = 0.2
_MOST_DIGITS = 6  # of numbers that torchrun sets


@dataclass(frozen=True)
class Processes:
    """The number of this process (``rank``) and the number of all processes; by default there is one process."""

    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """True in the one process that prints, saves and writes."""
        return self.rank == 0

    def part_of(self, total: int) -> range:
        """Return this process's contiguous share of ``range(total)``; shares differ by at most one in length."""
        return range(self.rank * total // self.count, (self.rank + 1) * total // self.count)

    def wrapped(self, network: nn.Module) -> nn.Module:
        """Return the network as training calls it; with several processes, gradients are averaged over them."""
        return network if self.count == 1 else DistributedDataParallel(network)

    def adding_up(self, wrapped: nn.Module, last: bool) -> AbstractContextManager[None]:
        """Return the context for one pass of an update; processes exchange gradients only in the ``last`` pass."""
        return wrapped.no_sync() if isinstance(wrapped, DistributedDataParallel) and not last else nullcontext()

    def sums(self, values: list[float]) -> list[float]:
        """Return each value summed over the processes, the same in all of them."""
        if self.count == 1:
            return values
        total = torch.tensor(values, dtype=torch.float64)
        torch.distributed.all_reduce(total)
        return total.tolist()

    def joined(self, part: Tensor) -> Tensor:
        """Return the parts (n_i, ...) of all processes, joined on the CPU in the order of ranks, in every process."""
        if self.count == 1:
            return part
        parts: list[Tensor | None] = [None] * self.count
        torch.distributed.all_gather_object(parts, part)
        return torch.cat(parts)

    def agreed(self, attempt: Callable[[], Result]) -> Result:
        """Return what ``attempt`` returns here once it has succeeded in every process.

        Raises:
            ReproduceError: ``attempt`` failed in a process. The failed process of the lowest rank raises its own error,
                and every other process raises ``ElsewhereError``.
        """
        if self.count == 1:
            return attempt()
        error, result = None, None
        try:
            result = attempt()
        except ReproduceError as caught:
            error = caught
        statuses = self.joined(torch.tensor([error.exit_code if error else 0])).tolist()
        failed = [rank for rank, status in enumerate(statuses) if status]
        if failed:
            raise error if error and failed[0] == self.rank else ElsewhereError(statuses[failed[0]])
        return result

    def fail(self, error: ReproduceError) -> NoReturn:
        """Raise an ``error`` that all processes have met: the first raises it, the others raise ``ElsewhereError``."""
        raise error if self.is_first else ElsewhereError(error.exit_code)


def local_rank() -> int:
    """Return the number that torchrun gives this process among the processes of this machine, from 0."""
    return _count_in_environment("LOCAL_RANK", "0")


def _count_in_environment(variable: str, default: str = "", most: int = 10**_MOST_DIGITS - 1) -> int:
    """Return the whole number that torchrun left in an environment variable.

    Raises:
        ReproduceError: the variable holds no whole number, or one above ``most``.
    """
    text = os.environ.get(variable, default)
    is_number = text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS
    if not is_number or int(text) > most:
        raise ReproduceError(
            f"{variable} is {shortened(text)}, no whole number from 0 to {most:,}; "
            "start by torchrun, or unset WORLD_SIZE"
        )
    return int(text)


def _check_addresses(count: int) -> None:
    """Check the other variables that torchrun sets; with some wrong values torch would wait for half an hour.

    Raises:
        ReproduceError: a number or the address is missing or makes no sense.
    """
    _count_in_environment("RANK", most=count - 1)
    _count_in_environment("LOCAL_RANK", "0", most=count - 1)
    _count_in_environment("MASTER_PORT", most=65_535)
    if not os.environ.get("MASTER_ADDR", "").strip():
        raise ReproduceError("MASTER_ADDR is not set; start by torchrun, or unset WORLD_SIZE")


@contextmanager
def joined_processes(device: torch.device) -> Iterator[Processes]:
    """Join the processes that torchrun started (one alone without it) and leave them at the end.

    Within another such context, yield the processes already joined.

    Raises:
        ReproduceError: torchrun's addresses are not usable.
    """
    count = _count_in_environment("WORLD_SIZE", "1")
    if count <= 1:
        yield Processes()
        return
    if torch.distributed.is_initialized():
        yield Processes(torch.distributed.get_rank(), count)
        return
    _check_addresses(count)
    try:
        torch.distributed.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
    except (RuntimeError, ValueError) as error:
        raise ReproduceError(
            f"cannot join {count} processes ({str(error).splitlines()[0]}); start them by torchrun"
        ) from error
    threading.Thread(target=_stop_after, args=(os.getppid(),), daemon=True).start()
    try:
        yield Processes(torch.distributed.get_rank(), count)
    finally:
        torch.distributed.destroy_process_group()


def _stop_after(parent: int) -> None:
    """Ask this process to stop once torchrun has ended, since a killed torchrun leaves its processes running."""
    while os.getppid() == parent:
        time.sleep(_SECONDS_BETWEEN_LOOKS)
    os.kill(os.getpid(), signal.SIGTERM)
