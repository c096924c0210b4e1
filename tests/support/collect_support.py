"""Run folders, run ids and claims for the tests of the collecting modules, all made in temporary folders."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd

from reproduce.judge.verdicts import Verdict, judge
from reproduce.runs.table import read_runs
from reproduce.study.claims import Claim
from reproduce.study.run_id import RunId


@dataclass(frozen=True)
class FakeRunId(RunId):
    """Stands for RunId, with a default for each part."""

    study: str = "nets"
    variant: str = "80sec"
    epochs: int = 11
    seed: int = 1


@dataclass
class FakeStudy:
    """Stands for Study: a name, its listed runs, and the comparisons that it declares."""

    study: str
    run_ids: list[FakeRunId]
    comparisons: list = field(default_factory=list)
    factorials: list = field(default_factory=list)
    full_run_ids: list[FakeRunId] = field(default_factory=list)
    published_by: str = "stages"
    ensembles: dict = field(default_factory=dict)
    unlisted: list[str] = field(default_factory=list)  # variants that no profile lists

    @property
    def is_trained_by_stages(self) -> bool:
        return self.published_by == "stages"

    @property
    def is_published_by_hand(self) -> bool:
        return self.published_by == "publish"

    @property
    def variants(self) -> dict[str, None]:
        return dict.fromkeys([*(run.variant for run in self.publishable_runs()), *self.unlisted])

    @property
    def profiles(self) -> dict[str, None]:
        return dict.fromkeys(["standard", "full"] if self.full_run_ids else ["standard"])

    def is_of_network(self, run) -> bool:
        return run not in self.ensemble_runs()

    def ensemble_runs(self) -> dict:
        return {}

    def publishable_runs(self) -> list[FakeRunId]:
        return [*self.run_ids, *self.full_run_ids]

    def variant(self, name: str) -> SimpleNamespace:
        return SimpleNamespace(schedule=lambda epochs: "full", full_epochs=lambda: 11)

    def config_digest(self, run_id: FakeRunId) -> str:
        return self.variant(run_id.variant).digest()

    def stage_name(self, variant: str, epochs: int) -> str:
        return variant

    def runs(self, profile: str) -> list[FakeRunId]:
        return {"standard": self.run_ids, "full": self.full_run_ids}[profile]


def run_record(run_id: FakeRunId, **changes) -> dict:
    """Return a run.json as the trainer writes it."""
    record = {
        "run_id": str(run_id),
        "study": run_id.study,
        "variant": run_id.variant,
        "epochs": run_id.epochs,
        "seed": run_id.seed,
        "dataset": "cifar10",
        "scale": "own",
        "schedule": "full",
        "precision": "fp32",
        "config": {"batch_size": 128},
        "config_sha256": "c" * 64,
        "golden_sha256": "d" * 64,
        "data_manifest_sha256": "e" * 64,
        "source_sha256": "f" * 64,
        "git_commit": "a" * 40,
        "git_dirty": False,
        "started_utc": "2026-01-02T03:04:05Z",
        "finished_utc": "2026-01-02T03:06:05Z",
        "training_seconds": 120.0,
        "evaluation_seconds": 2.5,
        "interruptions": 0,
        "images_per_second": 4583.0,
        "machine": {
            "cpu": "Some CPU",
            "cores": 2,
            "threads": 2,
            "memory_gib": 7.8,
            "gpu": None,
            "os": "Linux",
            "python": "3.11.7",
            "torch": "2.14.1",
            "load_average_at_start": 0.5,
        },
        "status": "finished",
    }
    return record | changes


def metrics_record(error: float, **changes) -> dict:
    """Return a metrics.json as the trainer writes it."""
    record = {
        "test_top1_error_percent": error,
        "test_center_top1_error_percent": error,
        "test_loss_nats": 0.75,
        "training_top1_error_percent": 20.0,
        "training_loss_nats": 0.5,
        "test_images": 10000,
        "views": 1,
        "epochs": 11,
        "updates": 4345,
    }
    return record | changes


_EPOCHS = (1, 2)  # of each run's history


def write_run(root: Path, run_id: FakeRunId, error: float = 26.0, metrics: dict | None = None, **changes) -> Path:
    """Write one run folder below ``root`` and return it."""
    folder = root / str(run_id)
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps(run_record(run_id, **changes)))
    (folder / "metrics.json").write_text(
        json.dumps(metrics_record(error, **{"epochs": len(_EPOCHS)} | (metrics or {})))
    )
    lines = ["epoch,phase,weight_rate_factor,training_loss_nats,validation_error_percent,test_error_percent,seconds"]
    lines += [f"{epoch},0,0.001,{2 / epoch},,{error + 2 - epoch},{epoch * 10.0}" for epoch in _EPOCHS]
    (folder / "history.csv").write_text("\n".join(lines) + "\n")
    predicted = np.zeros(10000, dtype=np.uint8)
    np.savez_compressed(folder / "predictions.npz", test_predicted=predicted, test_center_predicted=predicted)
    return folder


def claim(**changes) -> Claim:
    """Return a claim like that of the 80-second net: 26 % +- 1."""
    fields = {
        "id": "cifar10-80sec-error",
        "source": "front page",
        "statement": "26 % error in 80 seconds",
        "kind": "single_value",
        "dataset": "CIFAR-10",
        "protocol": "test, single view",
        "targets": [{"value": 26.0, "unit": "percent", "kind": "published", "where": "front page"}],
        "estimand": "test_top1_error_percent",
        "arms": ["80sec"],
        "study": "nets",
        "margin": 1.0,
        "margin_why": "rounding and spread",
        "scale": "own",
    }
    return Claim.model_validate(fields | changes)


def difference_claim(value: float | None = 2.0, margin: float | None = 0.5, **changes) -> Claim:
    """Return a claim that arm ``without`` errs ``value`` percentage points more than arm ``with``."""
    targets = (
        [] if value is None else [{"value": value, "unit": "percentage_points", "kind": "published", "where": "x"}]
    )
    fields = {"id": "gain", "kind": "difference", "targets": targets, "arms": ["without", "with"], "margin": margin}
    fields["margin_why"] = None if margin is None else "rounding"
    return claim(**(fields | changes))


def verdict_of(one_claim: Claim, frame: pd.DataFrame, **keywords) -> Verdict:
    """Return the verdict on one claim by the runs in ``frame``."""
    (verdict,) = judge([one_claim], frame, **keywords)
    return verdict


def make_arms(root: Path, arms: dict, metrics: dict | None = None, epochs: int = 11, **changes) -> pd.DataFrame:
    """Write runs of arms {variant: errors}, and return them as read again; an error of None is a missing run."""
    run_ids = []
    for variant, errors in arms.items():
        for seed, error in enumerate(errors, 1):
            run_ids.append(FakeRunId(variant=variant, epochs=epochs, seed=seed))
            if error is not None:
                write_run(root, run_ids[-1], error=error, metrics=metrics, **changes)
    return read_runs(run_ids, root)
