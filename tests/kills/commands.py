"""The commands that are killed: the project's own command line on studies of seconds, in a folder of its own.

Run as a script it is that command line: ``python -m kills.commands tiny|miniature FOLDER ARGUMENTS...``.
"""

import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import fashion_mnist_samples
import ilsvrc_training_support
import nbformat
import training_support
import yaml
from ilsvrc_samples import SIX_WNIDS, Miniature
from kills.sandbox import enter

from reproduce import cli
from reproduce.data import acquire
from reproduce.data.ilsvrc import prepare
from reproduce.models import kernels
from reproduce.report import build
from reproduce.train import run as run_module
from reproduce.train.loop import Trainer

TINY = ["train", "tiny", "small", "--epochs", "2", "--seed", "1", "--threads", "1"]
MINIATURE = ["train", "miniature", "brief", "--epochs", "1", "--seed", "1", "--threads", "1"]
MINIATURE_PROFILE = ["train", "miniature", "--profile", "smoke", "--threads", "1"]
AT_EVERY_UPDATE = ["--seconds-between-checkpoints", "0"]
PACK = ["data", "ilsvrc2012", "--subset"]
IMAGES_PER_SHARD = 8
CELLS = ("import os", "print(6 * 7)", "import time\ntime.sleep(0.5)", "print(os.environ['PYTHONHASHSEED'])")
REPO_ROOT = Path(__file__).resolve().parents[2]


def tiny(folder: Path, arguments: list[str]) -> int:
    """Run the command line on the tiny study, a net with dropout on random images in memory."""
    training_support.use_study(folder)
    _note_weights(folder)
    return cli.main(arguments)


def miniature(folder: Path, arguments: list[str]) -> int:
    """Run the command line on the miniature ILSVRC: a net with dropout, color noise and crops of packed images."""
    ilsvrc_training_support.use_folder(folder)
    run_module.git_problem = lambda: None
    prepare.prepare_ilsvrc.__kwdefaults__["images_per_shard"] = IMAGES_PER_SHARD
    _note_weights(folder)
    return cli.main(arguments)


def official_files(folder: Path) -> int:
    """Fetch a Fashion-MNIST of five images from the folder ``named``."""
    data = replace(fashion_mnist_samples.DATA, files=fashion_mnist_samples.FILES)
    acquire.prepare(data, folder / "data" / "fashion_mnist", folder / "results" / "data" / "fashion_mnist")
    return 0


def notebook(folder: Path) -> int:
    """Execute the notebook that ``write_notebook`` wrote."""
    build.NOTEBOOK_SOURCES, build.NOTEBOOKS = folder / "analysis", folder / "notebooks"
    return cli.main(["report", "notebook", "small"])


def dvc(folder: Path) -> int:
    """Bring the pipeline up to date that ``write_pipeline`` wrote; this process works in its folder."""
    from dvc.cli import main

    return main(["repro"])


def _note_weights(folder: Path) -> None:
    """Let training leave the digest of all its weights and velocities, which published records do not hold."""
    evaluate = run_module.evaluate_trained

    def noting(trainer: Trainer) -> object:
        digest = hashlib.sha256()
        tensors = [*trainer.network.state_dict().values(), *trainer.update.velocities]
        for tensor in tensors:
            digest.update(tensor.detach().contiguous().numpy().tobytes())
        (folder / "weights.json").write_text(json.dumps({"tensors": len(tensors), "sha256": digest.hexdigest()}))
        return evaluate(trainer)

    run_module.evaluate_trained = noting


# What lies in the folder before the command


def write_tiny(folder: Path) -> None:
    """Write the tiny study and build the kernels."""
    training_support.write_study(folder)
    training_support.use_study(folder)  # writes the golden files
    kernels.library()


def write_tiny_without_kernels(folder: Path) -> None:
    """Write the tiny study."""
    training_support.write_study(folder)
    training_support.use_study(folder)


def write_tiny_published(folder: Path) -> None:
    """Write the tiny study and publish a run that another training made."""
    write_tiny(folder)
    assert tiny(folder, TINY) == 0
    (place,) = (folder / "results" / "runs" / "tiny" / "small").rglob("seed1")
    (place / "metrics.json").write_text("{}")


def write_archives(folder: Path) -> None:
    """Write the miniature's study and archives, and build the kernels."""
    sample = Miniature(per_class=3, validation=8, corrupt=False, smallest=230, wnids=SIX_WNIDS)
    ilsvrc_training_support.write_miniature(folder, sample)
    kernels.library()


def write_packed(folder: Path) -> None:
    """Write the miniature and pack it."""
    write_archives(folder)
    assert miniature(folder, [*PACK, "--workers", "1"]) == 0


def write_trained(folder: Path) -> None:
    """Write the packed miniature and train its net."""
    write_packed(folder)
    assert miniature(folder, MINIATURE) == 0


def write_damaged_files(folder: Path) -> None:
    """Write the source of Fashion-MNIST, and a copy of it with one file damaged."""
    fashion_mnist_samples.write_packed(folder / "named")
    fashion_mnist_samples.write_plain(folder / "data" / "fashion_mnist")
    (folder / "data" / "fashion_mnist" / "train-labels-idx1-ubyte").write_bytes(b"damaged")


def write_notebook(folder: Path) -> None:
    """Write a notebook of a few cells."""
    cells = [nbformat.v4.new_code_cell(source, id=f"cell{place}") for place, source in enumerate(CELLS)]
    (folder / "analysis").mkdir()
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "analysis" / "small.ipynb")


def write_pipeline(folder: Path) -> None:
    """Write the tiny study as a DVC project with a stage that trains, as the studies' have it, and one that reads."""
    write_tiny(folder)
    place = "results/runs/tiny/small/epochs2/seed1"
    train = f"{sys.executable} -m kills.commands tiny . {' '.join(TINY)}"
    copy = f"import shutil; shutil.copyfile('{place}/metrics.json', 'results/metrics.json')"
    golden, manifest = "experiments/tiny/golden/small.json", "results/data/cifar10/manifest.json"
    kept = {"cache": False, "persist": True}
    stages = {
        "train": {"cmd": train, "deps": [golden, manifest], "outs": [{place: kept}]},
        "table": {"cmd": f'{sys.executable} -c "{copy}"', "deps": [place], "outs": [{"results/metrics.json": kept}]},
    }
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))
    for command in (["git", "init", "--quiet"], [sys.executable, "-m", "dvc", "init", "--quiet"]):
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    (folder / ".dvc" / "config").write_text((REPO_ROOT / ".dvc" / "config").read_text())


if __name__ == "__main__":
    here = Path(sys.argv[2]).resolve()
    enter(here)
    sys.exit({"tiny": tiny, "miniature": miniature}[sys.argv[1]](here, sys.argv[3:]))
