"""A small repository in which everything agrees, for the tests of ``verify``: one run, its tables, locks and pages."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from collect_support import FakeRunId, FakeStudy, claim, write_run
from ruamel.yaml import YAML
from stored_runs import write_labels

from reproduce.base.files import file_digest, json_digest
from reproduce.judge.collect import collect
from reproduce.judge.verify import find_problems
from reproduce.judge.verify.sums import Sums
from reproduce.study.golden_file import golden_digest

CONFIG = {"batch_size": 128}
RUN = FakeRunId()
LABELS = np.array([0] * 7400 + [1] * 2600, dtype=np.uint8)  # predicting 0 throughout errs on 26 %
STUDY_LOCK, ROOT_LOCK = "experiments/nets/dvc.lock", "dvc.lock"
GOLDEN = "experiments/nets/golden/80sec.json"
STATISTICS = ["manifest.json", "mean_image.npy", "test_labels.npy"]
CLAIMS = "paper_notes/claims.yaml"
TABLES = [*("runs", "histories", "histories_mean", "summary", "comparisons", "verdicts"), "ablations"]


@dataclass
class Variant:
    config: dict

    def digest(self) -> str:
        return json_digest(self.config)

    def full_epochs(self) -> int:
        return 1


class Study(FakeStudy):
    """A study of one run whose variant has CONFIG unless changed."""

    dataset = "cifar10"
    scale = "own"
    config = CONFIG

    def variant(self, name):
        return Variant(self.config)

    def stages(self):
        return self.run_ids


def study(config=CONFIG, run_ids=(RUN,)) -> Study:
    """Return the study. Its configuration and its listed runs may differ from the published ones."""
    made = Study("nets", list(run_ids))
    made.config = config
    return made


def make_repository(root: Path) -> Path:
    """Write the repository below ``root`` and return ``root``."""
    contents = {
        GOLDEN: '{"of": "golden"}',
        "results/data/cifar10/manifest.json": '{"of": "data"}',
        "README.md": "26 %\nand prose\n",
    }
    contents |= {"results/figures/curves.png": "picture", "results/notebooks/nets.ipynb": '{"cells": []}'}
    contents |= {"results/timing/machine.csv": "network,ms\n80sec,1.0\n", "reproduce/judge/rules.py": "RULE = 1\n"}
    for name, content in contents.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    np.save(root / "results/data/cifar10/mean_image.npy", np.arange(12.0))
    write_labels(root / "results", LABELS)
    digests = {"golden_sha256": golden_digest(root / GOLDEN)}
    digests["data_manifest_sha256"] = file_digest(root / "results/data/cifar10/manifest.json")
    write_run(root / "results/runs", RUN, error=26.0, config=CONFIG, config_sha256=json_digest(CONFIG), **digests)
    (root / "paper_notes").mkdir()
    write_yaml(root / CLAIMS, {"claims": [claim().model_dump(mode="json", exclude_defaults=True)]})
    collect([study()], root / "results", root / "results" / "runs", [claim()])
    write_study_lock(root)
    write_root_lock(root)
    return root


def write_study_lock(root: Path) -> None:
    """Record the run and its dependencies in the study's dvc.lock, as DVC does."""
    statistics = [f"results/data/cifar10/{name}" for name in STATISTICS[:2]]
    stages = {"80sec@1": ("train", [GOLDEN, *statistics], [f"results/runs/{RUN}"])}
    _write_lock(root, STUDY_LOCK, stages)


def write_root_lock(root: Path) -> None:
    """Record every other stage in the root's dvc.lock, as DVC does."""
    tables = [f"results/tables/{name}.csv" for name in TABLES]
    numbers = [f"results/numbers.{ending}" for ending in ("json", "csv", "tex")]
    outs = [*tables, "results/tables/verdicts.md", *numbers]
    records = ["reproduce/judge", "results/data/cifar10/test_labels.npy", "results/runs/nets", CLAIMS]
    stages = {
        "data": ("data", [], [f"results/data/cifar10/{name}" for name in STATISTICS]),
        "collect": ("collect", records, outs),
        "timing": ("time", ["results/timing"], []),
        "figures": ("draw", ["results/tables/summary.csv"], ["results/figures/curves.png"]),
        "notebook": ("execute", ["results/tables/runs.csv"], ["results/notebooks/nets.ipynb"]),
        "pages": ("fill in", ["results/numbers.json"], ["README.md"]),
    }
    _write_lock(root, ROOT_LOCK, stages)


def _write_lock(root: Path, name: str, stages: dict) -> None:
    sums = Sums(root)
    lock = {
        stage: {"cmd": command} | {kind: [_recorded(sums, path) for path in paths] for kind, paths in files.items()}
        for stage, (command, deps, outs) in stages.items()
        for files in [{"deps": deps, "outs": outs}]
    }
    write_yaml(root / name, {"schema": "2.0", "stages": lock})


def _recorded(sums: Sums, path: str) -> dict:
    found = sums.of(path)
    nfiles = {} if found.files is None else {"nfiles": found.files}
    return {"path": path, "hash": "md5", "md5": found.md5, "size": found.size} | nfiles


def write_yaml(path: Path, content: dict) -> None:
    """Write a YAML file."""
    with path.open("w") as stream:
        YAML().dump(content, stream)


def flip(path: Path, at: int | None = None) -> None:
    """Change the lowest bit of the last digit in a file, or of the last byte where it has none."""
    content = bytearray(path.read_bytes())
    digits = [place for place, byte in enumerate(content) if chr(byte).isdigit()]
    content[at if at is not None else (digits or range(len(content)))[-1]] ^= 1
    path.write_bytes(content)


def replace(path: Path, old: str, new: str) -> None:
    """Replace a text in a file, which must hold it."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def problems(root: Path) -> list[str]:
    """Return what ``verify`` finds wrong in the small repository."""
    return find_problems([study()], root).all_problems()
