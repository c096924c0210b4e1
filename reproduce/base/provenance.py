"""The origin of a result: source, commit, machine. Taken when a run starts, so that later edits cannot change it."""

import hashlib
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import torch

import reproduce
from reproduce.base.git import run_git
from reproduce.base.hardware import processor_features
from reproduce.base.paths import REPO_ROOT

_CPU = torch.device("cpu")


def source_digest() -> str:
    """Return the SHA-256 over every source file of the package, names included."""
    folder = Path(reproduce.__file__).resolve().parent
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.suffix in {".py", ".c", ".h", ".yaml"}):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _run_git(*arguments: str, root: Path | None = None) -> subprocess.CompletedProcess[str]:
    return run_git(root or REPO_ROOT, *arguments)


def _git(*arguments: str) -> str | None:
    try:
        done = _run_git(*arguments)
    except OSError:
        return None
    return None if done.returncode else done.stdout.strip()


def _repository_around(root: Path) -> Path | None:
    """Return the root of the repository in which a folder below it lies; None where ``root`` is one, or git fails."""
    try:
        done = run_git(root, "rev-parse", "--show-toplevel")
    except OSError:
        return None
    top = Path(done.stdout.removesuffix("\n"))
    return None if done.returncode or top == root.resolve() else top


def git_problem(root: Path | None = None) -> str | None:
    """Return why git cannot say which commit this is and what is changed, with the way out; None where it can."""
    try:
        done = _run_git("status", "--porcelain", "--untracked-files=no", root=root)
        if done.returncode == 0:
            done = _run_git("rev-parse", "HEAD", root=root)
    except OSError as error:
        return f"git cannot be run ({error.strerror}); install git"
    around = _repository_around(root or REPO_ROOT)
    if around:  # whose commits say nothing about this copy
        return f"this copy has no .git of its own and lies in the repository {around}; work in a clone outside it"
    if done.returncode == 0:
        return None
    reason = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[0]
    if "dubious ownership" in reason:
        return (
            f"git says: {reason}; if you trust it, run `git config --global --add safe.directory {root or REPO_ROOT}`"
        )
    return f"git says: {reason}; work in a clone of the repository, with its .git folder"


def changed_files(folder: str = ".", root: Path | None = None) -> list[str]:
    """Return the files below ``folder`` that differ from the last commit or are new; none where git cannot say.

    Args:
        folder: relative to ``root``, and so are the files.
        root: the repository, by default this one.
    """
    if _repository_around(root or REPO_ROOT):
        return []
    found: set[str] = set()
    for question in (("diff", "--name-only", "--relative", "HEAD"), ("ls-files", "--others", "--exclude-standard")):
        try:
            done = _run_git(*question, "-z", "--", folder, root=root)
        except OSError:
            return []
        if done.returncode:
            return []
        found |= set(filter(None, done.stdout.split("\0")))
    return sorted(found)


def git_state() -> dict[str, Any]:
    """Return the commit, and whether the package or the experiments differ from it.

    Both are None outside a repository, and in a copy that lies in another one. dvc.lock does not count: DVC itself
    writes it after every run.
    """
    if _repository_around(REPO_ROOT):
        return {"git_commit": None, "git_dirty": None}
    changes = _git("status", "--porcelain", "--", "reproduce", "experiments", ":(exclude,glob)experiments/**/dvc.lock")
    return {"git_commit": _git("rev-parse", "HEAD"), "git_dirty": None if changes is None else bool(changes)}


def _processor_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def machine_fingerprint(device: torch.device = _CPU) -> dict[str, Any]:
    """Return processor, cores, threads, memory, the device in use, versions and load; no host name.

    ``features`` names the processor's vector and bf16 instructions, which decide how products round. ``gpu`` names
    the GPU in use and is None where work ran on the CPU, whatever else the machine has.
    """
    return {
        "cpu": _processor_name(),
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
