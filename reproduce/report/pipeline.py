"""Every study's dvc.yaml, written from its study.yaml, and the run lists and tables of ``collect`` in the root's.

A person edits study.yaml, and `python -m reproduce report pipeline` writes the stages. A test checks that they agree.
"""

from collections.abc import Iterator
from pathlib import Path

from reproduce.base.errors import ReproduceError
from reproduce.base.files import write_text
from reproduce.base.paths import EXPERIMENTS, REPO_ROOT, relative_to_repo
from reproduce.data.registry import DATASETS
from reproduce.judge.collect import COLLECTED
from reproduce.runs import places
from reproduce.study.feature_variant import FeatureVariant
from reproduce.study.run_id import RunId
from reproduce.study.study import Study, load_study
from reproduce.study.variant import Variant

_WRITTEN = "# Written from study.yaml by `python -m reproduce report pipeline`; edit study.yaml and run it again.\n"
_TRAINED_ANYWHERE = """\
# One stage is one run. A run depends on its variant's settings, the data manifest, the mean image and the golden file
# of its numerics, and on no source file: a refactoring reruns nothing. Outputs are swapped in whole by the trainer,
# which keeps its checkpoints elsewhere; `persist` only keeps a published run safe until its successor is complete.
"""
_TRAINED_WITH_DATA = """\
# One stage is one run. Nothing at the root waits for these stages: they need images that most machines lack.
# `dvc repro experiments/{study}/dvc.yaml` packs the images, trains what is missing and publishes it (README.md).
"""
# The written parts of the root's stage ``collect``: the line before each, and the one after it.
_PARAMS = "    params: # from here to deps: `python -m reproduce report pipeline`\n", "    deps:\n"
_OUTS = "    outs: # from here to the next stage: `python -m reproduce report pipeline`\n", "\n\n"


def write_pipeline() -> list[Path]:
    """Write every study's dvc.yaml and the run lists of the root's ``collect``; return the files that changed.

    Raises:
        ReproduceError: a study cannot be read, or the root's dvc.yaml lacks a line beside the run lists.
    """
    changed = []
    for path, text in pipeline_files().items():
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            write_text(path, text)
            changed.append(path)
    return changed


def pipeline_files() -> dict[Path, str]:
    """Return the text of every written file: the dvc.yaml of each study with runs listed, and the root's."""
    studies = [load_study(path.parent.name, EXPERIMENTS) for path in sorted(EXPERIMENTS.glob("*/study.yaml"))]
    files = {study.folder / "dvc.yaml": study_stages(study) for study in studies if study.profiles.get("standard")}
    root = REPO_ROOT / "dvc.yaml"
    lists = "".join(f"      - {line}\n" for study in studies for line in _followed(study))
    tables = "\n".join(f"      - results/{name}: {{cache: false, persist: true}}" for name in COLLECTED)
    text = _with_part(root.read_text(encoding="utf-8"), *_PARAMS, lists)
    return {**files, root: _with_part(text, *_OUTS, tables)}


def study_stages(study: Study) -> str:
    """Return a study's dvc.yaml: one stage per variant and length of the profile ``standard``, repeated per seed.

    A study whose runs need data that most machines lack has stages for packing, ensembles and publication too.
    """
    head = _TRAINED_ANYWHERE if study.is_trained_by_stages else _TRAINED_WITH_DATA.format(study=study.study)
    stages = [_training_stage(study, name, runs.epochs) for name, runs in study.run_lists("standard")]
    if not study.is_trained_by_stages:
        stages = [_data_stage(study), *stages, *_ensemble_stages(study), _publish_stage(study)]
    return _WRITTEN + head + "vars:\n  - study.yaml\n\nstages:\n" + "\n".join(stages)


def _training_stage(study: Study, name: str, length: int) -> str:
    lengths = [runs.epochs for other, runs in study.run_lists("standard") if other == name]
    number = f"[{lengths.index(length)}]" if isinstance(study.profiles["standard"][name], list) else ""
    listed = f"profiles.standard.{name}{number}"
    epochs, seed = f"${{{listed}.epochs}}", "${item.seed}"
    # DVC fills in length and seed, so the run's path is first made with placeholder numbers.
    place = places.trained_to(study, RunId(study.study, name, 1, 1)).parents[1]
    golden = [f"experiments/{study.study}/golden/{name}.json"] if study.is_trained_by_stages else []
    lines = [
        f"  {study.stage_name(name, length)}:",
        "    matrix:",
        f"      seed: ${{{listed}.seeds}}",
        "    wdir: ../..",
        f"    cmd: python -m reproduce train {study.study} {name} --epochs {epochs} --seed {seed}",
        "    params:",
        f"      - experiments/{study.study}/study.yaml:",
        f"          - variants.{name}",
        *_deps([*golden, *_statistics(study, study.variant(name))]),
        *_outs([f"{relative_to_repo(place)}/epochs{epochs}/seed{seed}"]),
    ]
    return "\n".join(lines) + "\n"


def _statistics(study: Study, variant: Variant | FeatureVariant) -> list[str]:
    """Return the committed statistics that a run reads, the manifest among them."""
    if isinstance(variant, FeatureVariant):
        return [relative_to_repo(DATASETS[study.dataset].statistics_folder() / "manifest.json")]
    uses_covariance = variant.color_noise != "none" or variant.input_scale != "gray_levels"
    names = ["manifest.json", "mean_image.npy", *(["color_covariance.npy"] if uses_covariance else [])]
    return [relative_to_repo(DATASETS[study.dataset].statistics_folder() / name) for name in names]


def _data_stage(study: Study) -> str:
    dataset = DATASETS[study.dataset]
    written = [
        dataset.statistics_folder() / name for name in ("manifest.json", "mean_image.npy", "color_covariance.npy")
    ]
    # The packed images lie outside the repository, so only the command itself can tell that they are there.
    lines = ["  data:", "    wdir: ../..", f"    cmd: {dataset.command}", "    always_changed: true"]
    return "\n".join([*lines, *_outs([relative_to_repo(path) for path in written])]) + "\n"


def _ensemble_stages(study: Study) -> Iterator[str]:
    """Yield one stage per ensemble whose nets are all in the profile ``standard``."""
    trained = set(study.runs("standard"))
    for name, ensemble in study.ensembles.items():
        made = {
            run: nets for run, nets in study.ensemble_runs().items() if run.variant == name and set(nets) <= trained
        }
        if made:
            nets = RunId(study.study, ensemble.variant, next(iter(made)).epochs, 1)
            lines = [f"  {name}:", "    wdir: ../..", f"    cmd: python -m reproduce ensemble {study.study} {name}"]
            lines += _deps([relative_to_repo(places.trained_to(study, nets).parent)])
            yield "\n".join([*lines, *_outs([relative_to_repo(places.trained_to(study, run)) for run in made])]) + "\n"


def _publish_stage(study: Study) -> str:
    """Return the stage that copies runs to results/external.

    The stage has no outs: if it had, the root's ``collect`` would wait for it.
    """
    runs = places.trained_to(study, RunId(study.study, "x", 1, 1)).parents[2]
    lines = ["  publish:", "    wdir: ../..", f"    cmd: python -m reproduce publish {study.study}"]
    return "\n".join([*lines, *_deps([relative_to_repo(runs)])]) + "\n"


def _with_part(text: str, begin: str, end: str, part: str) -> str:
    """Return the root's dvc.yaml with ``part`` between the lines ``begin`` and ``end``."""
    before, found, rest = text.partition(begin)
    _, found_end, after = rest.partition(end)
    if not found or not found_end:
        raise ReproduceError(f"dvc.yaml lacks the line {begin.strip()!r} in collect; restore it with git")
    return before + begin + part + end + after


def _followed(study: Study) -> Iterator[str]:
    """Yield the keys of study.yaml that ``collect`` depends on: the runs listed, and the questions asked of them."""
    profiles = [f"profiles.{name}" for name in ("standard", "full") if name in study.profiles]
    asked = [name for name in ("ensembles", "comparisons", "factorials") if getattr(study, name)]
    keys = "".join(f"\n          - {key}" for key in [*profiles, *asked])
    yield f"experiments/{study.study}/study.yaml:{keys}"


def _deps(paths: list[str]) -> list[str]:
    return ["    deps:", *(f"      - {path}" for path in paths)]


def _outs(paths: list[str]) -> list[str]:
    settings = ["          cache: false", "          persist: true"]
    return ["    outs:", *(line for path in paths for line in (f"      - {path}:", *settings))]
