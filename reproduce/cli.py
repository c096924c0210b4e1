"""The command line: one verb a task, the same for people, DVC and CI."""

import argparse
import sys
from collections.abc import Callable

from reproduce.arguments import Parser, positive
from reproduce.config import RunId, Study, load_study
from reproduce.errors import ElsewhereError, ReproduceError
from reproduce.paths import EXPERIMENTS, relative_to_repo

Arguments = argparse.Namespace
_RUN_HELP = "a run, as in results/runs: study/variant/epochs<n>/seed<k>"
_GUIDE = """\
Where to start:
  python -m reproduce quick       train the 80-second net of 2012 here, beside its published figures (minutes)
  python -m reproduce doctor      what this machine can run, what it lacks, and the next command
  dvc repro                       bring data, tables, figures and notebooks up to date (trains what is missing)
  python -m reproduce train STUDY --profile full      2012's own schedules (hours)
Studies and what they ask: experiments/README.md. Results and their units: results/README.md."""


def _data(arguments: Arguments) -> None:
    if arguments.dataset.startswith("ilsvrc"):
        from reproduce.data.ilsvrc.prepare import prepare_ilsvrc

        options = {name: getattr(arguments, name) for name in ("subset", "skip_corrupt", "workers")}
        prepare_ilsvrc(int(arguments.dataset.removeprefix("ilsvrc")), **options)
        return
    if arguments.subset or arguments.skip_corrupt or arguments.workers:
        raise ReproduceError(
            f"--subset, --skip-corrupt and --workers are for the ILSVRC data; leave them out for {arguments.dataset}"
        )
    if arguments.dataset == "cifar10":
        from reproduce.data.cifar10 import prepare_cifar10

        prepare_cifar10()
    else:
        from reproduce.data.fashion_mnist import prepare_fashion_mnist

        prepare_fashion_mnist()


def _train(arguments: Arguments) -> None:
    from reproduce.train.distributed import joined_processes
    from reproduce.train.run import is_up_to_date, prepare_torch, train_run

    runs, launch = _chosen_runs(arguments), _launch(arguments)
    with joined_processes(prepare_torch(launch)) as processes:
        for run in runs:
            if arguments.profile and any(processes.sums([is_up_to_date(run)])):
                outcome = " is finished and up to date; skipped"
            else:
                outcome = f": written to {relative_to_repo(train_run(run, launch=launch))}"
            if processes.is_first:
                print(f"{run}{outcome}")


def _chosen_runs(arguments: Arguments) -> list[RunId]:
    study = load_study(arguments.study)
    for name in arguments.variants:
        study.variant(name)
    if arguments.profile and (arguments.epochs or arguments.seed):
        raise ReproduceError("a --profile names lengths and seeds itself; leave out --epochs and --seed")
    if arguments.profile:
        return [run for run in study.runs(arguments.profile) if run.variant in (arguments.variants or [run.variant])]
    if len(arguments.variants) != 1 or arguments.epochs is None or arguments.seed is None:
        raise ReproduceError("name a variant with --epochs and --seed, or a --profile")
    return [RunId(arguments.study, arguments.variants[0], arguments.epochs, arguments.seed)]


def _quick(arguments: Arguments) -> None:
    from reproduce.quick import run_quick

    print(run_quick(arguments.device, arguments.threads))


def _evaluate(arguments: Arguments) -> None:
    from reproduce.rerun import evaluate_run

    print(evaluate_run(RunId.parse(arguments.run)))


def _rerun(arguments: Arguments) -> None:
    from reproduce.rerun import rerun

    print(rerun(RunId.parse(arguments.run), _launch(arguments, require_clean_tree=False)))


def _ensemble(arguments: Arguments) -> None:
    from reproduce.ensemble import make_ensembles

    make_ensembles(arguments.study, arguments.name)


def _publish(arguments: Arguments) -> None:
    from reproduce.publish import publish

    publish(arguments.study, arguments.variant)


def _doctor(arguments: Arguments) -> None:
    from reproduce.doctor import examine

    print(examine(_all_studies()))


def _collect(arguments: Arguments) -> None:
    from reproduce.collect.tables import collect

    verdicts = collect(_all_studies())
    print(f"{len(verdicts)} claims judged; tables in results/tables, cited numbers in results/numbers.json")


def _report(arguments: Arguments) -> None:
    from reproduce.report import build
    from reproduce.report.architectures import write_architectures

    stages: dict[str, Callable[[], object]] = {
        "literature": build.literature_stage,
        "timing": build.timing_stage,
        "study": lambda: build.study_stage(load_study(arguments.name).study),
        "stalls": build.stalls_stage,
        "notebook": lambda: build.notebook_stage(arguments.name),
        "readme": build.pages_stage,
        "architectures": write_architectures,
    }
    if arguments.part in ("study", "notebook") and not arguments.name:
        raise ReproduceError(f"report {arguments.part} needs a name")
    stages[arguments.part]()


def _verify(arguments: Arguments) -> None:
    from reproduce.collect.verify import verify

    verify(_all_studies())


def _cite(arguments: Arguments) -> None:
    from reproduce.collect.numbers import cite

    print(cite(arguments.id))


def _bench(arguments: Arguments) -> None:
    from reproduce.bench import run_benchmarks

    run_benchmarks(arguments.parts)


def _time(arguments: Arguments) -> None:
    if arguments.tabulate and arguments.quick:
        raise ReproduceError("--tabulate reads the timings that are there and times nothing; leave out --quick")
    if arguments.tabulate:
        from reproduce.timing.tables import tabulate

        print("tabulated: " + ", ".join(relative_to_repo(path) for path in tabulate()))
        return
    from reproduce.timing.run import run_timing

    run_timing(arguments.quick)


def _estimate(arguments: Arguments) -> None:
    from reproduce.timing.estimate import estimate_text, speeds_here

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


def build_parser() -> argparse.ArgumentParser:
    """Return the parser with every verb."""
    parser = Parser(
        prog="python -m reproduce",
        description="AlexNet 2012 and its CIFAR-10 precursors, reproduced.",
        epilog=_GUIDE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    def add(name: str, function: Callable[[Arguments], None], text: str) -> argparse.ArgumentParser:
        verb = verbs.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        verb.set_defaults(function=function)
        return verb

    data = add("data", _data, "get a data set, check it, and compute its statistics")
    data.add_argument("dataset", choices=("cifar10", "fashion_mnist", "ilsvrc2012", "ilsvrc2010"))
    data.add_argument("--subset", action="store_true", help="ILSVRC: accept any number of images and classes")
    data.add_argument(
        "--skip-corrupt", action="store_true", help="ILSVRC: leave out and list images that do not decode"
    )
    data.add_argument("--workers", type=positive, help="ILSVRC: processes (default: all cores); decides no result")
    add("doctor", _doctor, "say what this machine lacks for which study, and the next command")
    _add_training_verbs(add)
    ensemble = add("ensemble", _ensemble, "average the probabilities of a study's runs into a record of its own")
    ensemble.add_argument("study")
    ensemble.add_argument("name", help="one of the study's ensembles")
    publish = add("publish", _publish, "check finished runs of an ILSVRC study and copy them to results/external")
    publish.add_argument("study")
    publish.add_argument("variant", nargs="?", help="a variant or an ensemble (default: all)")
    add("collect", _collect, "gather the listed runs into tables, verdicts and results/numbers.json")
    report = add(
        "report", _report, "draw figures, execute a notebook, or write the generated parts of README and notes"
    )
    report.add_argument(
        "part", choices=("literature", "study", "stalls", "timing", "notebook", "readme", "architectures")
    )
    report.add_argument("name", nargs="?", help="study or notebook")
    add("verify", _verify, "hold results, configurations, golden files and dvc.lock against one another")
    bench = add("bench", _bench, "measure speed against the standard ways; writes results/benchmarks (ten minutes)")
    bench.add_argument("parts", nargs="*", metavar="PART", help="cifar10, data or alexnet (default: all three)")
    timing = add("time", _time, "time every network on every device here; writes results/timing (ten minutes)")
    timing.add_argument("--quick", action="store_true", help="a minute, fewer networks, kept out of git")
    timing.add_argument("--tabulate", action="store_true", help="only gather the committed timings into tables")
    add("estimate", _estimate, "say where this machine stands between 2012 and now, and what each study takes here")
    cite = add("cite", _cite, "print a number of results/numbers.json with its interval, runs and BibTeX")
    cite.add_argument("id")
    golden = add("golden", _golden, "check that the numerics follow the golden files, or record a deliberate change")
    golden.add_argument("action", choices=("check", "record"))
    golden.add_argument("study")
    golden.add_argument("variant", nargs="?")
    golden.add_argument("--reason", help="why the numerics change (record only)")
    return parser


def _add_training_verbs(add: Callable[..., argparse.ArgumentParser]) -> None:
    quick = add("quick", _quick, "train the 80-second net from nothing and set it beside 2012 and the published runs")
    train = add("train", _train, "train one run, or every missing run of a profile; resumes what was stopped")
    train.add_argument("study")
    train.add_argument("variants", nargs="*", metavar="variant", help="with a --profile any number (default: all)")
    train.add_argument("--epochs", type=positive, help="length of the schedule; the phases scale to it")
    train.add_argument("--seed", type=positive)
    train.add_argument("--profile", choices=("standard", "full", "smoke"))
    evaluate = add("evaluate", _evaluate, "recompute a published run's error from its committed predictions")
    evaluate.add_argument("run", help=_RUN_HELP)
    again = add("rerun", _rerun, "train one published run again beside the published one and compare")
    again.add_argument("run", help=_RUN_HELP)
    for verb in (quick, train, again):
        verb.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
        verb.add_argument("--threads", type=positive, help="CPU threads (default: all cores)")
    for verb in (train, again):
        verb.add_argument("--seconds-between-checkpoints", type=float, default=30.0, metavar="SECONDS")
        text = "most images through the network at once (default: the whole share); decides no result"
        verb.add_argument("--images-per-pass", type=positive, metavar="IMAGES", help=text)


def main(argv: list[str] | None = None) -> int:
    """Run one command; return the exit status: 0, or that of the error, printed as one line."""
    arguments = build_parser().parse_args(argv)
    try:
        arguments.function(arguments)
    except ReproduceError as error:
        if not isinstance(error, ElsewhereError):
            print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("error: interrupted", file=sys.stderr)
        return 130
    return 0
