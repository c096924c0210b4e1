"""Three generations on CIFAR-10's images: methods before 2012, AlexNet's authors' nets, and what followed."""

from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from reproduce.base.text import format_number, frame_as_markdown, with_interval
from reproduce.judge.few_seeds import FEWEST
from reproduce.report import records
from reproduce.report.figures.generations import DrawnMethod, generations
from reproduce.report.records import Records
from reproduce.report.studies import common
from reproduce.runs.estimands import values_of_arm
from reproduce.runs.statistics import mean_interval
from reproduce.runs.table import rows_of_arm, went_wrong

STUDY = "before_2012"
_NETS, _LATER = "cifar10_nets", "after_2012"

PLAIN = "whole training images, one view of a test image"
CROPPED = "crops and flips in training, one view"
TEN_VIEWS = "crops and flips in training, ten views"


@dataclass(frozen=True)
class _Method:
    """A variant at one length and the words it is drawn with; ``published_by``: the variant that its claim names."""

    study: str
    variant: str
    epochs: int
    name: str
    year: int
    protocol: str
    published_by: str | None = None


# 18pct by its first reading (D24) until the runs of the second are made; both are judged against the same 18 %.
_METHODS = (
    _Method(STUDY, "visual_words", 1, "visual words, first reading", 2010, PLAIN),
    _Method(STUDY, "visual_words_wide_costs", 1, "visual words", 2010, PLAIN),
    _Method(STUDY, "fisher_vectors", 1, "Fisher vectors", 2010, PLAIN),
    _Method(STUDY, "kmeans_1600", 1, "k-means, 1,600 patches", 2011, PLAIN),
    _Method(STUDY, "kmeans_4000", 1, "k-means, 4,000 patches", 2011, PLAIN),
    _Method(_NETS, "18pct", 140, "AlexNet's authors' 18 % net", 2012, PLAIN, "18pct_all_rates"),
    _Method(_LATER, "18pct_crops", 140, "the same net", 2012, CROPPED),
    _Method(_LATER, "18pct_today", 140, "the same net, today's recipe", 2016, CROPPED),
    _Method(_LATER, "resnet20", 182, "ResNet-20", 2015, CROPPED),
    _Method(_LATER, "nasnet_a_6_768", 600, "NASNet-A (6 @ 768)", 2017, CROPPED),
    _Method(_NETS, "conv_local_13pct", 160, "AlexNet's authors' 13 % net", 2012, TEN_VIEWS),
    _Method(_NETS, "conv_local_11pct", 520, "AlexNet's authors' 11 % net", 2012, TEN_VIEWS),
)


def load_methods(loaded: Records) -> list[DrawnMethod]:
    """Return each method's published error and the errors of its runs, in percent, by protocol and then by year.

    A method without runs has none. Where one of its runs went wrong, it has none either.
    """
    studies = (STUDY, _NETS, _LATER)
    printed = {
        (study, row.variant): row.value
        for study in studies
        for row in records.published_errors(loaded, study).itertuples()
    }
    return [_drawn(loaded, method, printed) for method in _METHODS]


def _drawn(loaded: Records, method: _Method, printed: dict[tuple[str, str], float]) -> DrawnMethod:
    rows = rows_of_arm(loaded.runs, method.study, method.variant)
    rows = rows[rows["epochs"].eq(method.epochs)]
    errors = values_of_arm(rows, records.ERROR, "the generations on CIFAR-10")
    published = printed.get((method.study, method.published_by or method.variant))
    kept = [] if went_wrong(rows) else errors
    return DrawnMethod(method.name, method.year, method.protocol, published, kept)


def methods_table(loaded: Records) -> str:
    """Return one row per method in Markdown: protocol, published error, mean error of our runs, seeds."""
    rows = [
        {
            "protocol": method.protocol,
            "method": method.name,
            "year": method.year,
            "published, %": "-" if method.published is None else f"{method.published:g}",
            "ours, %": _ours(method),
            "seeds": len(method.errors),
        }
        for method in load_methods(loaded)
    ]
    return frame_as_markdown(pd.DataFrame(rows))


def _ours(method: DrawnMethod) -> str:
    """Return the mean with its 95 % interval; of two seeds their values, since they give no useful interval."""
    if not method.errors:
        return "not run"
    if len(method.errors) < FEWEST:
        return " and ".join(format_number(error) for error in sorted(method.errors))
    estimate = mean_interval(method.errors)
    return with_interval(estimate.value, estimate.low, estimate.high)


def generations_figure(loaded: Records) -> Figure:
    """Return the three generations, one panel per protocol."""
    return generations(load_methods(loaded))


FIGURES = {
    f"{STUDY}_verdicts": lambda loaded: common.verdicts(loaded, STUDY),
    "generations": generations_figure,
}
BLOCKS = {"generations": methods_table}
