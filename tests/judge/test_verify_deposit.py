"""``verify`` in a copy of all that is committed, without git: one edited byte anywhere is named.

That it finds nothing where nothing was edited is tried on the deposit (``report/test_archive.py``).
"""

import contextlib
import os
import shutil
import subprocess
import sys

import pytest
from verify_support import flip, replace

from reproduce.base.files import file_digest
from reproduce.base.paths import REPO_ROOT


@pytest.fixture(scope="module")
def deposit(tmp_path_factory):
    """A copy of all that is committed, as an archive holds it: without git and without data."""
    folder = tmp_path_factory.mktemp("deposit") / "copy"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=REPO_ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPO_ROOT / name, folder / name)
    return folder


def verify_in(folder):
    environment = os.environ | {"PYTHONPATH": str(folder), "GIT_CEILING_DIRECTORIES": str(folder.parent)}
    command = [sys.executable, "-m", "reproduce", "verify"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


EVERYWHERE = [
    *("README.md", "experiments/lrn_confound/README.md", "paper_notes/claims.yaml", "paper_notes/hardware.csv"),
    *("paper_notes/architectures.md", "results/figures/ablations.png", "results/figures/ablations.svg"),
    *("results/notebooks/ablations.ipynb", "results/numbers.json", "results/tables/runs.csv"),
    *("results/tables/summary.csv", "results/tables/verdicts.csv", "results/tables/verdicts.md"),
    *("results/tables/timing.csv", "results/tables/ablations.md"),
    *("results/data/cifar10/mean_image.npy", "results/data/cifar10/test_labels.npy"),
    *("results/data/cifar10/pixel_neighbors.npy", "results/data/fashion_mnist/color_covariance.npy"),
    *("experiments/cifar10_nets/golden/80sec.json", "results/benchmarks/intel-xeon-processor-2-cores.md"),
]
IN_FOLDERS = {
    "results/timing": "amd-epyc-2-cores-torch-2-14-1.csv",
    "results/external": "README.md",
    "results/runs/cifar10_nets/80sec/epochs11/seed1": "predictions.npz",
}


@contextlib.contextmanager
def kept(*paths):
    """Put the files back afterward, whatever was written to them."""
    contents = {path: path.read_bytes() for path in paths}
    try:
        yield
    finally:
        for path, content in contents.items():
            path.write_bytes(content)


def is_named(name, text):
    return any(line.startswith((f"problem: {name} ", f"problem: {name}: ")) for line in text.splitlines())


@pytest.mark.slow
def test_one_edited_byte_in_every_kind_of_committed_file(deposit):
    """All at once: each is named, whatever else is wrong."""
    places = [deposit / name for name in [*EVERYWHERE, *(f"{folder}/{name}" for folder, name in IN_FOLDERS.items())]]
    with kept(*places):
        for path in places:
            flip(path)
        done = verify_in(deposit)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert [name for name in [*EVERYWHERE, *IN_FOLDERS] if not is_named(name, done.stdout)] == []


@pytest.mark.slow
def test_files_edited_together_with_their_lock_or_held_by_none(deposit):
    """A timing, a number on a page and a benchmark: dvc.lock is made to agree with the first two and has no third."""
    timing, page, lock = (deposit / name for name in ("results/tables/timing.csv", "README.md", "dvc.lock"))
    benchmark = deposit / "results/benchmarks/intel-xeon-processor-2-cores.json"
    with kept(timing, page, benchmark, lock):
        before = [file_digest(path, "md5") for path in (timing, page)]
        flip(timing)
        flip(benchmark)
        replace(page, "| 25.67 % (", "| 25.66 % (")
        for md5, path in zip(before, (timing, page), strict=True):
            replace(lock, md5, file_digest(path, "md5"))
        done = verify_in(deposit)
    named = ["results/tables/timing.csv", "README.md", "results/benchmarks/intel-xeon-processor-2-cores.md"]
    assert done.returncode == 2 and [name for name in named if not is_named(name, done.stdout)] == []
