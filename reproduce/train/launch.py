"""Settings of a launch, which change a run's speed but not its result, and setting up torch by them."""

from dataclasses import dataclass

import torch

from reproduce.base.errors import ReproduceError
from reproduce.base.memory import keep_freed_memory
from reproduce.train.distributed import local_rank


@dataclass(frozen=True)
class Launch:
    """Settings that change a run's speed but not its result, so they are no part of the run's identity.

    ``images_per_pass`` is the most images that go through the network at once; None is a process's share of a batch.
    """

    device: str = "auto"
    threads: int | None = None
    seconds_between_checkpoints: float = 30.0
    require_clean_tree: bool = True
    images_per_pass: int | None = None


def choose_device(name: str) -> torch.device:
    """Return the device for ``auto``, ``cpu`` or ``cuda``.

    Raises:
        ReproduceError: CUDA is asked for and absent, or this process has no GPU of its own.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise ReproduceError("no CUDA device is available to torch here; use --device cpu")
    if name == "cpu":
        return torch.device(name)
    if local_rank() >= torch.cuda.device_count():
        raise ReproduceError(
            f"process {local_rank()} of this machine has no GPU of its own: torch sees {torch.cuda.device_count()}; "
            "start one process per GPU (torchrun --nproc-per-node)"
        )
    device = torch.device(name, local_rank())
    torch.cuda.set_device(device)  # otherwise every process would also keep memory on the first GPU
    return device


def prepare_torch(launch: Launch) -> torch.device:
    """Set memory, threads and exact float32 as a run needs them, and return its device."""
    keep_freed_memory()
    if launch.threads:
        torch.set_num_threads(launch.threads)
    torch.backends.cudnn.allow_tf32 = False  # otherwise fp32 has 10 bits of mantissa on recent GPUs
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.deterministic = True  # resuming must give the same weights
    return choose_device(launch.device)
