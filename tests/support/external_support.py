"""A study published by hand, on a packed miniature of ILSVRC-2012 and in temporary folders.

Its finished runs are written by the trainer's own functions from made-up probabilities, so each has a known error.
"""

import functools
from pathlib import Path
from types import SimpleNamespace

import torch
from ilsvrc_samples import Miniature

from reproduce import cli
from reproduce.base import paths
from reproduce.base.files import file_digest
from reproduce.data.ilsvrc import editions
from reproduce.data.ilsvrc.prepare import prepare_ilsvrc
from reproduce.data.opening import open_dataset
from reproduce.data.registry import DATASETS
from reproduce.evaluate.predict import scores
from reproduce.runs import places
from reproduce.study.run_id import RunId
from reproduce.study.study import Study, load_study
from reproduce.train import ensemble, publish
from reproduce.train import run as run_module
from reproduce.train.record import Tested, _hits
from reproduce.train.state import State

CPU = torch.device("cpu")
TEST_IMAGES = 20
STUDY = """
study: tinynet
dataset: ilsvrc2012_subset
scale: synthetic
published_by: publish
variants:
  paper: &paper
    network: alexnet_paper
    precision: fp32
    batch_size: 8
    momentum: 0.9
    order: reshuffled
    augmentation: none
    test_views: 10
    phases:
      - {epochs: 2, training_files: [1], weight_rate_factor: 1.0}
  no_dropout:
    <<: *paper
    remove: [drop6, drop7]
profiles:
  standard:
    paper: {epochs: 2, seeds: [1, 2, 3]}
    no_dropout: {epochs: 2, seeds: [1]}
  full:
    no_dropout: {epochs: 2, seeds: [1, 2, 3]}
  smoke:
    paper: {epochs: 1, seeds: [9]}
ensembles:
  pair: {variant: paper, seeds: [[1, 2], [3, 4]]}
comparisons:
  - {id: gain, question: What is it worth?, arms: [no_dropout, paper], estimand: test_top1_error_percent}
"""


def prepare_miniature(folder: Path) -> None:
    """Pack a miniature below $REPRODUCE_PACKED."""
    source = Miniature(per_class=2, validation=TEST_IMAGES).write_archives(folder / "source")
    prepare_ilsvrc(editions.EDITIONS[2012], source, subset=True, workers=1)


def use_external_study(folder: Path, patch) -> None:
    """Make the package read the study above from ``folder`` and keep its runs and results there."""
    experiments = folder / "experiments"
    (experiments / "tinynet").mkdir(parents=True, exist_ok=True)
    (experiments / "tinynet" / "study.yaml").write_text(STUDY)
    load = functools.partial(load_study, experiments=experiments)
    for module in (cli, run_module, publish, ensemble):
        patch(module, "load_study", load)
    for module in (paths, editions):
        patch(module, "RESULTS", folder / "results")
        patch(module, "DATA", folder / "data")
    patch(cli, "EXPERIMENTS", experiments)


def external_study(folder: Path) -> Study:
    """Return the study as it stands in ``folder``."""
    return load_study("tinynet", folder / "experiments")


def probabilities(labels: torch.Tensor, wrong: list[int]) -> torch.Tensor:
    """Return probabilities (N, 4), highest for the right class, or for the class after it at the images ``wrong``."""
    named = labels.clone()
    named[wrong] = (named[wrong] + 1) % 4
    return 0.1 + 0.6 * torch.nn.functional.one_hot(named, 4).float()


def finish_run(study: Study, run: RunId, wrong: list[int], **changes: object) -> Path:
    """Leave a finished run as training does, erring on the images ``wrong``; ``changes`` go into its run.json."""
    labels = torch.from_numpy(open_dataset(study.dataset, CPU).test().images.labels)
    outputs = probabilities(labels, wrong)
    found = scores(outputs, labels)
    row = {"epoch": 1, "phase": 1, "weight_rate_factor": 1.0, "training_loss_nats": 1.0, "images": 8, "seconds": 2.0}
    layer = SimpleNamespace(settings=SimpleNamespace(name="conv1"), weight=torch.zeros(96, 3, 11, 11))
    trainer = SimpleNamespace(
        variant=study.variant(run.variant),
        state=State(history=[row, row | {"epoch": 2}], seconds=4.0),
        network=SimpleNamespace(weighted_layers=lambda: [layer]),
        data=SimpleNamespace(reports_top5=True),
    )
    metrics = {
        **{f"{kind}_top1_error_percent": found.top1_error_percent for kind in ("test", "test_center")},
        **{f"{kind}_top5_error_percent": found.top5_error_percent for kind in ("test", "test_center")},
        "test_loss_nats": found.loss_nats,
        "training_top1_error_percent": 25.0,
        "training_loss_nats": 1.0,
        "test_images": len(labels),
        "views": 10,
        "epochs": 2,
        "updates": 2,
    }
    meta = {
        "config_sha256": study.config_digest(run),
        "golden_sha256": None,
        "data_manifest_sha256": file_digest(DATASETS[study.dataset].manifest()),
        "git_commit": "a" * 40,
        "git_dirty": False,
        "source_sha256": "f" * 64,
        "started_utc": "2026-01-02T03:04:05Z",
        "interruptions": 0,
        "machine": {"cpu": "Some CPU", "cores": 16, "threads": 16, "gpu": "Some GPU", "torch": "2.14.1"},
    }
    folder = places.trained_to(study, run)
    tested = Tested(metrics, _hits(outputs, outputs, labels), outputs.numpy(), 1.0)
    run_module._write(folder, run, study, trainer, tested, meta | changes)
    return folder
