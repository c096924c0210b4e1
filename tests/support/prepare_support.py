"""Packing the miniature ILSVRC in tests, and reading what was packed."""

import csv
import json
from pathlib import Path

import pytest

from reproduce.data.ilsvrc.editions import EDITIONS
from reproduce.data.ilsvrc.prepare import prepare_ilsvrc

IMAGES_PER_SHARD = 5


def use_own_folders(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the package pack below ``folder``, and unset the variables that name sources of images."""
    monkeypatch.setenv("REPRODUCE_SCRATCH", str(folder / "scratch"))
    monkeypatch.setenv("REPRODUCE_PACKED", str(folder / "packed"))
    for year in (2010, 2012):
        monkeypatch.delenv(f"REPRODUCE_ILSVRC{year}", raising=False)


def prepare_miniature(source: Path | None, **options) -> Path:
    """Pack the subset of 2012 from ``source`` in small shards, by one worker unless said; return its folder."""
    settings = {"subset": True, "workers": 1, "images_per_shard": IMAGES_PER_SHARD, "edition": EDITIONS[2012]} | options
    return prepare_ilsvrc(source=source, **settings)


def bytes_of(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file below ``folder``, by the file's path in it."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def index_of(folder: Path, split: str) -> list[tuple[str, int]]:
    """Return name and label of every packed image of a split."""
    with (folder / split / "index.csv").open(newline="") as stream:
        return [(row["name"], int(row["label"])) for row in csv.DictReader(stream)]


def manifest_of(folder: Path) -> dict:
    """Return the manifest of packed data."""
    return json.loads((folder / "manifest.json").read_text())
