"""Three generations on CIFAR-10's images: methods before 2012, AlexNet's authors' nets, and what followed."""

import pandas as pd
from matplotlib.figure import Figure

from reproduce.base.text import frame_as_markdown, operations_words
from reproduce.report.cifar10_methods import BEFORE, core_hours_words, load_methods, to_be_run
from reproduce.report.figures.generations import DrawnMethod, generations
from reproduce.report.literature import drops, timeline
from reproduce.report.records import Records
from reproduce.report.studies import common


def methods_table(loaded: Records) -> str:
    """Return one row per method in Markdown: protocol, published error, mean error of our runs, seeds, training costs.

    Methods with neither a published error nor runs are named below the table, among those still to be run.
    """
    methods = load_methods(loaded)
    rows = [
        {
            "protocol": method.protocol,
            "method": method.name,
            "year": method.year,
            "published, %": "-" if method.published is None else f"{method.published:g}",
            "ours, %": _ours(method),
            "seeds": len(method.errors),
            "training operations": "-" if method.operations is None else operations_words(method.operations),
            "core-hours per run": core_hours_words(method.core_hours),
        }
        for method in methods
        if method.errors or method.published is not None
    ]
    return f"{frame_as_markdown(pd.DataFrame(rows))}\n\n{to_be_run(methods)}".rstrip()


def _ours(method: DrawnMethod) -> str:
    """Return the mean with its 95 % interval, or the values of two seeds, since two give no useful interval."""
    if not method.errors:
        return "not run" if method.is_planned else "in print alone"
    return common.mean_words(method.errors)


def generations_figure(loaded: Records) -> Figure:
    """Return the three generations, one panel per protocol, with the contest's own drop below."""
    contest = drops.comparison(drops.drops(timeline.load_contest()), "supplied")
    return generations(load_methods(loaded), contest)


FIGURES = {
    f"{BEFORE}_verdicts": lambda loaded: common.verdicts(loaded, BEFORE),
    "generations": generations_figure,
}
BLOCKS = {"generations": methods_table}
