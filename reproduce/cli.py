"""The command line: one verb a task, the same for people, DVC and CI."""

import argparse
import sys

from reproduce.config import RunId, load_study
from reproduce.errors import ReproduceError


def _train(arguments: argparse.Namespace) -> None:
    from reproduce.train.run import Launch, train_run

    launch = Launch(arguments.device, arguments.threads, arguments.seconds_between_checkpoints)
    for run in _chosen_runs(arguments):
        if arguments.profile and (run.folder / "run.json").is_file():
            print(f"{run} is published; skipped")
            continue
        folder = train_run(run, launch=launch)
        print(f"{run}: written to {folder}")


def _chosen_runs(arguments: argparse.Namespace) -> list[RunId]:
    study = load_study(arguments.study)
    if arguments.profile:
        runs = study.runs(arguments.profile)
        return [run for run in runs if arguments.variant in (None, run.variant)]
    if arguments.variant is None or arguments.epochs is None or arguments.seed is None:
        raise ReproduceError("name a variant with --epochs and --seed, or a --profile")
    study.variant(arguments.variant)
    return [RunId(arguments.study, arguments.variant, arguments.epochs, arguments.seed)]


def _golden(arguments: argparse.Namespace) -> None:
    from reproduce.train.golden import check_golden, record_golden

    study = load_study(arguments.study)
    names = [arguments.variant] if arguments.variant else list(study.variants)
    if arguments.action == "record":
        for name in names:
            print(f"recorded {record_golden(arguments.study, name, arguments.reason or '')}")
        return
    problems = [f"{name}: {line}" for name in names for line in check_golden(study, name)]
    for line in problems:
        print(line, file=sys.stderr)
    if problems:
        raise ReproduceError(
            f"{len(problems)} differences from the golden files of {arguments.study}; if they are meant, record"
        )
    print(f"{len(names)} variants follow their golden files")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser with every verb."""
    parser = argparse.ArgumentParser(prog="python -m reproduce", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    train = verbs.add_parser("train", help="train one run, or every missing run of a profile")
    train.add_argument("study")
    train.add_argument("variant", nargs="?")
    train.add_argument("--epochs", type=int)
    train.add_argument("--seed", type=int)
    train.add_argument("--profile", choices=("standard", "full", "smoke"))
    _add_launch_options(train)
    train.set_defaults(function=_train)

    golden = verbs.add_parser(
        "golden", help="check that the numerics still follow the golden files, or record them anew"
    )
    golden.add_argument("action", choices=("check", "record"))
    golden.add_argument("study")
    golden.add_argument("variant", nargs="?")
    golden.add_argument("--reason")
    golden.set_defaults(function=_golden)
    return parser


def _add_launch_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--seconds-between-checkpoints", type=float, default=30.0)


def main(argv: list[str] | None = None) -> int:
    """Run one command; return the exit status: 0, or that of the error, printed as one line."""
    arguments = build_parser().parse_args(argv)
    try:
        arguments.function(arguments)
    except ReproduceError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("error: interrupted", file=sys.stderr)
        return 130
    return 0
