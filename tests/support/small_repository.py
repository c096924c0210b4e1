"""A small repository of real files, for commands that read whole repositories: two studies and two published runs."""

import shutil
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from reproduce.base.files import read_json, write_json
from reproduce.base.paths import REPO_ROOT
from reproduce.base.validation import read_yaml

STUDY, VARIANT, EPOCHS, SEEDS = "cifar10_nets", "80sec", 11, [1, 2]
_FURTHER_VARIANT = "80sec_bf16"  # without runs; its study's figures name it
_CLAIMS = 8  # the first so many of them
BY_HAND = "ilsvrc2012"  # a study whose runs need other machines
RUN = f"{STUDY}/{VARIANT}/epochs{EPOCHS}/seed{SEEDS[0]}"
NOTEBOOK = "25_to_16"
_WHOLE = (
    *("paper_notes", "results/data", "results/tables", "results/timing", "results/benchmarks"),
    *("experiments/analysis", "README.md", "CITATION.cff", f"experiments/{BY_HAND}"),
    *(f"experiments/{STUDY}/README.md", f"experiments/{STUDY}/golden/{VARIANT}.json"),
    *(f"results/runs/{STUDY}/{VARIANT}/epochs{EPOCHS}/seed{seed}" for seed in SEEDS),
)


def write_small_repository(root: Path) -> Path:
    """Write the repository to ``root`` and return it."""
    for name in _WHOLE:
        source, target = REPO_ROOT / name, root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
    study = read_yaml(REPO_ROOT / "experiments" / STUDY / "study.yaml")
    runs = {VARIANT: {"epochs": EPOCHS, "seeds": SEEDS}}
    small = {key: study[key] for key in ("study", "dataset", "scale")}
    variants = {name: study["variants"][name] for name in (VARIANT, _FURTHER_VARIANT)}
    small |= {"variants": variants, "profiles": {"standard": runs, "full": runs}}
    _write_yaml(root / "experiments" / STUDY / "study.yaml", small)
    lock = read_yaml(REPO_ROOT / "experiments" / STUDY / "dvc.lock")
    stages = {name: stage for name, stage in lock["stages"].items() if any(_is_kept(o) for o in stage.get("outs", []))}
    _write_yaml(root / "experiments" / STUDY / "dvc.lock", {"schema": lock["schema"], "stages": stages})
    claims = [claim for claim in read_yaml(REPO_ROOT / "paper_notes" / "claims.yaml")["claims"] if _is_of_small(claim)]
    _write_yaml(root / "paper_notes" / "claims.yaml", {"claims": claims[:_CLAIMS]})
    kept = {f"{STUDY}/{VARIANT}/epochs{EPOCHS}/seed{seed}" for seed in SEEDS}
    numbers = read_json(REPO_ROOT / "results" / "numbers.json")
    numbers["numbers"] = [row for row in numbers["numbers"] if set(row["runs"]) <= kept]
    write_json(root / "results" / "numbers.json", numbers)
    for name in ("data", "results/figures"):
        (root / name).mkdir()
    return root


def _is_kept(output: dict[str, Any]) -> bool:
    return any(output["path"].endswith(f"{VARIANT}/epochs{EPOCHS}/seed{seed}") for seed in SEEDS)


def _is_of_small(claim: dict[str, Any]) -> bool:
    known = {STUDY: [VARIANT], None: [], BY_HAND: claim.get("arms", [])}
    return claim.get("study") in known and set(claim.get("arms", [])) <= set(known[claim.get("study")])


def _write_yaml(path: Path, content: Any) -> None:
    with path.open("w", encoding="utf-8") as stream:
        YAML(typ="safe", pure=True).dump(content, stream)
