"""Methods of three generations on CIFAR-10's images, each with its runs and its published error, by protocol."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import pandas as pd

from reproduce.base.errors import ReproduceError
from reproduce.base.text import operations_words, plain_name
from reproduce.report import records
from reproduce.report.figures import generations
from reproduce.report.figures.generations import FIRST_READING, DrawnMethod
from reproduce.report.literature.milestones import load_cifar10_before
from reproduce.report.records import Records
from reproduce.runs.estimands import values_of_arm
from reproduce.runs.table import rows_of_arm, went_wrong
from reproduce.study.operations import training_operations
from reproduce.study.study import load_study
from reproduce.study.variant import Variant

BEFORE, NETS, LATER = "before_2012", "cifar10_nets", "after_2012"

PLAIN = "whole training images, one view of a test image"
CROPPED = "augmented training images, one view"
SEVERAL_VIEWS = "augmented training images, nine or ten views"


@dataclass(frozen=True)
class _Method:
    """A variant at one length of training, and the words of its marks in the figures.

    ``family`` is the method's name at any length.
    """

    study: str
    variant: str
    epochs: int
    name: str
    year: int
    protocol: str
    family: str

    @property
    def generation(self) -> str:
        """The method's generation. The 18 % net with crops stays the authors' net; further changes make a later one."""
        if self.study == NETS or self.family == _NET_18:
            return generations.AUTHORS
        return generations.BEFORE if self.study == BEFORE else generations.AFTER


@dataclass(frozen=True)
class _Printed:
    """A published method that is not run here: ``method`` of its row in ``cifar10_before_2012.csv``, and name drawn."""

    method: str
    name: str


_PRINTED = (
    _Printed("OMP-1 dictionary, soft threshold, 6000 features", "OMP-1, 6,000 features"),
    _Printed("learned receptive fields, 3 layers", "learned receptive fields"),
)
_NET_18, _NET_18_TODAY = "18 % net", "18 % net, today's recipe"
_NET_18_SCHEDULE = "18 % net, today's start and schedule"
_RESNET, _HALF, _CHILD = "ResNet-20", "VGG of half the width (flips alone)", "NASNet-A (2 @ 768)"
_NINE_VIEWS = "AlexNet's authors' 13 % net, nine views"
_RESNET_TODAY = "ResNet-20, today's recipe"
_FIRST_WORDS = f"visual words{FIRST_READING}"
AT_2012, AT_SEARCH = "at 2012's cost", "at one search net's cost"
_METHODS = (
    _Method(BEFORE, "visual_words", 1, _FIRST_WORDS, 2010, PLAIN, _FIRST_WORDS),
    _Method(BEFORE, "visual_words_wide_costs", 1, "visual words", 2010, PLAIN, "visual words"),
    _Method(BEFORE, "fisher_vectors", 1, "Fisher vectors", 2010, PLAIN, "Fisher vectors"),
    _Method(BEFORE, "kmeans_1600", 1, "k-means, 1,600 patches", 2011, PLAIN, "k-means"),
    _Method(BEFORE, "kmeans_1600_longer_fit", 1, "k-means, 1,600 patches, longer fit", 2011, PLAIN, "k-means"),
    _Method(BEFORE, "kmeans_4000", 1, "k-means, 4,000 patches", 2011, PLAIN, "k-means"),
    _Method(NETS, "18pct_all_rates", 140, "AlexNet's authors' 18 % net", 2011, PLAIN, _NET_18),
    _Method(LATER, "18pct_crops", 140, "18 % net, crops and flips", 2012, CROPPED, _NET_18),
    _Method(
        LATER, "18pct_batch_norm", 140, "18 % net, batch normalization", 2015, CROPPED, "18 % net, batch normalization"
    ),
    _Method(LATER, "18pct_todays_schedule", 140, _NET_18_SCHEDULE, 2016, CROPPED, _NET_18_SCHEDULE),
    _Method(LATER, "18pct_today", 140, _NET_18_TODAY, 2016, CROPPED, _NET_18_TODAY),
    _Method(LATER, "18pct_today_at_search_cost", 375, f"{_NET_18_TODAY}, {AT_SEARCH}", 2016, CROPPED, _NET_18_TODAY),
    _Method(LATER, "vgg_bn_dropout_half_at_2012_cost", 20, f"{_HALF} {AT_2012}", 2015, CROPPED, _HALF),
    _Method(LATER, "vgg_bn_dropout_half", 55, f"{_HALF} {AT_SEARCH}", 2015, CROPPED, _HALF),
    _Method(LATER, "vgg_bn_dropout", 300, "VGG (flips alone)", 2015, CROPPED, "VGG (flips alone)"),
    _Method(LATER, "resnet20_at_2012_cost", 40, f"{_RESNET} {AT_2012}", 2015, CROPPED, _RESNET),
    _Method(LATER, "resnet20_today_at_2012_cost", 40, f"{_RESNET_TODAY}, {AT_2012}", 2016, CROPPED, _RESNET_TODAY),
    _Method(LATER, "resnet20_at_search_cost", 106, f"{_RESNET} {AT_SEARCH}", 2015, CROPPED, _RESNET),
    _Method(LATER, "resnet20", 182, f"{_RESNET}, 45,000 images", 2015, CROPPED, _RESNET),
    _Method(LATER, "resnet20_all_images", 164, f"{_RESNET}, 50,000 images", 2015, CROPPED, _RESNET),
    _Method(LATER, "nasnet_a_2_768_at_2012_cost", 7, f"{_CHILD} {AT_2012}", 2017, CROPPED, _CHILD),
    _Method(LATER, "nasnet_a_2_768", 20, f"{_CHILD} {AT_SEARCH}", 2017, CROPPED, _CHILD),
    _Method(LATER, "nasnet_a_6_768", 600, "NASNet-A (6 @ 768)", 2017, CROPPED, "NASNet-A (6 @ 768)"),
    _Method(NETS, "conv_local_13pct", 160, "AlexNet's authors' 13 % net", 2011, SEVERAL_VIEWS, "13 % net"),
    _Method(NETS, "conv_local_13pct_nine_views", 160, _NINE_VIEWS, 2011, SEVERAL_VIEWS, "13 % net"),
    _Method(NETS, "conv_local_11pct", 520, "AlexNet's authors' 11 % net", 2012, SEVERAL_VIEWS, "11 % net"),
)


def load_methods(loaded: Records) -> list[DrawnMethod]:
    """Return each method's published error and the errors of its runs, in percent, by protocol and then by year.

    A method without runs, or with a run that went wrong, has no errors of its own.

    Raises:
        ReproduceError: a study or table cannot be read, or lacks a method.
    """
    studies = (BEFORE, NETS, LATER)
    printed = {
        (study, row.variant): row.value
        for study in studies
        for row in records.published_errors(loaded, study).itertuples()
    }
    drawn = [_drawn(loaded, method, printed) for method in _METHODS]
    first_net = next(place for place, method in enumerate(_METHODS) if method.study == NETS)
    return [*drawn[:first_net], *_in_print(), *drawn[first_net:]]


def core_hours(finished: pd.DataFrame) -> list[float]:
    """Return the core-hours of training of each run; ``finished`` has rows of ``table.read_runs``."""
    return (finished["training_seconds"] * finished["threads"] / 3600).tolist()


def core_hours_words(hours: Sequence[float]) -> str:
    """Return the median of runs' core-hours in words; a dash where no run was made."""
    return f"{median(hours):.1f}" if hours else "-"


def declared_costs() -> dict[str, int]:
    """Return the two costs that later nets are compared at, in training operations, by name."""
    net, search = load_study(NETS).variant("18pct_all_rates"), load_study(LATER).variant("nasnet_a_2_768")
    return {
        "cost of 2012": training_operations(net, net.full_epochs(), "cifar10"),
        "cost of one net of NASNet's search": training_operations(search, search.full_epochs(), "cifar10"),
    }


def most_operations_here() -> int:
    """Return ten times the greater declared cost: a training of more operations takes days on two cores."""
    return 10 * max(declared_costs().values())


def to_be_run(methods: Sequence[DrawnMethod]) -> str:
    """Return a sentence on the methods still to be run, and one on the methods that take too long on these machines.

    A sentence that would name no method is left out.
    """
    planned = [method for method in methods if method.is_planned and not method.errors]
    most = most_operations_here()
    too_long = [method for method in planned if method.operations is not None and method.operations > most]
    names = [method.name for method in planned if method not in too_long]
    sentences = [f"Still to be run: {'; '.join(names)}."] if names else []
    if too_long:
        sizes = [f"{each.name} ({operations_words(each.operations)} training operations)" for each in too_long]
        sentences.append(f"Not run, since too long for the machines used here: {'; '.join(sizes)}.")
    return " ".join(sentences)


def _drawn(loaded: Records, method: _Method, printed: dict[tuple[str, str], float]) -> DrawnMethod:
    rows = rows_of_arm(loaded.runs, method.study, method.variant)
    rows = rows[rows["epochs"].eq(method.epochs)]
    errors = [] if went_wrong(rows) else values_of_arm(rows, records.ERROR, "the generations on CIFAR-10")
    finished = rows[rows["status"].eq("finished")]
    hours = core_hours(finished)
    study = load_study(method.study)
    variant = study.variant(method.variant)
    is_net = isinstance(variant, Variant)
    return DrawnMethod(
        method.name,
        method.year,
        method.generation,
        method.protocol,
        printed.get((method.study, method.variant)),
        errors,
        family=method.family,
        operations=training_operations(variant, method.epochs, study.dataset) if is_net else None,
        core_hours=hours if errors else [],
        processor=" and ".join(finished["cpu"].map(plain_name).unique()),
    )


def _in_print() -> list[DrawnMethod]:
    """Return the best published methods before 2012 that are not run here.

    Raises:
        ReproduceError: the table of published errors lacks one of them.
    """
    table = load_cifar10_before().set_index("method")
    drawn = []
    for printed in _PRINTED:
        if printed.method not in table.index:
            raise ReproduceError(f"cifar10_before_2012.csv lacks the method {printed.method!r}; restore it with git")
        row = table.loc[printed.method]
        error = float(row["test_error_percent"])
        drawn.append(
            DrawnMethod(printed.name, int(row["year"]), generations.BEFORE, PLAIN, error, [], is_planned=False)
        )
    return drawn
