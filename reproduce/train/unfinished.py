"""Stopped runs: those that their command goes on with, and leftovers that no planned run uses."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from reproduce.base.errors import ReproduceError
from reproduce.runs import places
from reproduce.study.run_id import RunId
from reproduce.study.study import Study
from reproduce.train.checkpoint import checkpoint_folder
from reproduce.train.run import checkpoint_of, inputs_of


@dataclass(frozen=True)
class Unfinished:
    """The planned runs that have a checkpoint or kept steps, and the checkpoints and steps of no planned run."""

    resumable: list[RunId]
    leftovers: list[Path]

    def leftover_bytes(self) -> int:
        """Return the size of the leftovers in bytes."""
        return sum(_size(path) for path in self.leftovers)


def find_unfinished(studies: Sequence[Study]) -> Unfinished:
    """Return the stopped runs of this machine's scratch folder.

    A leftover belongs to a rerun, to a run in no profile, to a run begun with another configuration, numerics or data,
    or to a run whose data are not on this machine now.
    """
    there = {path for path in checkpoint_folder().glob("*") if path.suffix in {".pt", ".steps"}}
    resumable = []
    for study in studies if there else ():  # the digests of all runs take seconds
        for run in dict.fromkeys(run for profile in study.profiles for run in study.runs(profile)):
            kept = there & _kept_by(study, run)
            if kept:
                resumable.append(run)
            there -= kept
    return Unfinished(resumable, sorted(there))


def _kept_by(study: Study, run: RunId) -> set[Path]:
    try:
        checkpoint = checkpoint_of(run, places.trained_to(study, run), inputs_of(study, run))
    except ReproduceError:  # no data here, or no golden file
        return set()
    return {checkpoint, checkpoint.with_suffix(".steps")}


def _size(path: Path) -> int:
    files = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
    return sum(file.stat().st_size for file in files)
