"""A study that trains in a second: tiny images, a net with every kind of layer, its own folders and golden file.

Run as a script, ``training_support.py FOLDER ARGUMENTS...``, this module is the real command line on that study.
"""

import functools
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from reproduce import cli
from reproduce.base import paths
from reproduce.data import registry
from reproduce.data.in_memory import TrainingData
from reproduce.models.spec import load_spec
from reproduce.study import variant as variants
from reproduce.study.run_id import RunId
from reproduce.study.study import Study, load_study
from reproduce.train import run as run_module
from reproduce.train.loop import Trainer

IMAGES_PER_FILE = 20
BATCH_SIZE = 8  # 8 + 8 + 4: every file ends in a short batch
UPDATES_PER_FILE = 3
TEST_IMAGES = 30
SIDE = 16

_RATES = "learning_rate: 0.001, bias_learning_rate: 0.002, weight_decay: 0.004"
SPEC = f"""
source: made up for the tests
input: {{channels: 3, size: 12}}
layers:
  - {{name: conv1, type: convolution, filters: 6, kernel_size: 3, padding: 1, weight_std: 0.01, activation: identity,
     {_RATES}}}
  - {{name: pool1, type: max_pooling, window: 3, stride: 2, activation: relu}}
  - {{name: norm1, type: response_normalization, extent: across_maps, window: 5, alpha: 0.001, beta: 0.75, k: 1.0}}
  - {{name: conv2, type: convolution, filters: 8, kernel_size: 3, padding: 1, weight_std: 0.1, activation: relu,
     {_RATES}}}
  - {{name: norm2, type: response_normalization, extent: within_map, window: 3, alpha: 0.001, beta: 0.75, k: 1.0}}
  - {{name: pool2, type: average_pooling, window: 3, stride: 2}}
  - {{name: local3, type: local, filters: 5, kernel_size: 3, padding: 1, weight_std: 0.1, activation: tanh, {_RATES}}}
  - {{name: drop3, type: dropout, keep: 0.5}}
  - {{name: fc10, type: fully_connected, outputs: 10, weight_std: 0.1, activation: identity, {_RATES}}}
"""
STUDY = """
study: tiny
dataset: cifar10
scale: synthetic
variants:
  small: &small
    network: small
    precision: fp32
    batch_size: 8
    momentum: 0.9
    order: reshuffled
    augmentation: crops_and_flips
    test_views: 10
    phases:
      - {epochs: 4, training_files: [1, 2, 3, 4], weight_rate_factor: 1.0}
      - {epochs: 2, training_files: [1, 2, 3, 4, 5], weight_rate_factor: 0.1}
  long:
    <<: *small
    phases:
      - {epochs: 1500, training_files: [1, 2, 3, 4], weight_rate_factor: 1.0}
      - {epochs: 500, training_files: [1, 2, 3, 4, 5], weight_rate_factor: 0.1}
profiles:
  smoke:
    small: {epochs: 2, seeds: [1, 2]}
"""
RUN = RunId("tiny", "small", 6, 1)


def tiny_data() -> TrainingData:
    """Return images whose brightness tells their class, with noise, on all five files and the test set."""
    random = np.random.default_rng(7)
    count = 5 * IMAGES_PER_FILE + TEST_IMAGES
    labels = random.integers(0, 10, size=count)
    noise = random.integers(-30, 31, size=(count, SIDE, SIDE, 3))
    images = torch.from_numpy((80 + 10 * labels[:, None, None, None] + noise).astype(np.uint8))
    split = 5 * IMAGES_PER_FILE
    mean = images[:split].double().mean(0).permute(2, 0, 1).numpy()
    labels = torch.from_numpy(labels)
    return TrainingData(images[:split], labels[:split], images[split:], labels[split:], mean)


def write_study(folder: Path) -> None:
    """Write the tiny study with its network and data manifest below ``folder``."""
    for name, content in {
        "specs/small.yaml": SPEC,
        "experiments/tiny/study.yaml": STUDY,
        "results/data/cifar10/manifest.json": json.dumps({"files": []}),
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def write_golden(folder: Path) -> None:
    """Write golden files that hold no numerics, only the present configuration."""
    study = tiny_study(folder)
    for name, variant in study.variants.items():
        path = folder / "experiments" / "tiny" / "golden" / f"{name}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"variant": name, "config_sha256": variant.digest()}))


def use_study(folder: Path, patch: Callable[[object, str, object], None] = setattr) -> None:
    """Make the package read its study, specs and data from ``folder`` and ``tiny_data``, and write results there."""
    experiments = folder / "experiments"
    load = functools.partial(load_study, experiments=experiments)
    patch(paths, "EXPERIMENTS", experiments)
    patch(paths, "RESULTS", folder / "results")
    patch(variants, "load_spec", functools.partial(load_spec, folder=folder / "specs"))
    patch(cli, "load_study", load)
    patch(run_module, "load_study", load)
    patch(registry, "RESULTS", folder / "results")
    patch(run_module, "open_dataset", lambda name, device, options: tiny_data())
    patch(run_module, "git_state", lambda: {"git_commit": "a" * 40, "git_dirty": False})
    patch(run_module, "git_problem", lambda: None)
    if not (experiments / "tiny" / "golden").exists():
        write_golden(folder)


def tiny_study(folder: Path) -> Study:
    """Return the study written by ``write_study``."""
    return load_study("tiny", folder / "experiments")


def trainer_of(study: Study, epochs: int = 6, seed: int = 1, name: str = "small", **changes: object) -> Trainer:
    """Return a trainer of a variant of the tiny study with ``changes`` of its fields."""
    variant = study.variant(name).model_copy(update=changes)
    return Trainer(variant, variant.scaled_phases(epochs), seed, tiny_data())


def checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints that runs in ``folder`` have left."""
    return list((folder / "scratch" / "checkpoints").glob("*.pt"))


def after_updates(monkeypatch: pytest.MonkeyPatch, count: int, action: Callable[[], object]) -> None:
    """Do ``action`` once, right after the ``count``-th update of this process."""
    advance, done = run_module.Trainer.advance, []

    def counting(self):
        advance(self)
        done.append(1)
        if len(done) == count:
            action()

    monkeypatch.setattr(run_module.Trainer, "advance", counting)


def results(place: Path) -> dict[str, object]:
    """Return the contents of a run's folder that must not depend on interruptions, so all but clock times."""
    run = json.loads((place / "run.json").read_text())
    for clock in ("started_utc", "finished_utc", "training_seconds", "evaluation_seconds", "images_per_second"):
        run.pop(clock)
    run.pop("interruptions"), run.pop("sessions"), run["machine"].pop("load_average_at_start")
    run.pop("source_sha256")  # an edit of the package between two interruptions is no matter
    history = pd.read_csv(place / "history.csv", dtype=str).drop(columns="seconds")
    files = {name: (place / name).read_bytes() for name in ("metrics.json", "predictions.npz", "arrays.npz")}
    return {"run": run, "history": history.to_csv(), **files}


def use_own_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write the tiny study below ``folder`` and keep everything there, checkpoints too, until the test ends."""
    write_study(folder)
    use_study(folder, monkeypatch.setattr)
    monkeypatch.setenv("REPRODUCE_SCRATCH", str(folder / "scratch"))


def trained(trainer: Trainer) -> Trainer:
    """Return the trainer after its last update."""
    while not trainer.finished():
        trainer.advance()
    return trainer


if __name__ == "__main__":
    use_study(Path(sys.argv[1]))
    sys.exit(cli.main(sys.argv[2:]))


def other_rule(momentum=0.9, decay_sign=1.0, bias_decay=0.0, rate_outside=False):
    """Return an update rule that is that of 2012 but for the arguments given."""

    @torch.no_grad()
    def step(self, gradients, phase):
        rows = zip(self.parameters, self.velocities, gradients, self._rates, self._layers, strict=True)
        for parameter, velocity, gradient, (rate, decay), (_, is_bias) in rows:
            rate *= phase.bias_rate_factor if is_bias else phase.weight_rate_factor
            pull = gradient + (bias_decay if is_bias else decay_sign * decay) * parameter
            velocity.mul_(momentum).sub_(pull if rate_outside else rate * pull)
            parameter.add_(rate * velocity if rate_outside else velocity)

    return step
