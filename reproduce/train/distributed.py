"""One training over several processes, started by torchrun. What they compute does not depend on how many they are.

Every process reads its part of the global batch and draws the masks of the whole batch; gradients are added up by
DistributedDataParallel. Results agree with one process up to the order of floating-point sums.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from reproduce.errors import ReproduceError


@dataclass(frozen=True)
class Processes:
    """Which of how many this process is; alone by default."""

    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process prints, saves and writes."""
        return self.rank == 0

    def part_of(self, total: int) -> range:
        """Return this process's share of ``total`` places, contiguous, the shares as equal as can be."""
        return range(self.rank * total // self.count, (self.rank + 1) * total // self.count)

    def wrapped(self, network: nn.Module) -> nn.Module:
        """Return the network as training calls it: with several processes, its gradients become their mean."""
        return network if self.count == 1 else DistributedDataParallel(network)

    def sums(self, values: list[float], device: torch.device) -> list[float]:
        """Return each value summed over the processes, the same in all of them."""
        if self.count == 1:
            return values
        total = torch.tensor(values, dtype=torch.float64, device=device)
        torch.distributed.all_reduce(total)
        return total.tolist()

    def joined(self, part: Tensor) -> Tensor:
        """Return the processes' parts (n_i, ...) on the CPU one after another, in all of them."""
        if self.count == 1:
            return part
        parts: list[Tensor | None] = [None] * self.count
        torch.distributed.all_gather_object(parts, part)
        return torch.cat(parts)

    def wait(self) -> None:
        """Return once every process has come here."""
        if self.count > 1:
            torch.distributed.barrier()


def local_rank() -> int:
    """Return which of this machine's processes this is, as torchrun numbers them."""
    return int(os.environ.get("LOCAL_RANK", "0"))


@contextmanager
def joined_processes(device: torch.device) -> Iterator[Processes]:
    """Join the processes that torchrun started (one alone without it) and leave them at the end.

    Raises:
        ReproduceError: torchrun's addresses are not usable.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Processes()
        return
    backend = "nccl" if device.type == "cuda" else "gloo"
    try:
        torch.distributed.init_process_group(backend)
    except (RuntimeError, ValueError) as error:
        raise ReproduceError(
            f"cannot join {count} processes ({str(error).splitlines()[0]}); start them by torchrun"
        ) from error
    try:
        yield Processes(torch.distributed.get_rank(), count)
    finally:
        torch.distributed.destroy_process_group()
