"""The command line: one function per verb, its help and options beside it. The same verbs serve people, DVC and CI."""

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path

from reproduce.base.arguments import positive, seconds, threads
from reproduce.base.environment import KERNELS_VARIABLE, check_variables
from reproduce.base.errors import ReproduceError
from reproduce.base.paths import EXPERIMENTS, SCRATCH_VARIABLE, relative_to_repo
from reproduce.base.streams import settle_streams
from reproduce.base.verbs import Verbs, exit_status, option
from reproduce.study.run_id import RunId
from reproduce.study.study import Study, load_study

Arguments = argparse.Namespace
_GUIDE = """\
Where to start:
  python -m reproduce quick       train the 80-second net of 2012 here, beside its published figures (minutes)
  python -m reproduce doctor      what this machine can run, what it lacks, and the next command
  dvc repro                       bring data, tables, figures and notebooks up to date (trains what is missing)
  python -m reproduce train STUDY --profile full      2012's own schedules (hours)
Studies and what they ask: experiments/README.md. Results and their units: results/README.md."""


_VERBS = Verbs()
_verb = _VERBS.verb
_DEVICE = (
    option("--device", choices=("auto", "cpu", "cuda"), default="auto"),
    option("--threads", type=threads, help="CPU threads (default: all cores; rerun: as published)"),
)
_LAUNCH = (
    *_DEVICE,
    option(
        "--seconds-between-checkpoints",
        type=seconds,
        default=30.0,
        metavar="SECONDS",
        help="least time from one checkpoint to the next (default: 30); does not change results",
    ),
    option(
        "--images-per-pass",
        type=positive,
        metavar="IMAGES",
        help="most images in one pass (default: the process's share of a batch); does not change results",
    ),
)
_RUN = option("run", help="a run, as in results/runs: study/variant/epochs<n>/seed<k>")
_STUDY = option("study")


@_verb(
    "get a data set, check it, and compute its statistics",
    option("dataset", help="name of a data set, or neighbors; a wrong name is answered with all names"),
    option("--subset", action="store_true", help="ILSVRC: accept any number of images and classes"),
    option("--skip-corrupt", action="store_true", help="ILSVRC: leave out and list images that do not decode"),
    option("--workers", type=positive, help="ILSVRC: processes (default: all cores); does not change results"),
)
def _data(arguments: Arguments) -> None:
    from reproduce.data.pixel_neighbors import write_pixel_neighbors
    from reproduce.data.registry import prepare_named, refuse_packing_options

    packing = {name: getattr(arguments, name) for name in ("subset", "skip_corrupt", "workers")}
    if arguments.dataset == "neighbors":
        refuse_packing_options(arguments.dataset, **packing)
        print(f"wrote {relative_to_repo(write_pixel_neighbors())}")
        return
    prepare_named(arguments.dataset, **packing)


@_verb(
    "train one run, or every missing run of a profile; stopped runs are resumed",
    _STUDY,
    option(
        "variants",
        nargs="*",
        default=[],  # without a default argparse does not say that it is required
        metavar="variant",
        help="one with --epochs and --seed, or any number with --profile (default: all)",
    ),
    option("--epochs", type=positive, help="length of the schedule, to which its phases are scaled"),
    option("--seed", type=positive),
    option("--profile", choices=("standard", "full", "smoke", "tuning")),
    option("--list", action="store_true", help="only list the missing runs"),
    option("--jobs", type=positive, default=1, metavar="N", help="runs at a time, each on one thread or on --threads"),
    *_LAUNCH,
)
def _train(arguments: Arguments) -> None:
    from reproduce.train.several import chosen_runs, missing_runs, train_missing_side_by_side, train_runs

    study, profile = load_study(arguments.study), arguments.profile
    runs = chosen_runs(study, arguments.variants, profile, arguments.epochs, arguments.seed)
    launch = _launch(arguments)
    if arguments.list:
        sys.stdout.writelines(f"{run}\n" for run in missing_runs(study, runs, profile))
    elif arguments.jobs > 1:
        train_missing_side_by_side(study, runs, profile, launch, arguments.jobs)
    else:
        train_runs(study, runs, profile, launch)


@_verb("train the 80-second net from nothing and set it beside 2012 and the published runs", *_DEVICE)
def _quick(arguments: Arguments) -> None:
    from reproduce.report.quick import run_quick

    print(run_quick(arguments.device, arguments.threads))


@_verb("recompute a published run's error from its committed predictions", _RUN)
def _evaluate(arguments: Arguments) -> None:
    from reproduce.runs.recount import evaluate_run

    print(evaluate_run(RunId.parse(arguments.run)))


@_verb("train a published run again; compare digits on the same processor, else errors of seeds", _RUN, *_LAUNCH)
def _rerun(arguments: Arguments) -> None:
    from reproduce.train.rerun import rerun

    comparison = rerun(RunId.parse(arguments.run), _launch(arguments, require_clean_tree=False))
    print(comparison.text)
    if comparison.failure:
        raise ReproduceError(comparison.failure)


@_verb(
    "average the probabilities of a study's runs into a record of its own",
    _STUDY,
    option("name", help="one of the study's ensembles"),
)
def _ensemble(arguments: Arguments) -> None:
    from reproduce.train.ensemble import make_ensembles

    make_ensembles(arguments.study, arguments.name)


@_verb(
    "check finished runs of an ILSVRC study and copy them to results/external",
    _STUDY,
    option("variant", nargs="?", help="a variant or an ensemble (default: all)"),
)
def _publish(arguments: Arguments) -> None:
    from reproduce.train.publish import publish

    publish(arguments.study, arguments.variant)


@_verb("say what this machine lacks for which study, and the next command")
def _doctor(arguments: Arguments) -> None:
    from reproduce.speed.doctor import examine

    print(examine(_all_studies()))


@_verb("gather a study's tuning runs, without test errors, into experiments/STUDY/tuning.csv", _STUDY)
def _tuning(arguments: Arguments) -> None:
    from reproduce.runs.tuning import tabulate_tuning

    tabulate_tuning(load_study(arguments.study))


@_verb("gather the listed runs into tables, verdicts and results/numbers.json")
def _collect(arguments: Arguments) -> None:
    from reproduce.judge.collect import collect

    verdicts = collect(_all_studies())
    print(f"{len(verdicts)} claims judged; tables in results/tables, cited numbers in results/numbers.json")


_PARTS = ("study", "ablations", "literature", "timing", "notebook", "pages", "architectures", "pipeline", "site")


@_verb(
    "draw figures, execute a notebook, write the generated parts of README, notes and dvc.yaml, or build the site",
    option("part", choices=_PARTS),
    option("name", nargs="?", help="name of the study or notebook; no other part takes one"),
)
def _report(arguments: Arguments) -> None:
    from reproduce.report.build import write_part

    written = write_part(arguments.part, arguments.name)
    print("\n".join(f"wrote {relative_to_repo(path)}" for path in written) or "nothing to write: all is up to date")


@_verb(
    "say which added seeds would settle inconclusive verdicts, how long they take, and how to run them",
    option("names", nargs="*", metavar="CLAIM_OR_STUDY", help="by default every inconclusive verdict"),
)
def _plan(arguments: Arguments) -> None:
    from reproduce.judge.plan import plan_text

    print(plan_text(arguments.names, _all_studies()))


@_verb("make derived files again, compare the rest with dvc.lock, and name any edited file")
def _verify(arguments: Arguments) -> None:
    from reproduce.judge.verify import verify
    from reproduce.report.remakes import REMAKES

    verify(_all_studies(), remakes=REMAKES)


@_verb(
    "print a number of results/numbers.json with its interval, runs, sources and BibTeX",
    option("id", nargs="?", help="id of a number in results/numbers.json; a wrong id is answered with similar ids"),
    option("--list", nargs="?", const="", metavar="TEXT", help="list every number, or those with the words of TEXT"),
    option("--format", choices=("text", "bibtex", "latex", "json", "csv"), default="text"),
)
def _cite(arguments: Arguments) -> None:
    from reproduce.judge.citation import cite, list_numbers

    if (arguments.id is None) == (arguments.list is None):
        raise ReproduceError("name the id of a number, or give --list TEXT")
    if arguments.id is None:
        print(list_numbers(arguments.list, arguments.format))
    else:
        print(cite(arguments.id, arguments.format))


@_verb(
    "build the deposit of the last commit as a zip file with RO-Crate metadata, and check it unpacked",
    option("--out", type=Path, metavar="FOLDER", help="folder of the file (default: dist)"),
)
def _archive(arguments: Arguments) -> None:
    from reproduce.report.archive import build_archive

    build_archive(arguments.out)


@_verb(
    "measure speed against the standard ways; writes results/benchmarks (17 minutes)",
    option("parts", nargs="*", metavar="PART", help="cifar10, data, alexnet or later (default: all four)"),
)
def _bench(arguments: Arguments) -> None:
    from reproduce.speed.bench.run import run_benchmarks

    run_benchmarks(arguments.parts)


@_verb(
    "time every network on every device here; writes results/timing (eight minutes or less)",
    option("--quick", action="store_true", help="a minute, fewer networks, kept out of git"),
    option("--tabulate", action="store_true", help="only gather the committed timings into tables"),
    option("--budget", type=positive, metavar="SECONDS", help="time that all timings may take together"),
    option("--out", type=Path, metavar="FOLDER", help="folder of the file (default: results/timing)"),
)
def _time(arguments: Arguments) -> None:
    if arguments.tabulate and (arguments.quick or arguments.budget or arguments.out):
        raise ReproduceError("--tabulate reads the timings in results/timing; leave out --quick, --budget and --out")
    if arguments.tabulate:
        from reproduce.speed.timing.tabulate import tabulate

        print("tabulated: " + ", ".join(relative_to_repo(path) for path in tabulate()))
        return
    from reproduce.speed.timing.cells import FULL, QUICK
    from reproduce.speed.timing.run import QUICK_FOLDER, run_timing
    from reproduce.speed.timing.timing_rows import TIMING_FOLDER

    scope, folder = (QUICK, QUICK_FOLDER) if arguments.quick else (FULL, TIMING_FOLDER)
    if arguments.budget:
        scope = replace(scope, budget_seconds=arguments.budget)
    run_timing(scope, arguments.out or folder)


@_verb("say where this machine stands between 2012 and now, and what each study takes here")
def _estimate(arguments: Arguments) -> None:
    from reproduce.speed.timing.estimate import estimate_text
    from reproduce.speed.timing.speeds import speeds_here

    print(estimate_text(_all_studies(), speeds_here()))


@_verb(
    "check that the numerics follow the golden files, or record a deliberate change",
    option("action", choices=("check", "record")),
    _STUDY,
    option("variant", nargs="?"),
    option("--reason", help="why the numerics change (record only)"),
)
def _golden(arguments: Arguments) -> None:
    from reproduce.train.golden import check_variants, golden_variants, record_golden

    if arguments.action == "check" and arguments.reason is not None:
        raise ReproduceError("golden check records nothing and needs no reason; leave out --reason")
    study = load_study(arguments.study)
    names = [arguments.variant] if arguments.variant else golden_variants(study)
    if arguments.action == "record":
        for name in names:
            print(f"recorded {relative_to_repo(record_golden(arguments.study, name, arguments.reason or ''))}")
    else:
        check_variants(study, names)
        print(f"{len(names)} of {len(names)} golden files hold")


def _all_studies() -> list[Study]:
    return [load_study(path.parent.name) for path in sorted(EXPERIMENTS.glob("*/study.yaml"))]


def _launch(arguments: Arguments, require_clean_tree: bool = True) -> object:
    from reproduce.train.launch import Launch

    seconds, images = arguments.seconds_between_checkpoints, arguments.images_per_pass
    return Launch(arguments.device, arguments.threads, seconds, require_clean_tree, images)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser with every verb."""
    return _VERBS.parser(
        prog="python -m reproduce",
        description="AlexNet 2012 and its CIFAR-10 precursors, reproduced.",
        epilog=_GUIDE,
    )


def _settle_environment() -> None:
    from reproduce.data.ilsvrc.editions import PACKED_VARIABLE
    from reproduce.data.registry import DATASETS

    os.environ["MPLBACKEND"] = "agg"  # figures go to files, and matplotlib cannot be imported with an unknown backend
    of_data = {dataset.variable for dataset in DATASETS.values()}
    check_variables({SCRATCH_VARIABLE, PACKED_VARIABLE, *of_data}, switches={KERNELS_VARIABLE})


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit status: 0, or the status of the error, which is printed as one line."""
    settle_streams()
    arguments = build_parser().parse_args(argv)

    def run() -> None:
        _settle_environment()
        _VERBS.run(arguments)

    return exit_status(run)
