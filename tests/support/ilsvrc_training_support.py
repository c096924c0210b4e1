"""A study on a miniature ILSVRC-2012: small nets of AlexNet's family, and the real command line on them.

Run as a script, also by torchrun, this module is that command line: ``ilsvrc_training_support.py FOLDER ARGUMENTS...``.
Below FOLDER lie the archives (``source``), the packed images (``packed``), checkpoints (``scratch``) and results.
"""

import functools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from ilsvrc_samples import SIX_WNIDS, Miniature

from reproduce import cli
from reproduce.base import paths
from reproduce.study.run_id import RunId
from reproduce.study.study import load_study
from reproduce.train import publish as publish_module
from reproduce.train import run as run_module

PACK = ["data", "ilsvrc2012", "--subset", "--skip-corrupt", "--workers", "1"]
TRAINING_IMAGES = 71  # 12 of each of six classes, less a corrupt one
VALIDATION_IMAGES = 24
UPDATES_PER_EPOCH = 9
STUDY = """
study: miniature
dataset: ilsvrc2012_subset
scale: synthetic
published_by: publish
variants:
  paper: &paper
    network: alexnet_paper
    changes: &small
      "*.learning_rate": 0.002
      "*.bias_learning_rate": 0.004
      conv1.filters: 16
      conv1.weight_std: 0.02
      conv2.filters: 32
      conv2.weight_std: 0.05
      conv3.filters: 48
      conv3.weight_std: 0.06
      conv4.filters: 48
      conv4.weight_std: 0.06
      conv5.filters: 32
      conv5.weight_std: 0.06
      fc6.outputs: 64
      fc6.weight_std: 0.05
      fc7.outputs: 64
      fc7.weight_std: 0.1
      fc8.outputs: 6
      fc8.weight_std: 0.1
    precision: fp32
    batch_size: 8
    momentum: 0.9
    order: reshuffled
    augmentation: crops_and_flips
    color_noise: standard_deviation
    diagnostics: [update_losses]
    test_views: 10
    phases: &schedule
      - {epochs: 14, training_files: [1], weight_rate_factor: 1.0}
      - {epochs: 1, training_files: [1], weight_rate_factor: 0.1, bias_rate_factor: 0.1}
      - epochs: 1
        training_files: [1]
        weight_rate_factor: 0.1
        bias_rate_factor: 0.1
        color_noise: false
        layer_rates: {conv1: {weight_rate_factor: 0.0, bias_rate_factor: 0.0}}
  steady:  # at rates so low that rounding is not blown up from update to update
    <<: *paper
    changes:
      <<: *small
      "*.learning_rate": 0.0001
      "*.bias_learning_rate": 0.0002
  brief:
    <<: *paper
    phases:
      - {epochs: 1, training_files: [1], weight_rate_factor: 1.0}
  as_released:
    <<: *paper
    network: alexnet_as_released
  one_gpu:
    <<: *paper
    network: alexnet_one_gpu
profiles:
  standard:
    brief: {epochs: 1, seeds: [1]}
  smoke:
    brief: {epochs: 1, seeds: [1]}
"""


def miniature() -> Miniature:
    """Return the images: six classes, gray, PNG and CMYK files among them, and one corrupt file."""
    return Miniature(per_class=12, validation=VALIDATION_IMAGES, corrupt=True, smallest=230, wnids=SIX_WNIDS)


def write_miniature(folder: Path, sample: Miniature) -> None:
    """Write the archives of ``sample`` and the study below ``folder``."""
    sample.write_archives(folder / "source")
    path = folder / "experiments" / "miniature" / "study.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(STUDY)


def use_folder(folder: Path, patch: Callable[[object, str, object], None] = setattr) -> None:
    """Make the package read studies from ``folder``, write there, and believe that the work tree has no changes."""
    load = functools.partial(load_study, experiments=folder / "experiments")
    for module, name, value in (
        (paths, "EXPERIMENTS", folder / "experiments"),
        (paths, "RESULTS", folder / "results"),
        (paths, "DATA", folder / "data"),
        (cli, "load_study", load),
        (run_module, "load_study", load),
        (publish_module, "load_study", load),
        (run_module, "git_state", lambda: {"git_commit": "a" * 40, "git_dirty": False}),
    ):
        patch(module, name, value)


def variables(folder: Path) -> dict[str, str]:
    """Return the environment variables that name everything below ``folder``."""
    named = {"ILSVRC2012": "source", "PACKED": "packed", "SCRATCH": "scratch"}
    return {f"REPRODUCE_{name}": str(folder / place) for name, place in named.items()}


def command(folder: Path, *arguments: str, processes: int = 1) -> list[str]:
    """Return the command line with ``arguments``, started by torchrun where there are several processes."""
    torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    return [sys.executable, *(torchrun if processes > 1 else []), __file__, str(folder), *arguments]


def train(variant: str, epochs: int, seed: int = 1) -> list[str]:
    """Return the arguments that train one run with one thread per process."""
    return ["train", "miniature", variant, "--epochs", str(epochs), "--seed", str(seed), "--threads", "1"]


def started(folder: Path, *arguments: str, processes: int = 1, **others: str) -> subprocess.Popen:
    """Start the command in a process group of its own, so that all of it can be killed at once."""
    ours = {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1", **variables(folder)}
    return subprocess.Popen(
        command(folder, *arguments, processes=processes),
        env=os.environ | ours | others,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def finished(folder: Path, *arguments: str, processes: int = 1) -> str:
    """Run the command to its successful end; return what it printed."""
    process = started(folder, *arguments, processes=processes)
    output, _ = process.communicate()
    assert process.returncode == 0, output
    return output


def place_of(folder: Path, variant: str, epochs: int, seed: int = 1) -> Path:
    """Return the folder in which training leaves a run."""
    return folder / "data" / "runs" / str(RunId("miniature", variant, epochs, seed))


def losses(place: Path) -> np.ndarray:
    """Return the loss of every update, float32."""
    return np.load(place / "arrays.npz")["update_losses_nats"]


def metrics(place: Path) -> dict:
    """Return a run's metrics."""
    return json.loads((place / "metrics.json").read_text())


def packed_below(folder: Path, sample: Miniature) -> Iterator[Path]:
    """Yield ``folder`` with the sample packed and this process working in it."""
    write_miniature(folder, sample)
    with pytest.MonkeyPatch.context() as patch:
        use_folder(folder, patch.setattr)
        for name, place in variables(folder).items():
            patch.setenv(name, place)
        assert cli.main(PACK) == 0
        yield folder


def trained_here(folder: Path, variant: str, epochs: int, *options: str) -> Path:
    """Train a run in this process; return its folder."""
    assert cli.main([*train(variant, epochs), *options]) == 0
    return place_of(folder, variant, epochs)


if __name__ == "__main__":
    use_folder(Path(sys.argv[1]))
    sys.exit(cli.main(sys.argv[2:]))
