"""The stages that end the pipeline: figures, executed notebooks and pages, from committed tables and published runs."""

import traceback
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from reproduce.base.errors import ReproduceError
from reproduce.base.paths import EXPERIMENTS, PAPER_NOTES, REPO_ROOT, RESULTS, relative_to_repo
from reproduce.judge.numbers import read_numbers
from reproduce.report import ablation_table
from reproduce.report.figures import by_device
from reproduce.report.figures.ablation_effects import ablation_effects
from reproduce.report.figures.ablation_forest import ablation_forest
from reproduce.report.figures.contest_errors import contest_errors
from reproduce.report.figures.error_by_labels import error_by_labels
from reproduce.report.figures.error_by_size import error_by_size
from reproduce.report.figures.errors_since_alexnet import alexnet_to_nasnet, errors_since_alexnet
from reproduce.report.figures.machine_times import training_days_figure
from reproduce.report.figures.why_it_fell import why_it_fell
from reproduce.report.literature import drops, fall_reasons, milestones, model_sizes, timeline
from reproduce.report.literature.architectures import write_architectures
from reproduce.report.page_parts import has_markers, update_page
from reproduce.report.pipeline import write_pipeline
from reproduce.report.records import TABLES, Records, load_records
from reproduce.report.speed.timing_tables import load_timings
from reproduce.report.studies import study_module
from reproduce.report.studies.common import common_figures
from reproduce.report.style import FIGURES, save_figure
from reproduce.study.claims import load_claims
from reproduce.study.study import load_study

NOTEBOOK_SOURCES = EXPERIMENTS / "analysis"
NOTEBOOKS = RESULTS / "notebooks"
README = REPO_ROOT / "README.md"


def write_part(part: str, name: str | None = None) -> list[Path]:
    """Do one part of ``python -m reproduce report``; return the files it wrote.

    Args:
        part: as on the command line.
        name: the study or notebook; the parts ``study`` and ``notebook`` need it, others take none.

    Raises:
        ReproduceError: the name is missing, unknown or not wanted, or the part's own stage has an error.
    """
    if name and part not in NAMED_PARTS:
        takers = " and ".join(NAMED_PARTS)
        raise ReproduceError(f"report {part} takes no name; leave out {name!r} (only {takers} take one)")
    if part in NAMED_PARTS and not name:
        raise ReproduceError(f"report {part} needs a name")
    try:
        return NAMED_PARTS[part](name) if name else PARTS[part]()
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        words = " ".join(f"{type(error).__name__}: {error}".split())
        frame = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(frame.filename).name}, line {frame.lineno}"
        raise ReproduceError(
            f"report {part} cannot use what it reads ({words}, in {where}); bring results/ up to date by `dvc repro`, "
            "or restore results/ and paper_notes/ with git; where neither helps, the fault is in this code"
        ) from error


def study_stage(study: str, folder: Path = FIGURES, loaded: Records | None = None) -> list[Path]:
    """Write the figures of a study and return their paths.

    A study without a module in ``report/studies`` gets the common figures.

    Raises:
        ReproduceError: there is no such study, or what the figures are drawn from cannot be read.
    """
    loaded = loaded or load_records()
    module = study_module(study)
    drawn = module.FIGURES if module else common_figures(load_study(study), loaded)
    return _save({stem: draw(loaded) for stem, draw in drawn.items()}, folder)


def ablations_stage(folder: Path = FIGURES, loaded: Records | None = None) -> list[Path]:
    """Write ``ablations`` (what was run, at any scale) and ``ablation_effects`` (the reduced net's test error).

    Returns the paths. The notebook has the long figure, with the claims that were not run.
    """
    table = ablation_table.load_ablations(loaded or load_records())
    effects = ablation_table.load_effects(read_numbers())
    return _save(
        {"ablations": ablation_forest(table, run_alone=True), "ablation_effects": ablation_effects(effects)}, folder
    )


def contest_figure(contest: pd.DataFrame) -> Figure:
    """Return the contest's errors by year, from the table that ``timeline.load_contest`` reads."""
    single, human = timeline.single_alexnet(contest), timeline.human_error(contest)
    return contest_errors(timeline.contest_series(contest), single, human, drops.drops(contest))


def literature_stage() -> list[Path]:
    """Write the figures of published error rates from ``paper_notes``; return the paths."""
    contest, models = timeline.load_contest(), milestones.load_later_models()
    compared = drops.drops(contest)
    drawn = {
        "contest_errors": contest_figure(contest),
        "why_it_fell": why_it_fell(fall_reasons.reasons(load_claims()), drops.comparison(compared, "supplied")),
        "alexnet_to_nasnet": alexnet_to_nasnet(milestones.milestones(models)),
        "errors_since_alexnet": errors_since_alexnet(
            milestones.published_single_models(models), milestones.best_weights(models)
        ),
        "error_by_size": error_by_size(model_sizes.sized_models(models)),
        "error_by_labels": error_by_labels(model_sizes.relabeled(models)),
    }
    return _save(drawn, FIGURES)


def timing_stage(folder: Path = FIGURES, tables: Path = TABLES) -> list[Path]:
    """Write ``training_days``, ``training_time_parts`` and ``training_time_scaling``; return the paths.

    The last two show the first device timed. If no device was timed, they say so in place of a drawing.
    """
    timings = load_timings(tables)
    drawn = {
        "training_days": training_days_figure(timings),
        "training_time_parts": by_device.parts(timings)[0],
        "training_time_scaling": by_device.scalings(timings)[0],
    }
    return _save(drawn, folder)


def _save(drawn: Mapping[str, Figure], folder: Path) -> list[Path]:
    return [path for stem, figure in drawn.items() for path in save_figure(figure, stem, folder)]


def notebook_stage(name: str) -> Path:
    """Execute ``experiments/analysis/<name>.ipynb`` into ``results/notebooks/<name>.ipynb``; return the latter.

    Raises:
        ReproduceError: there is no such notebook, or it cannot be executed.
    """
    from reproduce.report.notebooks import execute_notebook  # nbformat takes a second to import

    known = sorted(path.stem for path in NOTEBOOK_SOURCES.glob("*.ipynb"))
    if name not in known:
        place = relative_to_repo(NOTEBOOK_SOURCES)
        raise ReproduceError(f"there is no notebook {name!r} in {place}; known: {', '.join(known)}")
    target = NOTEBOOKS / f"{name}.ipynb"
    execute_notebook(NOTEBOOK_SOURCES / f"{name}.ipynb", target)
    return target


def pages() -> list[Path]:
    """Return the pages that have generated parts: README, pages of studies and notes, the table of ablations."""
    candidates = [*sorted(EXPERIMENTS.glob("*/README.md")), *sorted(PAPER_NOTES.glob("*.md"))]
    return [page for page in (README, *candidates, TABLES / "ablations.md") if has_markers(page)]


def pages_stage() -> list[Path]:
    """Bring the generated parts of every page up to date; return the pages that were changed.

    Raises:
        ReproduceError: a page names an unknown block or number, or cannot be written.
    """
    loaded, numbers = load_records(), read_numbers()
    return [page for page in pages() if update_page(page, numbers, loaded)]


def site() -> list[Path]:
    """Write the site and return the path of its first page."""
    from reproduce.report.site.make_site import site_stage  # Sphinx takes two seconds to import; no other part needs it

    return site_stage()


NAMED_PARTS: dict[str, Callable[[str], list[Path]]] = {
    "study": lambda name: study_stage(name),
    "notebook": lambda name: [notebook_stage(name)],
}
PARTS: dict[str, Callable[[], list[Path]]] = {
    "ablations": ablations_stage,
    "literature": literature_stage,
    "timing": timing_stage,
    "pages": pages_stage,
    "architectures": lambda: [write_architectures()],
    "pipeline": write_pipeline,
    "site": site,
}
