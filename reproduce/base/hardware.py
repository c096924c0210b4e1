"""The processor's name and abilities."""

import platform
from pathlib import Path

import torch

_CPU = torch.device("cpu")
_FEATURES = ("avx2", "avx512f", "avx512_bf16", "avx512_fp16", "amx_bf16", "asimd", "sve", "bf16")
_BF16_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}  # x86 vectors, x86 matrix tiles, Arm


def has_native_bf16(device: torch.device) -> bool:
    """Return whether ``device`` multiplies bf16 in hardware; elsewhere bf16 takes no less time than float32."""
    if device.type == "cuda":
        if torch.version.hip:
            return True  # every GPU that ROCm's torch runs on
        return torch.cuda.get_device_capability(device)[0] >= 8  # is_bf16_supported knows only the current device
    return not _BF16_FLAGS.isdisjoint(processor_flags())


def native_precisions(device: torch.device = _CPU) -> list[str]:
    """Return ``fp32``, and ``bf16`` where ``device`` multiplies it in hardware."""
    return ["fp32", "bf16"] if has_native_bf16(device) else ["fp32"]


def processor_features() -> list[str]:
    """Return which vector and bf16 instructions the processor names; empty where the system does not say."""
    flags = processor_flags()
    return [feature for feature in _FEATURES if feature in flags]


def processor_flags() -> list[str]:
    """Return the processor's flags as the system lists them; empty where it lists none."""
    lines = _cpuinfo_lines()
    return next((line.partition(":")[2].split() for line in lines if line.startswith(("flags", "Features"))), [])


def processor_name() -> str:
    """Return the processor's name as the system lists it, or its architecture where the system lists none."""
    names = (line.partition(":")[2].strip() for line in _cpuinfo_lines() if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def _cpuinfo_lines() -> list[str]:
    """Return the lines by which the system describes its processors; none where it does not describe them."""
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
