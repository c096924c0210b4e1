"""The command line: one verb a task, the same for people, DVC and CI."""

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import replace

from reproduce.base.arguments import build_parser
from reproduce.base.errors import ElsewhereError, ReproduceError
from reproduce.base.paths import EXPERIMENTS, relative_to_repo
from reproduce.study.run_id import RunId
from reproduce.study.study import Study, load_study

Arguments = argparse.Namespace


def _data(arguments: Arguments) -> None:
    from reproduce.data.pixel_neighbors import write_pixel_neighbors
    from reproduce.data.registry import DATASETS

    name = arguments.dataset
    if name == "neighbors":
        print(f"wrote {relative_to_repo(write_pixel_neighbors())}")
        return
    if name not in DATASETS or DATASETS[name].subset:
        names = [known for known, dataset in DATASETS.items() if not dataset.subset]
        raise ReproduceError(f"there is no data set {name!r}; choose one of {', '.join([*names, 'neighbors'])}")
    packing = {option: getattr(arguments, option) for option in ("skip_corrupt", "workers")}
    if DATASETS[name].edition is None and (arguments.subset or any(packing.values())):
        raise ReproduceError(
            f"--subset, --skip-corrupt and --workers are for the ILSVRC data; leave them out for {name}"
        )
    DATASETS[f"{name}_subset" if arguments.subset else name].prepare(**packing)


def _train(arguments: Arguments) -> None:
    from reproduce.runs.tuning import recorded_runs
    from reproduce.train.distributed import joined_processes
    from reproduce.train.run import is_up_to_date, prepare_torch, train_run

    study = load_study(arguments.study)
    runs, launch = _chosen_runs(study, arguments), _launch(arguments)
    recorded = recorded_runs(study) if arguments.profile == "tuning" else set()
    if arguments.list:
        stages = study.stages()
        missing = [run for run in runs if run not in recorded and not is_up_to_date(run)]
        sys.stdout.writelines(f"{'stage' if run in stages else 'run'}/{run}\n" for run in missing)
        return
    with joined_processes(prepare_torch(launch)) as processes:
        for run in runs:
            is_here = bool(arguments.profile) and is_up_to_date(run)
            is_here, is_recorded = processes.sums([is_here, run in recorded])
            if is_here:
                outcome = " is finished and up to date; skipped"
            elif is_recorded:
                outcome = f" is recorded in {relative_to_repo(study.folder / 'tuning.csv')}; skipped"
            else:
                outcome = f": written to {relative_to_repo(train_run(run, launch=launch))}"
            if processes.is_first:
                print(f"{run}{outcome}")


def _chosen_runs(study: Study, arguments: Arguments) -> list[RunId]:
    for name in arguments.variants:
        study.variant(name)
    if arguments.profile and (arguments.epochs or arguments.seed):
        raise ReproduceError("a --profile names lengths and seeds itself; leave out --epochs and --seed")
    if arguments.profile:
        return [run for run in study.runs(arguments.profile) if run.variant in (arguments.variants or [run.variant])]
    if len(arguments.variants) != 1 or arguments.epochs is None or arguments.seed is None:
        raise ReproduceError("name a variant with --epochs and --seed, or a --profile")
    return [RunId(study.study, arguments.variants[0], arguments.epochs, arguments.seed)]


def _quick(arguments: Arguments) -> None:
    from reproduce.report.quick import run_quick

    print(run_quick(arguments.device, arguments.threads))


def _evaluate(arguments: Arguments) -> None:
    from reproduce.train.rerun import evaluate_run

    print(evaluate_run(RunId.parse(arguments.run)))


def _rerun(arguments: Arguments) -> None:
    from reproduce.train.rerun import rerun

    comparison = rerun(RunId.parse(arguments.run), _launch(arguments, require_clean_tree=False))
    print(comparison.text)
    if comparison.failure:
        raise ReproduceError(comparison.failure)


def _ensemble(arguments: Arguments) -> None:
    from reproduce.train.ensemble import make_ensembles

    make_ensembles(arguments.study, arguments.name)


def _publish(arguments: Arguments) -> None:
    from reproduce.train.publish import publish

    publish(arguments.study, arguments.variant)


def _doctor(arguments: Arguments) -> None:
    from reproduce.speed.doctor import examine

    print(examine(_all_studies()))


def _tuning(arguments: Arguments) -> None:
    from reproduce.runs.tuning import tabulate_tuning

    tabulate_tuning(load_study(arguments.study))


def _collect(arguments: Arguments) -> None:
    from reproduce.judge.tables import collect

    verdicts = collect(_all_studies())
    print(f"{len(verdicts)} claims judged; tables in results/tables, cited numbers in results/numbers.json")


def _report(arguments: Arguments) -> None:
    from reproduce.report.build import write_part

    written = write_part(arguments.part, arguments.name)
    print("\n".join(f"wrote {relative_to_repo(path)}" for path in written) or "nothing to write: all is up to date")


def _plan(arguments: Arguments) -> None:
    from reproduce.judge.plan import plan_text

    print(plan_text(arguments.names, _all_studies()))


def _verify(arguments: Arguments) -> None:
    from reproduce.judge.verify import verify

    verify(_all_studies())


def _cite(arguments: Arguments) -> None:
    from reproduce.judge.numbers import cite

    print(cite(arguments.id))


def _bench(arguments: Arguments) -> None:
    from reproduce.speed.bench import run_benchmarks

    run_benchmarks(arguments.parts)


def _time(arguments: Arguments) -> None:
    if arguments.tabulate and (arguments.quick or arguments.budget or arguments.out):
        raise ReproduceError("--tabulate reads the timings in results/timing; leave out --quick, --budget and --out")
    if arguments.tabulate:
        from reproduce.speed.timing.tables import tabulate

        print("tabulated: " + ", ".join(relative_to_repo(path) for path in tabulate()))
        return
    from reproduce.speed.timing.cells import FULL, QUICK
    from reproduce.speed.timing.run import run_timing

    scope = QUICK if arguments.quick else FULL
    if arguments.budget:
        scope = replace(scope, budget_seconds=arguments.budget)
    run_timing(arguments.quick, arguments.out, scope)


def _estimate(arguments: Arguments) -> None:
    from reproduce.speed.timing.estimate import estimate_text, speeds_here

    print(estimate_text(_all_studies(), speeds_here()))


def _golden(arguments: Arguments) -> None:
    from reproduce.train.golden import check_golden, record_golden

    study = load_study(arguments.study)
    names = [arguments.variant] if arguments.variant else list(study.variants)
    if arguments.action == "record":
        for name in names:
            print(f"recorded {relative_to_repo(record_golden(arguments.study, name, arguments.reason or ''))}")
        return
    problems = [f"{name}: {line}" for name in names for line in check_golden(study, name)]
    for line in problems:
        print(line, file=sys.stderr)
    if problems:
        raise ReproduceError(
            f"{len(problems)} differences from {arguments.study}'s golden files; if meant, record them"
        )
    print(f"{len(names)} variants follow their golden files")


def _all_studies() -> list[Study]:
    return [load_study(path.parent.name) for path in sorted(EXPERIMENTS.glob("*/study.yaml"))]


def _launch(arguments: Arguments, require_clean_tree: bool = True) -> object:
    from reproduce.train.run import Launch

    seconds, images = arguments.seconds_between_checkpoints, arguments.images_per_pass
    return Launch(arguments.device, arguments.threads, seconds, require_clean_tree, images)


_VERBS: dict[str, Callable[[Arguments], None]] = {
    "data": _data,
    "doctor": _doctor,
    "quick": _quick,
    "train": _train,
    "evaluate": _evaluate,
    "rerun": _rerun,
    "ensemble": _ensemble,
    "publish": _publish,
    "tuning": _tuning,
    "collect": _collect,
    "report": _report,
    "plan": _plan,
    "verify": _verify,
    "bench": _bench,
    "time": _time,
    "estimate": _estimate,
    "cite": _cite,
    "golden": _golden,
}


def main(argv: list[str] | None = None) -> int:
    """Run one command; return the exit status: 0, or that of the error, printed as one line."""
    arguments = build_parser().parse_args(argv)
    try:
        _VERBS[arguments.verb](arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141  # as the shell says of a program ended by SIGPIPE
    except ReproduceError as error:
        if not isinstance(error, ElsewhereError):
            print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("error: interrupted", file=sys.stderr)
        return 130
    return 0
