"""The front page's answers, in a line each: the question, the answer, the kind of evidence, and the id to cite."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from reproduce.base.text import figures, frame_as_markdown
from reproduce.judge.numbers import Row, seeds_words, shown_values
from reproduce.judge.rules import DIRECTION, DIRECTION_ONLY, NO_EFFECT, NOT_REPRODUCED
from reproduce.report.effects import effect_words
from reproduce.report.facts import Facts
from reproduce.report.literature.milestones import best_error_before_2012
from reproduce.report.speed.training_time import extrapolated_words

_AUGMENTED_NET = "after_2012.18pct_crops.test_top1_error_percent.mean"  # there once its runs are published
_NASNET = "after_2012.nasnet_a_2_768.test_top1_error_percent.mean"
_RECIPE_AND_NET = {  # comparisons at the cost of 2012: how the sentence on each begins
    "after_2012.gain-of-recipe-from-crops-18pct.difference": (
        "With batch normalization and today's recipe the 18 % net's error is"
    ),
    "after_2012.gain-of-resnet20-by-todays-recipe.difference": (
        "With ResNet-20 in place of that net, at equal cost and by the same recipe of today, it is"
    ),
}
_FROM_FISHER_VECTORS = "before_2012.fisher-vectors-minus-18pct.difference"
_LENGTH = "lrn_confound.step-length.difference"
_CENTER_VIEW = "lrn_confound.step-normalization-center-view.difference"
_STEP_ON_CIFAR10 = "before_2012.kmeans-1600-minus-18pct.difference"
LITERATURE, OWN, REDUCED, TIMED = "literature", "CIFAR-10, own scale", "reduced scale", "literature; timed here"


@dataclass(frozen=True)
class Answer:
    """One row of the front page: a question, its answer in a line, the kind of evidence, and the id to cite."""

    question: str
    words: Callable[[Facts], str]
    evidence: str
    cite: str


def _interval(row: Mapping[str, Any]) -> str:
    value, *ends = shown_values(row)
    return f"{value} times ({' to '.join(ends)})" if ends else f"{value} times"


def _drop(facts: Facts) -> str:
    winner_2011, second, winner, with_extra = facts.printed("account-error-25-to-16", 4)
    return (
        f"Roughly. The quoted ends are of two test sets ({winner_2011:.1f} % in 2011, {winner:.1f} % in 2012). "
        f"On the same images the error fell from {second:.1f} to {winner:.1f} %, or {with_extra:.1f} % with extra data."
    )


def _before(facts: Facts) -> str:
    (coding,), (fisher,) = (
        facts.printed("ilsvrc2010-sparse-coding-top5", 1),
        facts.printed("ilsvrc2010-fisher-vectors-top5", 1),
    )
    (net,) = facts.printed("ilsvrc2010-cnn-top5", 1)
    return (
        f"Top-5 error on ILSVRC-2010: sparse coding {coding:.1f} %, SIFT with Fisher vectors {fisher:.1f} %, "
        f"AlexNet {net:.1f} %. All three are printed in AlexNet's paper."
    )


def _after(facts: Facts) -> str:
    nasnet, before, senet = (100 - accuracy for accuracy in facts.printed("account-nasnet-exceeded-all", 3))
    (alexnet,) = facts.printed("ilsvrc2012-one-cnn-top1", 1)
    return (
        f"Top-1 error of one model on ILSVRC-2012's validation images: AlexNet {alexnet:.1f} % (2012), NASNet-A "
        f"{nasnet:.1f} % (2017). The best published before NASNet-A is {before:.1f} %. SENet, then unpublished, also "
        f"made {senet:.1f} %."
    )


def _on_cifar10(facts: Facts) -> str:
    before, net = facts.row("kmeans-1600-error"), facts.row("cifar10-18pct-error")
    fisher = facts.numbers.get(_FROM_FISHER_VECTORS)
    from_fisher = f" Than that of Fisher vectors its error is {effect_words(fisher)}." if _is_made(fisher) else ""
    return (
        f"Without augmentation, k-means on patches (2011) makes {_error(before)}. The 18 % net of AlexNet's authors "
        f"(files of 2011) makes {_error(net)}, {effect_words(facts.row(_STEP_ON_CIFAR10))}. The comparison was added "
        f"when errors of both were known.{from_fisher} The lowest error of other authors in print before 2012 is "
        f"{best_error_before_2012():.1f} %. {_later_on_cifar10(facts)}"
    )


def _is_made(row: Row | None) -> bool:
    return row is not None and row["value"] is not None


def _later_on_cifar10(facts: Facts) -> str:
    """Return in words the errors of the net of 2012 and of later nets by the protocol that these follow.

    What recipe and net are worth apart follows, once it is known.
    """
    nets = {
        "the 18 % net makes": facts.numbers.get(_AUGMENTED_NET),
        "ResNet-20, of 2015, makes": _made_resnet(facts),
        "NASNet-A (2 @ 768, 20 epochs), of 2017, makes": facts.numbers.get(_NASNET),
    }
    made = [f"{words} {_error(row)}" for words, row in nets.items() if _is_made(row)]
    if not made:
        return "The step to later nets is still to be run."
    changes = {words: facts.numbers.get(name) for name, words in _RECIPE_AND_NET.items()}
    apart = [f" {words} {effect_words(row)}." for words, row in changes.items() if _is_made(row)]
    return f"With crops and flips, which is another protocol, {'; '.join(made)}.{''.join(apart)}"


def _made_resnet(facts: Facts) -> Row:
    """Return ResNet-20's error by the reading of its source that has runs: all training images, or 45,000 of them."""
    readings = [facts.row(claim) for claim in ("after-resnet20-all-images-error", "after-resnet20-error")]
    return next((row for row in readings if row["value"] is not None), readings[0])


def _error(row: Mapping[str, Any]) -> str:
    if row["value"] is None:
        return "an error still to be measured"
    (value,) = figures(row["value"])
    return f"{value} % errors ({seeds_words(row)})"


def _pair(facts: Facts) -> str:
    pair = facts.row("lrn-cifar10-published-pair")
    alone = {"13 %": facts.row("lrn-cifar10-controlled"), "11 %": facts.row("lrn-cifar10-controlled-520-epochs")}
    made = {net: row for net, row in alone.items() if row["low"] is not None}
    errors = [_error(facts.row(f"cifar10-{net}-error")) for net in ("13pct", "11pct")]
    if pair["value"] is None:
        nets = f"The 13 % net makes {errors[0]}. The 11 % net, which differs in more, is still to be trained."
    else:
        nets = (
            f"The 13 % net makes {errors[0]}, the 11 % net {errors[1]}: {effect_words(pair)}. Verdict on the pair: "
            f"{pair['verdict']}."
        )
    effects = [
        f"With the 11 % net's normalization alone the {net} net's error is {effect_words(row)}"
        f"{_by_views(facts) if net == '13 %' else ''}. Verdict: {row['verdict']}."
        for net, row in made.items()
    ]
    length = facts.numbers.get(_LENGTH)
    if length and length["low"] is not None:
        effects.append(f"With 520 epochs in place of 160 the 11 % net's error is {effect_words(length)}.")
    return " ".join([_opening(made), nets, *effects])


def _by_views(facts: Facts) -> str:
    """Return in words the same step of the 13 % net by the center view, since its sign depends on the views."""
    row = facts.numbers.get(_CENTER_VIEW)
    return f" by ten views and {effect_words(row)} by the center view" if row else ""


def _opening(alone: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the answer in a few words, by the verdicts on normalization alone in each net."""
    refuted = [net for net, row in alone.items() if row["verdict"].startswith((NOT_REPRODUCED, NO_EFFECT))]
    if refuted:
        return f"Not by itself, on the {' and the '.join(refuted)} net."
    return "In part." if any(row["verdict"].startswith(DIRECTION) for row in alone.values()) else "Not settled."


def _with(ingredient: str, number_id: str, claim_id: str | None = None) -> Callable[[Facts], str]:
    """Return a function of the facts that gives the answer on an ingredient.

    Args:
        ingredient: its name in the answer.
        number_id: the number that gives the effect on the test error.
        claim_id: the paper's claim, where the paper measures something other than the test error.
    """

    def words(facts: Facts) -> str:
        row = facts.row(number_id)
        verdict = facts.row(claim_id or number_id)["verdict"]
        on_the_gap = "Asked when the runs were known. Verdict on the paper's claim, less overfitting"
        judged = f"{on_the_gap if claim_id else 'Verdict'}: {verdict}"
        is_corrected_away = "once corrected for the study's other claims" in facts.row(claim_id or number_id)["why"]
        why = ", not significant once corrected for the other claims" if is_corrected_away else ""
        return f"With {ingredient} the reduced net's test error is {effect_words(row)}. {judged}{why}."

    return words


def _relu(facts: Facts) -> str:
    narrow, wide = facts.row("relu-six-times-faster"), facts.row("relu-several-times-faster-13pct-body")
    clean = facts.row("relu_vs_tanh.tanh-over-relu-clean.ratio")
    (printed,) = facts.printed("relu-six-times-faster", 1)
    short = "Faster, but not six times. " if narrow["verdict"] == DIRECTION_ONLY else ""
    return (
        f"{short}To 25 % training error tanh takes {_interval(narrow)} as many epochs on the 80-second net's body and "
        f"{_interval(wide)} on the 13 % net's. By the error in test mode the first is {_interval(clean)}. The paper "
        f"prints {printed:g}, and names neither net nor kind of error. Verdict: {narrow['verdict']}."
    )


def gpu_words(days: pd.DataFrame) -> str:
    """Return in words the training time on GPUs in 2012, and the estimate for the slowest CPU timed here."""
    here = days[days["evidence"].eq("extrapolated") & days["precision"].eq("fp32") & days["kind"].eq("cpu")]
    said = "No CPU has been timed here."
    if len(here):
        slowest = here.sort_values("days_mid").iloc[-1]
        said = (
            f"Two cores of {slowest['system'].split(',')[0]} would take {slowest['days_mid']:.0f} days in fp32 "
            f"({slowest['days_low']:.0f} to {slowest['days_high']:.0f}; {extrapolated_words(slowest['timed_steps'])})."
        )
    return f"Two GTX 580 took five to six days (paper). {said} No CPU time of 2012 was found in print."


def printed_ratio_words(days: pd.DataFrame) -> str:
    """Return in words how many times as fast as a CPU the GPUs were, by the source that printed the times of both."""
    for source, group in days[days["evidence"].eq("published")].groupby("source", sort=False):
        speeds = {kind: rows["images_per_second_mid"] for kind, rows in group.groupby("kind")}
        if speeds.keys() >= {"cpu", "gpu"}:
            low, high = (end / speeds["cpu"].iloc[0] for end in (speeds["gpu"].min(), speeds["gpu"].max()))
            named, year = source.partition(",")[0], group["year"].iloc[0]
            return (
                f"{low:.1f} to {high:.1f} times where one source printed both ({named}, {year:.0f}; no CPU is named)."
            )
    return "No source printed both."


ANSWERS = (
    Answer("Did the error fall from 25 to 16 %?", _drop, LITERATURE, "account-error-25-to-16"),
    Answer("What came before AlexNet?", _before, LITERATURE, "ilsvrc2010-fisher-vectors-top5"),
    Answer("What came after, up to NASNet?", _after, LITERATURE, "account-nasnet-exceeded-all"),
    Answer("How large are the steps on CIFAR-10?", _on_cifar10, OWN, _STEP_ON_CIFAR10),
    Answer("Does normalization take 13 to 11 %?", _pair, OWN, "lrn-cifar10-published-pair"),
    Answer("Are ReLUs six times as fast?", _relu, OWN, "relu-six-times-faster"),
    Answer("Does normalization help?", _with("response normalization", "small-lrn-top1"), REDUCED, "small-lrn-top1"),
    Answer(
        "Does overlapping pooling help?",
        _with("overlapping pooling", "small-overlapping-pooling-top1"),
        REDUCED,
        "small-overlapping-pooling-top1",
    ),
    Answer(
        "Does dropout help?",
        _with("dropout", "alexnet_small.gain-of-dropout.difference", "small-dropout-prevents-overfitting"),
        REDUCED,
        "alexnet_small.gain-of-dropout.difference",
    ),
    Answer(
        "How much faster was a GPU than a CPU?",
        lambda facts: f"{printed_ratio_words(facts.training_days)} {gpu_words(facts.training_days)}",
        TIMED,
        "account-months-on-cpu",
    ),
)


def answers_table(facts: Facts) -> str:
    """Return the answers as a table: question, answer, evidence, id to cite."""
    rows = [
        {"question": each.question, "answer": each.words(facts), "evidence": each.evidence, "cite": f"`{each.cite}`"}
        for each in ANSWERS
        if facts.row(each.cite)
    ]
    return frame_as_markdown(pd.DataFrame(rows))
