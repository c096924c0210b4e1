"""Every verb and option of the command line; a mistake is one line."""

import argparse
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from reproduce.base.errors import shortened

_RUN_HELP = "a run, as in results/runs: study/variant/epochs<n>/seed<k>"
_GUIDE = """\
Where to start:
  python -m reproduce quick       train the 80-second net of 2012 here, beside its published figures (minutes)
  python -m reproduce doctor      what this machine can run, what it lacks, and the next command
  dvc repro                       bring data, tables, figures and notebooks up to date (trains what is missing)
  python -m reproduce train STUDY --profile full      2012's own schedules (hours)
Studies and what they ask: experiments/README.md. Results and their units: results/README.md."""


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, as every other error here."""

    def error(self, message: str) -> NoReturn:
        """Print ``message`` and where help is, and exit with status 2."""
        self.exit(2, f"error: {message}; see `{self.prog} --help`\n")


def positive(text: str) -> int:
    """Return the positive whole number below 2**63 that ``text`` is.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    if not text.isdecimal() or len(text) > 19 or not 0 < int(text) < 2**63:
        raise argparse.ArgumentTypeError(f"{shortened(text)} is not a positive whole number below 2**63")
    return int(text)


def threads(text: str) -> int:
    """Return the number of threads that ``text`` is, at most four for each core.

    Raises:
        argparse.ArgumentTypeError: it is none, or more.
    """
    most = 4 * (os.cpu_count() or 1)
    if positive(text) > most:
        raise argparse.ArgumentTypeError(f"{shortened(text)} threads are too many for this machine: at most {most}")
    return int(text)


def seconds(text: str) -> float:
    """Return the finite number of seconds, zero or more, that ``text`` is.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{shortened(text)} is not a finite number of seconds, zero or more")
    return value


def build_parser() -> argparse.ArgumentParser:
    """Return the parser with every verb."""
    parser = Parser(
        prog="python -m reproduce",
        description="AlexNet 2012 and its CIFAR-10 precursors, reproduced.",
        epilog=_GUIDE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    def add(name: str, text: str) -> argparse.ArgumentParser:
        return verbs.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")

    data = add("data", "get a data set, check it, and compute its statistics")
    data.add_argument("dataset", help="its name, or neighbors; a wrong one is answered with all names")
    data.add_argument("--subset", action="store_true", help="ILSVRC: accept any number of images and classes")
    data.add_argument(
        "--skip-corrupt", action="store_true", help="ILSVRC: leave out and list images that do not decode"
    )
    data.add_argument("--workers", type=positive, help="ILSVRC: processes (default: all cores); decides no result")
    add("doctor", "say what this machine lacks for which study, and the next command")
    _add_training_verbs(add)
    ensemble = add("ensemble", "average the probabilities of a study's runs into a record of its own")
    ensemble.add_argument("study")
    ensemble.add_argument("name", help="one of the study's ensembles")
    publish = add("publish", "check finished runs of an ILSVRC study and copy them to results/external")
    publish.add_argument("study")
    publish.add_argument("variant", nargs="?", help="a variant or an ensemble (default: all)")
    tuning = add("tuning", "gather a study's tuning runs, less their test errors, into experiments/STUDY/tuning.csv")
    tuning.add_argument("study")
    add("collect", "gather the listed runs into tables, verdicts and results/numbers.json")
    report = add("report", "draw figures, execute a notebook, or write the generated parts of README and notes")
    parts = ("study", "ablations", "literature", "timing", "notebook", "readme", "architectures")
    report.add_argument("part", choices=parts)
    report.add_argument("name", nargs="?", help="which study or notebook, for these two parts alone")
    plan = add("plan", "say which seeds would settle inconclusive verdicts, their time, what to edit, and the command")
    plan.add_argument("names", nargs="*", metavar="CLAIM_OR_STUDY", help="by default every inconclusive verdict")
    add("verify", "hold results, configurations, golden files and dvc.lock against one another")
    bench = add("bench", "measure speed against the standard ways; writes results/benchmarks (ten minutes)")
    bench.add_argument("parts", nargs="*", metavar="PART", help="cifar10, data or alexnet (default: all three)")
    timing = add("time", "time every network on every device here; writes results/timing (ten minutes)")
    timing.add_argument("--quick", action="store_true", help="a minute, fewer networks, kept out of git")
    timing.add_argument("--tabulate", action="store_true", help="only gather the committed timings into tables")
    timing.add_argument("--budget", type=positive, metavar="SECONDS", help="what all timings may take together")
    timing.add_argument("--out", type=Path, metavar="FOLDER", help="where the file goes (default: results/timing)")
    add("estimate", "say where this machine stands between 2012 and now, and what each study takes here")
    cite = add("cite", "print a number of results/numbers.json with its interval, runs and BibTeX")
    cite.add_argument("id", help="id of a number in results/numbers.json; of a wrong one, the nearest are named")
    golden = add("golden", "check that the numerics follow the golden files, or record a deliberate change")
    golden.add_argument("action", choices=("check", "record"))
    golden.add_argument("study")
    golden.add_argument("variant", nargs="?")
    golden.add_argument("--reason", help="why the numerics change (record only)")
    return parser


def _add_training_verbs(add: Callable[..., argparse.ArgumentParser]) -> None:
    quick = add("quick", "train the 80-second net from nothing and set it beside 2012 and the published runs")
    train = add("train", "train one run, or every missing run of a profile; resumes what was stopped")
    train.add_argument("study")
    text = "one with --epochs and --seed; with a --profile any number (default: all)"
    # With a default argparse does not say that it is required.
    train.add_argument("variants", nargs="*", default=[], metavar="variant", help=text)
    train.add_argument("--epochs", type=positive, help="length of the schedule; the phases scale to it")
    train.add_argument("--seed", type=positive)
    train.add_argument("--profile", choices=("standard", "full", "smoke", "tuning"))
    train.add_argument(
        "--list", action="store_true", help="only name what is missing: stage/RUN of DVC's, run/RUN else"
    )
    evaluate = add("evaluate", "recompute a published run's error from its committed predictions")
    evaluate.add_argument("run", help=_RUN_HELP)
    again = add("rerun", "train one published run again and compare: digits on its machine, else spread over seeds")
    again.add_argument("run", help=_RUN_HELP)
    for verb in (quick, train, again):
        verb.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
        verb.add_argument("--threads", type=threads, help="CPU threads (default: all cores; rerun: as published)")
    for verb in (train, again):
        text = "least time from one checkpoint to the next (default: 30); decides no result"
        verb.add_argument("--seconds-between-checkpoints", type=seconds, default=30.0, metavar="SECONDS", help=text)
        text = "most images through the network at once (default: the whole share); decides no result"
        verb.add_argument("--images-per-pass", type=positive, metavar="IMAGES", help=text)
