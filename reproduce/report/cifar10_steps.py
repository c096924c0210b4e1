"""Three sentences on the re-enactment on CIFAR-10: the step of 2012, recipe and net after it, and NASNet's place."""

import pandas as pd

from reproduce.base.errors import ReproduceError
from reproduce.base.text import format_number
from reproduce.report.cifar10_methods import AT_2012, AT_SEARCH, BEFORE, LATER, load_methods
from reproduce.report.effects import effect_words
from reproduce.report.figures.generations import DrawnMethod
from reproduce.report.literature.milestones import best_error_before_2012
from reproduce.report.records import Records

_FROM = {  # comparison with the 18 % net of 2012: the method before it
    "kmeans-1600-minus-18pct": "k-means on patches (2011)",
    "fisher-vectors-minus-18pct": "Fisher vectors (the contest's winners of 2011)",
}
_RUNGS = {  # comparison at the cost of 2012: the change
    "gain-of-batch-normalization-18pct": "with batch normalization",
    "gain-of-todays-schedule-18pct": "with today's initial weights and schedule",
    "gain-of-todays-decay-and-order-18pct": "with the rest of today's recipe",
    "gain-of-resnet20-by-todays-recipe": "with ResNet-20 in its place, by the same recipe",
}
_NET_AND_RECIPE = "gain-of-net-and-recipe-from-crops"
_BUDGETS = {"At the cost of 2012": AT_2012, "At the cost of one net of its search": AT_SEARCH}
_CHILD, _RESNET, _PUBLISHED = "NASNet-A (2 @ 768)", "ResNet-20", "NASNet-A (6 @ 768)"


def generations_answer(loaded: Records) -> str:
    """Return the three sentences as a Markdown list; what is not run is named as such.

    Raises:
        ReproduceError: a table lacks a comparison that the sentences tell.
    """
    answers = {"The step of 2012": _step(loaded), "Recipe or net": _rungs(loaded), "NASNet": _nasnet(loaded)}
    return "\n".join(f"- *{question}.* {answer}" for question, answer in answers.items())


def _step(loaded: Records) -> str:
    steps = {before: _difference(loaded, BEFORE, comparison) for comparison, before in _FROM.items()}
    told = [f"{words} than that of {before}" for before, words in steps.items() if words]
    waiting = [f"The step from {before} is still to be run." for before, words in steps.items() if not words]
    net = [f"Without augmentation the error of the 18 % net is {', and '.join(told)}."] if told else []
    flatters = (
        "Beside Fisher vectors alone 2012 would look better than it was: the best of other methods in print before it "
        f"makes {best_error_before_2012():.1f} % errors."
    )
    return " ".join([*net, *waiting, flatters])


def _rungs(loaded: Records) -> str:
    changes = {change: _difference(loaded, LATER, comparison) for comparison, change in _RUNGS.items()}
    told = [f"{words} {change}" for change, words in changes.items() if words]
    waiting = [change for change, words in changes.items() if not words]
    net = [f"At the cost of 2012 the error of the augmented 18 % net is {', then '.join(told)}."] if told else []
    if waiting:
        net.append(f"Still to be run at the cost of 2012, the augmented 18 % net: {'; '.join(waiting)}.")
    if total := _difference(loaded, LATER, _NET_AND_RECIPE):
        net.append(f"With net and recipe together it is {total}.")
    return " ".join(net)


def _nasnet(loaded: Records) -> str:
    methods = {method.name: method for method in load_methods(loaded)}
    pairs = {words: [methods[f"{net} {name}"] for net in (_CHILD, _RESNET)] for words, name in _BUDGETS.items()}
    told = [
        f"{words} {_CHILD} makes {_error(child)}, {_RESNET} {_error(resnet)}."
        for words, (child, resnet) in pairs.items()
        if child.errors or resnet.errors
    ] or [f"{_CHILD} and {_RESNET} are still to be run at either cost."]
    full, child = methods[_PUBLISHED], methods[f"{_CHILD} {AT_SEARCH}"]
    times = full.operations / child.operations
    here = f"makes {_error(full)} here" if full.errors else "is not run here"
    return (
        f"{' '.join(told)} {_PUBLISHED} makes {full.published:g} % in print. It takes {times:.0f} times the operations "
        f"of a net of the search and {here}."
    )


def _error(method: DrawnMethod) -> str:
    if not method.errors:
        return "an error still to be measured"
    count = len(method.errors)
    return f"{format_number(method.mean)} % errors ({count} seed{'s' if count > 1 else ''})"


def _difference(loaded: Records, study: str, comparison: str) -> str | None:
    """Return a declared difference of test errors, first minus second arm, in words; None where an arm is not run.

    Raises:
        ReproduceError: the comparisons lack it.
    """
    table = loaded.table("comparisons", "study comparison value low high n_first n_second method", study)
    found = table[table["comparison"].eq(comparison)]
    if found.empty:
        raise ReproduceError(f"results/tables/comparisons.csv lacks {comparison} of {study}; run `dvc repro collect`")
    row = found.iloc[0]
    if pd.isna(row["value"]):
        return None
    return effect_words({**row, "n_seeds": min(row["n_first"], row["n_second"])})
