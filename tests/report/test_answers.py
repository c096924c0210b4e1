"""The front page: every answer from a number or a claim's target, and a page that stays short."""

import re

import pytest

from reproduce.base.errors import ReproduceError
from reproduce.base.paths import REPO_ROOT
from reproduce.report import answers
from reproduce.report.facts import Facts


def test_there_are_ten_answers_and_each_has_an_id_to_cite(facts):
    lines = answers.answers_table(facts).splitlines()[2:]
    assert len(lines) == 10
    assert [line.rsplit("`", 2)[1] for line in lines] == [answer.cite for answer in answers.ANSWERS]
    assert "from 26.2 to 16.4 %" in lines[0]
    assert "AlexNet 40.7 % (2012), NASNet-A 17.3 % (2017)" in lines[2]
    higher = {"value": -1.0, "low": -2.0, "high": -0.5, "n_seeds": 5, "verdict": "not reproduced"}
    higher["why"] = "95 % interval -2.00 to -0.50 points lies below 0"
    changed = facts.numbers | {"small-lrn-top1": higher}
    again = answers.answers_table(Facts(changed, facts.claims, facts.training_days))
    assert "error is 1.00 points higher (0.50 to 2.00). Verdict: not reproduced." in again
    higher |= {"verdict": "inconclusive", "why": "p is 0.08 once corrected for the study's other claims"}
    again = answers.answers_table(Facts(changed, facts.claims, facts.training_days))
    assert "Verdict: inconclusive, not significant once corrected for the other claims." in again
    higher["why"] = "95 % interval -2.00 to -0.50 points lies below 0; 5 of 8 planned seeds"
    again = answers.answers_table(Facts(changed, facts.claims, facts.training_days))
    assert "(0.50 to 2.00). Verdict: inconclusive. |" in again


ALONE = {"value": -0.1, "low": -0.3, "high": 0.1, "n_seeds": 5, "unit": "percentage_points"}
NO_RUNS = {"value": None, "low": None, "high": None, "n_seeds": 0, "verdict": "not run"}


def pair_answer(facts, **rows):
    names = {"pair": "lrn-cifar10-published-pair", "alone": "lrn-cifar10-controlled", "net": "cifar10-11pct-error"}
    names |= {"longer": "lrn-cifar10-controlled-520-epochs", "length": answers._LENGTH}
    rows = {"length": NO_RUNS} | rows
    changed = {names[name]: facts.numbers[names[name]] | row for name, row in rows.items()}
    return answers._pair(Facts(facts.numbers | changed, facts.claims, facts.training_days))


def test_a_pair_with_one_seed_in_an_arm_has_an_answer_without_an_interval(facts):
    one = {"value": 1.5, "low": None, "high": None, "n_seeds": 1, "verdict": "inconclusive"}
    net = {"value": 11.25, "n_seeds": 1}
    line = pair_answer(facts, pair=one, net=net, alone=ALONE | {"verdict": "inconclusive"}, longer=NO_RUNS)
    assert line.startswith("Not settled. The 13 % net makes ")
    words = "the 11 % net 11.25 % errors (1 seed): 1.50 points lower (too few seeds for an interval)."
    assert f"{words} Verdict on the pair: inconclusive. With the 11 % net's normalization alone the 13 % net's" in line


@pytest.mark.parametrize(
    ("verdict", "opening"),
    [
        ("inconclusive", "Not settled. The 13 % net makes "),
        ("not reproduced", "Not by itself, on the 13 % net. The 13 % net makes "),
        ("no effect within 0.5 points", "Not by itself, on the 13 % net. The 13 % net makes "),
        ("direction reproduced, size not", "In part. The 13 % net makes "),
    ],
)
def test_normalization_alone_has_an_answer_before_the_11_percent_net_has(facts, verdict, opening):
    line = pair_answer(facts, pair=NO_RUNS, alone=ALONE | {"verdict": verdict}, longer=NO_RUNS)
    assert line.startswith(opening) and "is still to be trained. With the 11 % net's normalization alone" in line
    by_views = "by ten views and 0.33 points lower (0.01 higher to 0.67 lower) by the center view"
    step = f"the 13 % net's error is 0.10 points higher (0.30 higher to 0.10 lower) {by_views}."
    assert line.endswith(f"{step} Verdict: {verdict}.")


def test_normalization_alone_is_told_of_both_nets(facts):
    longer = ALONE | {"value": 0.6, "low": 0.1, "high": 1.1, "verdict": "not reproduced"}
    pair = ALONE | {"value": 1.4, "low": 1.1, "high": 1.7, "verdict": "reproduced"}
    net = {"value": 11.0, "n_seeds": 3}
    line = pair_answer(facts, pair=pair, net=net, alone=ALONE | {"verdict": "not reproduced"}, longer=longer)
    assert line.startswith("Not by itself, on the 13 % and the 11 % net. The 13 % net makes ")
    assert "1.40 points lower (1.10 to 1.70). Verdict on the pair: reproduced." in line
    assert line.endswith("alone the 11 % net's error is 0.60 points lower (0.10 to 1.10). Verdict: not reproduced.")
    waiting = longer | {"low": None, "high": None, "method": None}
    line = pair_answer(facts, alone=ALONE | {"verdict": "not reproduced"}, longer=waiting, length=longer)
    assert line.endswith("With 520 epochs in place of 160 the 11 % net's error is 0.60 points lower (0.10 to 1.10).")
    assert "alone the 11 % net's" not in line


def test_the_steps_on_cifar10_are_told_by_what_is_run(facts):
    rows = {
        "kmeans-1600-error": {"value": 22.5266, "n_seeds": 3},
        "cifar10-18pct-error": {"value": 18.685, "n_seeds": 8},
        "before_2012.kmeans-1600-minus-18pct.difference": {"value": 3.8417, "low": 3.11, "high": 4.57, "n_seeds": 3},
        "after-resnet20-error": {"value": None, "n_seeds": 0},
        "after-resnet20-all-images-error": {"value": None, "n_seeds": 0},
    }

    def words():
        numbers = {name: facts.numbers.get(name, {}) | row for name, row in rows.items()}
        return answers._on_cifar10(Facts(numbers, facts.claims, facts.training_days))

    assert words() == (
        "Without augmentation, k-means on patches (2011) makes 22.53 % errors (3 seeds). The 18 % net of AlexNet's "
        "authors (files of 2011) makes 18.69 % errors (8 seeds), 3.84 points lower (3.11 to 4.57). The comparison was "
        "added when errors of both were known. The lowest error of other authors in print before 2012 is 18.0 %. The "
        "step to later nets is still to be run."
    )
    rows["after-resnet20-error"] = {"value": 8.7, "n_seeds": 1}
    assert words().endswith(
        "With crops and flips, which is another protocol, ResNet-20, of 2015, makes 8.70 % errors (1 seed)."
    )
    rows[answers._AUGMENTED_NET] = {"value": 16.2, "n_seeds": 3}
    assert words().endswith(
        "the 18 % net makes 16.20 % errors (3 seeds); ResNet-20, of 2015, makes 8.70 % errors (1 seed)."
    )
    rows[answers._NASNET] = {"value": 7.5, "n_seeds": 3}
    points = {"low": 1.0, "high": 3.0, "n_seeds": 3, "method": "Welch"}
    recipe, net = answers._RECIPE_AND_NET
    rows |= {recipe: points | {"value": 2.0}, net: points | {"value": None}}
    rows[answers._FROM_FISHER_VECTORS] = points | {"value": 2.5}
    assert words().endswith(
        "ResNet-20, of 2015, makes 8.70 % errors (1 seed); NASNet-A (2 @ 768, 20 epochs), of 2017, makes 7.50 % errors "
        "(3 seeds). With batch normalization and today's recipe the 18 % net's error is 2.00 points lower (1.00 to "
        "3.00)."
    )
    assert "Than that of Fisher vectors its error is 2.50 points lower (1.00 to 3.00). The lowest" in words()
    rows[net] = points | {"value": 2.2}
    assert words().endswith("by the same recipe of today, it is 2.20 points lower (1.00 to 3.00).")


def test_an_answer_without_its_number_is_an_error(facts):
    lacking = {name: row for name, row in facts.numbers.items() if name != "small-lrn-top1"}
    with pytest.raises(
        ReproduceError, match=r"^the front page cites 'small-lrn-top1', which results/numbers.json lacks"
    ):
        answers.answers_table(Facts(lacking, facts.claims, facts.training_days))


def test_the_front_page_is_short_and_says_first_what_was_not_done():
    text = (REPO_ROOT / "README.md").read_text()
    lines = text.splitlines()
    assert len(lines) <= 150 and len(text.encode()) <= 15_000
    assert "No network was trained on ImageNet here" in "\n".join(lines[:6])
    by_hand = re.sub(r"<!-- begin:(.*?) -->.*?<!-- end:\1 -->", "", text, flags=re.DOTALL)
    assert [line for line in by_hand.splitlines() if len(line) > 400] == []
