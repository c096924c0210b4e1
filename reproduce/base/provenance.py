"""The origin of a result: source, commit, machine. Recorded when a run starts, so later edits cannot change it."""

import hashlib
import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import torch

import reproduce
from reproduce.base import paths
from reproduce.base.git import overlooked_files, repository_around, run_git, sent_elsewhere
from reproduce.base.hardware import processor_features, processor_name

_CPU = torch.device("cpu")
_SOURCE = {".py", ".c", ".h", ".yaml"}
_DECIDING = ("reproduce", "experiments")  # folders whose files decide numbers


def source_digest() -> str:
    """Return the SHA-256 over every source file of the package, names included."""
    folder = Path(reproduce.__file__).resolve().parent
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.suffix in _SOURCE):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _git(*arguments: str) -> str | None:
    try:
        done = run_git(paths.REPO_ROOT, *arguments)
    except OSError:
        return None
    return None if done.returncode else done.stdout.strip()


def git_state() -> dict[str, Any]:
    """Return the commit, and whether the package or the experiments differ from it.

    Both are None outside a repository, in a copy that lies inside another repository, and where one of git's variables
    points to another repository. Changes of dvc.lock do not count, since DVC writes it after every run. Source files
    that git is told to overlook count as changed.
    """
    root = paths.REPO_ROOT
    if repository_around(root) or sent_elsewhere(root):
        return {"git_commit": None, "git_dirty": None}
    places = (*_DECIDING, ":(exclude,glob)experiments/**/dvc.lock")
    changes = _git("status", "--porcelain", "--untracked-files=all", "--", *places)
    if changes is not None:
        changes = changes or overlooked_source()
    return {"git_commit": _git("rev-parse", "HEAD"), "git_dirty": None if changes is None else bool(changes)}


def overlooked_source() -> list[str]:
    """Return the source files of package and experiments that git is told to overlook, so no commit holds them."""
    return overlooked_files(paths.REPO_ROOT, _DECIDING, {*_SOURCE, ".json"})


def machine_fingerprint(device: torch.device = _CPU) -> dict[str, Any]:
    """Return processor, cores, threads, memory, the device in use, versions and load; no host name.

    ``features`` names the processor's vector and bf16 instructions, which decide how products round. ``gpu`` names
    the GPU in use and is None where work ran on the CPU, whatever else the machine has.
    """
    return {
        "cpu": processor_name(),
        "features": " ".join(processor_features()) or None,
        "cores": psutil.cpu_count(logical=False) or os.cpu_count(),
        "threads": torch.get_num_threads(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "device": device.type,
        "gpu": torch.cuda.get_device_name(device) if device.type == "cuda" else None,
        "os": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "load_average_at_start": round(os.getloadavg()[0], 2),
    }


def utc_now() -> str:
    """Return the time as ISO 8601 in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
