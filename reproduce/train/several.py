"""Several runs of one study: those that a command names, those still missing, and their training one after another."""

from reproduce.base.arguments import most_threads
from reproduce.base.errors import ReproduceError
from reproduce.base.paths import relative_to_repo
from reproduce.runs.tuning import recorded_runs
from reproduce.study.run_id import RunId
from reproduce.study.study import Study
from reproduce.train.distributed import joined_processes
from reproduce.train.jobs import train_side_by_side
from reproduce.train.launch import Launch, prepare_torch
from reproduce.train.run import is_up_to_date, settle_run, train_run


def chosen_runs(
    study: Study, variants: list[str], profile: str | None, epochs: int | None, seed: int | None
) -> list[RunId]:
    """Return the runs that the command line names: one by length and seed, or a profile's (of ``variants``, if given).

    Raises:
        ReproduceError: a variant is unknown, or neither one run nor a profile is named, or both are.
    """
    for name in variants:
        study.variant(name)
    if profile and (epochs or seed):
        raise ReproduceError("a --profile names lengths and seeds itself; leave out --epochs and --seed")
    if profile:
        return [run for run in study.runs(profile) if run.variant in (variants or [run.variant])]
    if len(variants) != 1 or epochs is None or seed is None:
        raise ReproduceError("name a variant with --epochs and --seed, or a --profile")
    return [RunId(study.study, variants[0], epochs, seed)]


def missing_runs(study: Study, runs: list[RunId], profile: str | None) -> list[RunId]:
    """Return the runs that are not published, not ready to be published, and not in the table of tuning runs.

    Raises:
        ReproduceError: a golden file, a manifest or a record cannot be read.
    """
    recorded = _recorded(study, profile)
    return [run for run in runs if run not in recorded and not is_up_to_date(run)]


def train_missing_side_by_side(study: Study, runs: list[RunId], profile: str | None, launch: Launch, jobs: int) -> None:
    """Train the missing runs of a profile, ``jobs`` at a time, each on ``launch.threads`` threads (one by default).

    Raises:
        InterruptedRunError: SIGINT or SIGTERM came.
        ReproduceError: no profile is named, ``launch`` sets more than threads, the threads of all jobs are too many for
            this machine, or a run failed.
    """
    if launch != Launch(threads=launch.threads):
        raise ReproduceError("with --jobs, leave out --device, --images-per-pass and --seconds-between-checkpoints")
    if not profile:
        raise ReproduceError("--jobs is for the runs of a --profile; leave it out to train one run")
    threads = launch.threads or 1
    if jobs * threads > most_threads():
        raise ReproduceError(
            f"--jobs {jobs} on {threads} threads each are too many for this machine: at most {most_threads()} in all"
        )
    missing = missing_runs(study, runs, profile)
    print(f"{len(missing)} of {len(runs)} runs are missing", flush=True)
    for run in runs:
        if run not in missing:
            settle_run(run)
    train_side_by_side(study, missing, jobs, threads)


def train_runs(study: Study, runs: list[RunId], profile: str | None, launch: Launch) -> None:
    """Train each run, one after another, with a line for each; a profile's finished and recorded runs are skipped.

    Raises:
        InterruptedRunError: SIGINT or SIGTERM came; the checkpoint is saved.
        ReproduceError: a run cannot be trained (see ``train_run``).
    """
    recorded = _recorded(study, profile)
    with joined_processes(prepare_torch(launch)) as processes:
        for run in runs:
            is_here = bool(profile) and is_up_to_date(run)
            # Processes on several machines may see different folders; all skip a run or none does.
            is_here, is_recorded = processes.sums([is_here, run in recorded])
            if is_here:
                if processes.is_first:
                    settle_run(run)
                outcome = " is finished and up to date; skipped"
            elif is_recorded:
                outcome = f" is recorded in {relative_to_repo(study.folder / 'tuning.csv')}; skipped"
            else:
                outcome = f": written to {relative_to_repo(train_run(run, launch=launch))}"
            if processes.is_first:
                print(f"{run}{outcome}")


def _recorded(study: Study, profile: str | None) -> set[RunId]:
    """Return the runs that tuning.csv records and that need not be made again; none for other profiles."""
    return recorded_runs(study) if profile == "tuning" else set()
