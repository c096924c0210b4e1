"""What the processor can do."""

from pathlib import Path

import torch

_BF16_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}  # x86 vectors, x86 matrix tiles, Arm


def has_native_bf16(device: torch.device) -> bool:
    """Return whether ``device`` multiplies bf16 in hardware; elsewhere bf16 works but is slow."""
    if device.type == "cuda":
        if torch.version.hip:
            return True  # every GPU that ROCm's torch runs on
        return torch.cuda.get_device_capability(device)[0] >= 8  # torch's own question is of the current device
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    flags = next((line.partition(":")[2].split() for line in lines if line.startswith(("flags", "Features"))), [])
    return not _BF16_FLAGS.isdisjoint(flags)
