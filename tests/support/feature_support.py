"""A study of three tiny feature variants in a folder of its own, and small images with structure."""

import functools
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from training_support import tiny_data

from reproduce.base import paths
from reproduce.data import registry
from reproduce.data.in_memory import ImageSet
from reproduce.study.feature_variant import FeatureVariant
from reproduce.study.run_id import RunId
from reproduce.study.study import Study, load_study
from reproduce.train import run as run_module

_CLASSIFIER = """
    precision: fp32
    storage: fp32
    standardized: true
    held_out: 20
    costs: [1.0, 10.0]
    most_iterations: 30
    tolerance: 1.0e-6"""
_DESCRIPTORS = """
      streams: [sift, color]
      patch_sides: [8, 12]
      grid_step: 4
      components: 6
      sampled_descriptors: 300
      iterations: 4"""
STUDY = f"""
study: tiny_features
dataset: cifar10
scale: synthetic
variants:
  patches:
    encoder:
      type: kmeans_triangle
      centroids: 5
      patch_side: 6
      patches: 300
      contrast_constant: 10.0
      whitening_constant: 0.1
      iterations: 4{_CLASSIFIER}
  fisher:
    encoder:
      type: fisher_vectors
      gaussians: 3{_DESCRIPTORS}{_CLASSIFIER}
  words:
    encoder:
      type: visual_words
      words: 7{_DESCRIPTORS}{_CLASSIFIER}
profiles:
  smoke:
    patches: {{epochs: 1, seeds: [1]}}
"""


def feature_run(variant: str, seed: int = 1) -> RunId:
    """Return a run of the tiny study."""
    return RunId("tiny_features", variant, 1, seed)


def use_feature_study(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    """Write the tiny study below ``folder``, make the package read and write there, and return the study."""
    experiments = folder / "experiments"
    for path, content in {
        experiments / "tiny_features" / "study.yaml": STUDY,
        folder / "results" / "data" / "cifar10" / "manifest.json": json.dumps({"files": []}),
    }.items():
        path.parent.mkdir(parents=True)
        path.write_text(content)
    study = load_study("tiny_features", experiments)
    for name, variant in study.variants.items():
        path = experiments / "tiny_features" / "golden" / f"{name}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"variant": name, "config_sha256": variant.digest()}))
    monkeypatch.setattr(paths, "EXPERIMENTS", experiments)
    monkeypatch.setattr(paths, "RESULTS", folder / "results")
    monkeypatch.setattr(registry, "RESULTS", folder / "results")
    monkeypatch.setattr(run_module, "load_study", functools.partial(load_study, experiments=experiments))
    monkeypatch.setattr(run_module, "open_dataset", lambda name, device, options: tiny_data())
    monkeypatch.setattr(run_module, "git_state", lambda: {"git_commit": "a" * 40, "git_dirty": False})
    monkeypatch.setattr(run_module, "git_problem", lambda: None)
    monkeypatch.setenv("REPRODUCE_SCRATCH", str(folder / "scratch"))
    return study


def tiny_variant(name: str, folder: Path) -> FeatureVariant:
    """Return a variant of the tiny study, read from a file in ``folder``."""
    path = folder / "tiny_features" / "study.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(STUDY)
    return load_study("tiny_features", folder).variants[name]


def textured_images(count: int, side: int = 16, seed: int = 3) -> ImageSet:
    """Return smooth random images uint8 (count, side, side, 3) of three classes."""
    random = np.random.default_rng(seed)
    coarse = random.integers(20, 230, size=(count, side // 4, side // 4, 3)).repeat(4, axis=1).repeat(4, axis=2)
    images = np.clip(coarse + random.integers(-10, 11, size=coarse.shape), 0, 255).astype(np.uint8)
    return ImageSet(torch.from_numpy(images), torch.from_numpy(random.integers(0, 3, size=count)))
