"""A clone of the last commit, and commands run in the clone with this interpreter and a scratch folder of its own."""

import os
import subprocess
import sys
from pathlib import Path

from reproduce.base.paths import DATA, REPO_ROOT


def environment(folder):
    """Return environment variables that give commands in a clone this interpreter's programs and their own scratch."""
    return {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "REPRODUCE_SCRATCH": str(folder.parent / "scratch"),
        "REPRODUCE_CIFAR10": str(DATA / "cifar10"),
        "PYTHONPATH": str(folder),
    }


def run(command, folder, check=True, **variables):
    """Run a command in ``folder``, a clone, with ``variables`` set."""
    variables = environment(folder) | variables
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)
    if check:
        assert done.returncode == 0, done.stdout + done.stderr
    return done


def make_clone(parent: Path) -> Path:
    """Clone the repository's last commit below ``parent``; data come from this checkout's by REPRODUCE_CIFAR10."""
    folder = parent / "clone"
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(REPO_ROOT), str(folder)], check=True)
    return folder
