"""A clone of the last commit, and commands run in it with this interpreter and a scratch folder of its own."""

import os
import subprocess
import sys
from pathlib import Path

from reproduce.base.paths import DATA, REPO_ROOT


def run(command, folder, check=True):
    """Run a command in ``folder`` with this interpreter's programs first on the path and a scratch of its own."""
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "REPRODUCE_SCRATCH": str(folder.parent / "scratch"),
        "REPRODUCE_CIFAR10": str(DATA / "cifar10"),
        "PYTHONPATH": str(folder),
    }
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if check:
        assert done.returncode == 0, done.stdout + done.stderr
    return done


def make_clone(parent: Path) -> Path:
    """Clone the repository's last commit below ``parent``; data come from this checkout's by REPRODUCE_CIFAR10."""
    folder = parent / "clone"
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(REPO_ROOT), str(folder)], check=True)
    return folder
