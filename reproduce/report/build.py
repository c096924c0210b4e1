"""The stages that end the pipeline: figures, executed notebooks and the README, each from committed tables alone."""

from collections.abc import Callable
from pathlib import Path

from reproduce.base.errors import ReproduceError
from reproduce.base.paths import EXPERIMENTS, REPO_ROOT, RESULTS, relative_to_repo
from reproduce.data.cifar10 import load_cifar10
from reproduce.judge.numbers import NUMBERS_FILE, read_numbers
from reproduce.report import (
    ablation_figures,
    ablations,
    alexnet_small,
    columns,
    figures,
    filter_figures,
    literature_figures,
    lrn_confound,
    lrn_confound_figures,
    milestones,
    records,
    relu_vs_tanh,
    relu_vs_tanh_figures,
    stall_figures,
    stalls,
    timeline,
    timing,
    timing_devices,
    timing_figures,
    training_points,
)
from reproduce.report.architectures import write_architectures
from reproduce.report.notebooks import execute_notebook
from reproduce.report.readme import check_readme, update_readme
from reproduce.report.style import FIGURES, save_figure
from reproduce.study.study import Study, load_study

NOTEBOOK_SOURCES = EXPERIMENTS / "analysis"
NOTEBOOKS = RESULTS / "notebooks"
README = REPO_ROOT / "README.md"
_STUDY_PAGES = (
    stalls.STUDY,
    relu_vs_tanh.STUDY,
    alexnet_small.STUDY,
    "ensembles",
    lrn_confound.STUDY,
    "what_columns_learn",
    "cifar10_nets",
    "teaching_alexnet",
)  # those with generated parts
PAGES = (README, *(EXPERIMENTS / study / "README.md" for study in _STUDY_PAGES))
_NAMED_PARTS = ("study", "notebook")
_PARTS_OF_STUDIES = {
    stalls.STUDY: "stalls",
    relu_vs_tanh.STUDY: "relu_vs_tanh",
    alexnet_small.STUDY: "alexnet_small",
    lrn_confound.STUDY: "lrn_confound",
}


def write_part(part: str, name: str | None = None) -> list[Path]:
    """Do one part of ``python -m reproduce report``; return the files it wrote.

    Args:
        part: as on the command line.
        name: the study or notebook, for the parts of that name.

    Raises:
        ReproduceError: a name is missing, unknown or too many, or what the part's own stage raises.
    """
    if name and part not in _NAMED_PARTS:
        takers = " and ".join(_NAMED_PARTS)
        raise ReproduceError(f"report {part} takes no name; leave out {name!r} (only {takers} take one)")
    if part in _NAMED_PARTS and not name:
        raise ReproduceError(f"report {part} needs a name")
    stages: dict[str, Callable[[], list[Path]]] = {
        "literature": literature_stage,
        "timing": timing_stage,
        "study": lambda: study_stage(load_study(name)),
        "stalls": stalls_stage,
        "relu_vs_tanh": relu_vs_tanh_stage,
        "alexnet_small": alexnet_small_stage,
        "lrn_confound": lrn_confound_stage,
        "ablations": ablations_stage,
        "columns": columns_stage,
        "notebook": lambda: [notebook_stage(name)],
        "readme": pages_stage,
        "architectures": lambda: [write_architectures()],
    }
    return stages[part]()


def literature_stage(folder: Path = FIGURES) -> list[Path]:
    """Write ``contest_errors`` and ``after_alexnet`` (PNG and SVG) from ``paper_notes``; return the paths."""
    contest, models = timeline.load_contest(), milestones.load_later_models()
    drawn = {
        "contest_errors": literature_figures.contest_errors(
            timeline.contest_series(contest),
            timeline.single_alexnet(contest),
            timeline.human_error(contest),
            timeline.drops(contest),
        ),
        "after_alexnet": literature_figures.after_alexnet(
            milestones.published_single_models(models), milestones.best_weights(models)
        ),
    }
    return [path for stem, figure in drawn.items() for path in save_figure(figure, stem, folder)]


def study_stage(study: Study, folder: Path = FIGURES, tables: Path = records.TABLES) -> list[Path]:
    """Write ``<study>_learning_curves``, and what the study has of ``<study>_verdicts`` and ``<study>_precision``.

    Verdicts need a claim on a single error rate, precision a declared comparison of the test error of bf16 with that of
    fp32. A figure without runs is still drawn, empty or with its claims as ``not run``, so that every stage has its
    outputs. Returns the paths.

    Raises:
        ReproduceError: a part of its own draws the study, or a table cannot be read.
    """
    name = study.study
    if name in _PARTS_OF_STUDIES:
        part = _PARTS_OF_STUDIES[name]
        raise ReproduceError(f"the figures of {name} have a part of their own; run `python -m reproduce report {part}`")
    loaded = records.load_records(tables)
    histories = records.study_histories(loaded, name)
    printed = training_points.printed_points(histories) if name == training_points.STUDY else None
    curves = figures.learning_curves(histories, records.published_errors(loaded, name), printed)
    verdicts, seeds = records.forest_rows(loaded, name)
    drawn = {f"{name}_learning_curves": curves}
    if len(verdicts):
        drawn[f"{name}_verdicts"] = figures.verdict_forest(verdicts, seeds)
    if _compares_precisions(study):
        drawn[f"{name}_precision"] = figures.seed_distribution(*records.precision_frames(loaded, name))
    return [path for stem, figure in drawn.items() for path in save_figure(figure, stem, folder)]


def _compares_precisions(study: Study) -> bool:
    errors = [comparison for comparison in study.comparisons if comparison.estimand == records.ERROR]
    own = [each.arms for each in errors if study.variants.keys() >= {*each.arms}]
    return any({study.variant(arm).precision for arm in arms} == {"bf16", "fp32"} for arms in own)


def stalls_stage(folder: Path = FIGURES, tables: Path | None = None) -> list[Path]:
    """Write ``why_ports_stall_losses`` and ``why_ports_stall_layers``; return the paths."""
    drawn = {
        f"{stalls.STUDY}_losses": stall_figures.stall_losses(stalls.load_losses(tables)),
        f"{stalls.STUDY}_layers": stall_figures.image_shares(stalls.image_share(stalls.load_activations(tables))),
    }
    return [path for stem, figure in drawn.items() for path in save_figure(figure, stem, folder)]


def relu_vs_tanh_stage(folder: Path = FIGURES, tables: Path | None = None) -> list[Path]:
    """Write ``relu_vs_tanh`` (PNG and SVG), the paper's Figure 1 with every seed; return the paths."""
    curves, crossings = relu_vs_tanh.load_curves(tables), relu_vs_tanh.load_crossings(tables)
    return save_figure(relu_vs_tanh_figures.training_errors(curves, crossings), relu_vs_tanh.STUDY, folder)


def alexnet_small_stage(folder: Path = FIGURES, tables: Path | None = None) -> list[Path]:
    """Write ``alexnet_small_learning_curves`` (PNG and SVG), a panel an arm; return the paths."""
    figure = alexnet_small.learning_curves(alexnet_small.load_curves(tables))
    return save_figure(figure, f"{alexnet_small.STUDY}_learning_curves", folder)


def lrn_confound_stage(folder: Path = FIGURES, tables: Path | None = None) -> list[Path]:
    """Write ``lrn_confound_steps`` (PNG and SVG), the way from the 13 % net to the 11 % net; return the paths."""
    loaded = records.load_records(tables)
    steps, published = lrn_confound.load_steps(loaded), lrn_confound.published_ends(loaded)
    figure = lrn_confound_figures.normalization_steps(steps, published)
    return save_figure(figure, f"{lrn_confound.STUDY}_steps", folder)


def ablations_stage(folder: Path = FIGURES, tables: Path | None = None) -> list[Path]:
    """Write ``ablations`` (PNG and SVG) from the collected table; return the paths."""
    return save_figure(ablation_figures.ablation_forest(ablations.load_ablations(tables)), "ablations", folder)


def columns_stage(folder: Path = FIGURES, tables: Path = records.TABLES, runs_root: Path | None = None) -> list[Path]:
    """Write ``columns_filters``, ``columns_color``, ``columns_top5`` and ``columns_neighbors``; return the paths.

    The last two show the first seed; before any run is published all say so.

    Raises:
        ReproduceError: tables or what the runs stored cannot be read, or CIFAR-10's images are not here.
    """
    runs = columns.base_runs(load_study(columns.STUDY), runs_root)
    data, purity = load_cifar10() if runs else None, columns.load_purity(tables)
    seed = runs[0].seed if runs else None
    lists = columns.top_fives(runs[0], data.test_images, runs_root) if runs else []
    near = columns.neighborhoods(runs[0], data, runs_root) if runs else []
    drawn = {
        "columns_filters": filter_figures.column_filters(columns.shown_filters(runs, runs_root)),
        "columns_color": filter_figures.specialization(columns.load_specialization(tables)),
        "columns_top5": filter_figures.top_five_lists(lists, seed),
        "columns_neighbors": filter_figures.nearest_images(near, purity[purity["variant"].eq(columns.BASE)], seed),
    }
    return [path for stem, figure in drawn.items() for path in save_figure(figure, stem, folder)]


def timing_stage(folder: Path = FIGURES, tables: Path = records.TABLES) -> list[Path]:
    """Write ``training_days``, and for the first device timed ``training_time_parts``, ``_scaling``, ``_roofline``.

    Before any machine was timed the latter three say so. Returns the paths.
    """
    timings = timing.load_timings(tables)
    drawn = {
        "training_days": timing_figures.training_days(timings),
        "training_time_parts": timing_devices.parts(timings)[0],
        "training_time_scaling": timing_devices.scalings(timings)[0],
        "training_time_roofline": timing_devices.rooflines(timings)[0],
    }
    return [path for stem, figure in drawn.items() for path in save_figure(figure, stem, folder)]


def notebook_stage(name: str) -> Path:
    """Execute ``experiments/analysis/<name>.ipynb`` into ``results/notebooks/<name>.ipynb``; return the latter.

    Raises:
        ReproduceError: there is no such notebook, or it cannot be executed.
    """
    known = sorted(path.stem for path in NOTEBOOK_SOURCES.glob("*.ipynb"))
    if name not in known:
        place = relative_to_repo(NOTEBOOK_SOURCES)
        raise ReproduceError(f"there is no notebook {name!r} in {place}; known: {', '.join(known)}")
    target = NOTEBOOKS / f"{name}.ipynb"
    execute_notebook(NOTEBOOK_SOURCES / f"{name}.ipynb", target)
    return target


def pages_stage(check_only: bool = False) -> list[Path]:
    """Do ``readme_stage`` for every page with generated parts; return those that were changed."""
    return [page for page in PAGES if readme_stage(page, check_only)]


def readme_stage(readme: Path = README, check_only: bool = False, numbers: Path = NUMBERS_FILE) -> bool:
    """Bring one page's generated parts up to date, or only check them; return whether the file was changed.

    Raises:
        ReproduceError: with ``check_only``, the first place that is stale; else a block or number nobody knows.
    """
    loaded = records.load_records()
    if not check_only:
        return update_readme(readme, read_numbers(numbers), loaded)
    stale = check_readme(readme, read_numbers(numbers), loaded)
    if stale:
        raise ReproduceError(stale[0] + (f" (and {len(stale) - 1} more)" if len(stale) > 1 else ""))
    return False
