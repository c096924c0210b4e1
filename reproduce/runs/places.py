"""The folders that a run is trained to, published to and found at, and those of files that belong to all runs.

Results lie below ``paths.RESULTS``, which is looked up at every call. Readers of published runs take the folder of all
run folders as ``runs_root``. Beside that folder lie external/, with the runs that ``publish`` copied, and data/, with
the statistics of data sets.
"""

from pathlib import Path

from reproduce.base import paths
from reproduce.study.run_id import RunId
from reproduce.study.study import Study


def trained_to(study: Study, run: RunId) -> Path:
    """Return the folder that training writes: the published one, or the one that ``publish`` copies from."""
    return published_to(study, run) if study.is_trained_by_stages else paths.DATA / "runs" / str(run)


def published_to(study: Study, run: RunId) -> Path:
    """Return the committed folder of a published run."""
    return paths.RESULTS / ("runs" if study.is_trained_by_stages else "external") / str(run)


def found_at(run: RunId | str, runs_root: Path | None = None) -> Path:
    """Return the folder of a published run: the one in external/ if there is one, else the one in ``runs_root``."""
    root = _root(runs_root)
    external = root.with_name("external") / str(run)
    return external if external.exists() else root / str(run)


def is_published(run: RunId | str, runs_root: Path | None = None) -> bool:
    """Return whether the run has a published record."""
    return (found_at(run, runs_root) / "run.json").is_file()


def statistics_folder(dataset: str, runs_root: Path | None = None) -> Path:
    """Return the folder of a data set's committed statistics and labels."""
    return _root(runs_root).with_name("data") / dataset


def reran_to(run: RunId) -> Path:
    """Return the folder, ignored by git, that ``rerun`` writes."""
    return paths.RESULTS / "reruns" / str(run)


def probabilities_of(run: RunId) -> Path:
    """Return where a run on ILSVRC leaves its test probabilities, float16 (images, classes): 100 MB, git-ignored."""
    return paths.DATA / "probabilities" / f"{str(run).replace('/', '-')}.npy"


def _root(runs_root: Path | None) -> Path:
    return paths.RESULTS / "runs" if runs_root is None else runs_root
