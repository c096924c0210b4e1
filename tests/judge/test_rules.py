"""The decision table, branch by branch, on intervals chosen by hand."""

import math
from dataclasses import replace

import pytest
from collect_support import claim, difference_claim

from reproduce.judge import rules
from reproduce.judge.rules import Region, Terms, accepted_region, decide, in_logs, seeds_to_settle
from reproduce.runs.statistics import Estimate, mean_interval, ratio


def interval(low: float, high: float, std: float | None = 1.0) -> Estimate:
    """Return an estimate whose p is as its interval: below 0.05 where it excludes zero."""
    return Estimate((low + high) / 2, low, high, 12, "by hand", std, p_value=0.5 if low <= 0 <= high else 0.02)


SINGLE = Terms(compares=False, accepted=Region(25.0, 27.0))
GAIN = Terms(compares=True, accepted=Region(1.5, 2.5))
WIDE = Terms(compares=True, accepted=Region(-0.5, 1.3))  # a published 0.4 +- 0.9


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (25.5, 26.5, "reproduced"),
        (25.0, 27.0, "reproduced"),
        (26.5, 27.5, "inconclusive"),
        (20.0, 30.0, "inconclusive"),
        (27.0, 28.0, "inconclusive"),
        (27.1, 28.0, "not reproduced"),
        (22.0, 24.9, "not reproduced"),
    ],
)
def test_a_single_value(low, high, verdict):
    assert decide(interval(low, high), 12, SINGLE) == verdict


@pytest.mark.parametrize(
    ("terms", "low", "high", "verdict"),
    [
        (GAIN, 1.6, 2.4, "reproduced"),
        (GAIN, 1.0, 2.0, "direction reproduced"),
        (GAIN, 0.1, 0.9, "direction reproduced, size not"),
        (GAIN, 0.1, 1.5, "direction reproduced"),
        (GAIN, 3.0, 4.0, "direction reproduced, size not"),
        (GAIN, -0.5, 1.6, "inconclusive"),
        (GAIN, -0.5, 1.4, "not reproduced"),
        (GAIN, -2.0, -1.0, "not reproduced"),
        (WIDE, 0.1, 1.0, "reproduced"),
        (WIDE, -0.1, 1.0, "inconclusive"),  # inside, but zero is not excluded
        (WIDE, -0.4, -0.1, "inconclusive"),  # inside, but zero is excluded on the other side
    ],
)
def test_a_difference(terms, low, high, verdict):
    assert decide(interval(low, high), 12, terms) == verdict


@pytest.mark.parametrize(
    ("low", "high", "within", "negligible"),
    [
        (-0.3, 0.5, 0.5, True),
        (0.1, 0.4, 0.5, True),  # an effect, but a small one
        (-0.3, 0.51, 0.5, False),
        (-0.6, 0.2, 0.5, False),
        (1.0, 2.0, 0.5, False),
        (-0.1, 0.1, None, None),
    ],
)
def test_an_effect_is_negligible_where_its_whole_interval_lies_within_the_bound(low, high, within, negligible):
    assert rules.is_negligible(interval(low, high), within) is negligible


def test_one_run_alone_never_shows_an_effect_to_be_negligible():
    assert rules.is_negligible(Estimate(0.0, None, None, 1, "one seed", None), 0.5) is None


def test_one_seed_is_inconclusive_whatever_its_interval():
    assert decide(interval(25.9, 26.1), 1, SINGLE) == "inconclusive"
    assert decide(Estimate(2.0, None, None, 1, "one seed", None), 1, GAIN) == "inconclusive"


@pytest.mark.parametrize(
    ("scale", "schedule", "earned"),
    [
        # verdicts for: a value inside, a value far off, a gain inside, a gain of the wrong sign
        ("own", "full", ["reproduced", "not reproduced", "reproduced", "not reproduced"]),
        ("reduced", "full", ["inconclusive", "inconclusive", "direction reproduced", "not reproduced"]),
        ("synthetic", "full", ["inconclusive", "inconclusive", "direction reproduced", "not reproduced"]),
        ("own", "shortened", ["inconclusive", "inconclusive", "direction reproduced", "inconclusive"]),
    ],
)
def test_what_scale_and_schedule_let_be_earned(scale, schedule, earned):
    single = Terms(False, SINGLE.accepted, scale, schedule)
    gain = Terms(True, GAIN.accepted, scale, schedule)
    cases = [(single, 25.5, 26.5), (single, 30.0, 31.0), (gain, 1.6, 2.4), (gain, -2.0, -1.0)]
    assert [decide(interval(low, high), 12, terms) for terms, low, high in cases] == earned


def test_without_a_published_value_only_the_direction_is_judged():
    direction = Terms(True, None)
    assert decide(interval(0.1, 0.2), 3, direction) == "direction reproduced"
    assert decide(interval(-0.1, 0.2), 3, direction) == "inconclusive"
    assert decide(interval(-0.2, -0.1), 3, direction) == "not reproduced"
    assert decide(interval(0.1, 0.2), 3, Terms(False, None)) == "inconclusive"


@pytest.mark.parametrize(
    ("accepted", "p_factor", "low", "high", "verdict"),
    [
        # p is 0.02: three questions of one family make it 0.06
        (None, 2.0, 0.1, 0.9, "direction reproduced"),
        (None, 3.0, 0.1, 0.9, "inconclusive"),
        (None, 3.0, -0.9, -0.1, "inconclusive"),
        (Region(1.5, 2.5), 3.0, 1.6, 2.4, "inconclusive"),
        (Region(1.5, 2.5), 3.0, 1.0, 2.0, "inconclusive"),
        (Region(1.5, 2.5), 3.0, 0.1, 0.9, "not reproduced"),
    ],
)
def test_an_effect_is_shown_by_its_corrected_p(accepted, p_factor, low, high, verdict):
    assert decide(interval(low, high), 5, Terms(True, accepted, p_factor=p_factor)) == verdict


@pytest.mark.parametrize(
    ("accepted", "low", "high", "verdict"),
    [
        (None, -0.3, 0.4, "no effect"),
        (None, -0.3, 0.6, "inconclusive"),
        (None, 0.1, 0.4, "direction reproduced"),  # an effect, but a small one
        (Region(0.2, 0.6), -0.3, 0.4, "no effect"),
        (Region(1.5, 2.5), -0.3, 0.4, "not reproduced"),  # which says more
    ],
)
def test_no_effect_is_an_interval_within_the_smallest_effect_of_interest(accepted, low, high, verdict):
    terms = Terms(True, accepted, negligible_within=0.5)
    assert decide(interval(low, high), 5, terms) == verdict
    assert decide(interval(low, high), 1, terms) == "inconclusive"


def test_seeds_that_would_show_no_effect_settle_it():
    """0.1 with std 0.3, by two arms: 0.5 is 0.4 away, t(8) 2.3060 x 0.3 / sqrt(5) = 0.309, t(4) 2.7764 gives 0.481."""
    estimate = Estimate(0.1, -0.6, 0.8, 2, "by hand", 0.3, p_value=0.6, degrees_per_seed=2.0)
    assert seeds_to_settle(estimate, Terms(True, None, negligible_within=0.5)) == 4  # t(6) 2.4469 gives 0.367


def test_a_direction_takes_more_seeds_in_a_larger_family():
    """p of t = sqrt(n) with 2 (n - 1) degrees: 0.056 for n = 5, 0.034 for 6; 0.0034 for 11, 0.0022 for 12."""
    estimate = Estimate(0.5, -0.2, 1.2, 3, "by hand", 0.5, p_value=0.1, degrees_per_seed=2.0)
    alone, in_family = (seeds_to_settle(estimate, Terms(True, None, p_factor=factor)) for factor in (1.0, 20.0))
    assert (alone, in_family) == (6, 12)


def test_the_region_of_a_value_and_its_open_side():
    assert accepted_region(claim()) == Region(25.0, 27.0)
    assert accepted_region(claim(better_is_no_failure=True)) == Region(-math.inf, 27.0)
    assert accepted_region(claim(relation="at_least")) == Region(25.0, math.inf)
    faster = claim(estimand="images_per_second", better_is_no_failure=True)
    assert accepted_region(faster) == Region(25.0, math.inf)
    assert accepted_region(claim(margin=None, margin_why=None)) is None
    assert accepted_region(claim(targets=[], margin=None, margin_why=None)) is None


def test_the_region_of_a_difference_is_open_above_where_more_is_no_failure():
    assert accepted_region(difference_claim()) == Region(1.5, 2.5)
    assert accepted_region(difference_claim(better_is_no_failure=True)) == Region(1.5, math.inf)


def test_the_margin_of_a_ratio_is_a_factor():
    six = [{"value": 6.0, "unit": "ratio", "kind": "published", "where": "figure 1"}]
    kind = {"kind": "ratio", "targets": six, "margin": 1.5}
    assert accepted_region(difference_claim(**kind)) == Region(4.0, 9.0)
    # a ratio of exactly 1.5 everywhere: above 1, outside 4 to 9
    logs, region = in_logs(ratio([3.0, 3.0], [2.0, 2.0]), Region(4.0, 9.0))
    assert logs.low == pytest.approx(math.log(1.5))
    assert region == Region(pytest.approx(math.log(4)), pytest.approx(math.log(9)))
    assert decide(logs, 2, Terms(True, region)) == "direction reproduced, size not"
    assert in_logs(ratio([3.0, 3.0], [2.0, 2.0]), Region(0.0, 9.0))[1].low == -math.inf


def test_seeds_to_settle_is_the_first_number_that_decides():
    # mean 26.8, std 0.3: the nearest edge is 0.2 away; 12 seeds reach +- 0.1906 (see test_collect_statistics)
    estimate = Estimate(26.8, 26.0, 27.6, 3, "by hand", 0.3)
    assert decide(estimate, 3, SINGLE) == "inconclusive"
    assert seeds_to_settle(estimate, SINGLE) == 12
    # a gain of 0.2 inside -0.5 to 1.3: excluding zero settles it; two arms reach +- 0.1993 with 10 seeds each
    # (n = 9 gives 2.1199 * 0.3 / 3 = 0.2120, n = 10 gives 2.1009 * 0.3 / sqrt(10) = 0.1993)
    gain = Estimate(0.2, -1.0, 1.4, 3, "by hand", 0.3, degrees_per_seed=2.0)
    assert decide(gain, 3, WIDE) == "inconclusive"
    assert seeds_to_settle(gain, WIDE) == 10
    # the same gain far below 1.5 to 2.5: two seeds reach 4.3027 * 0.3 / sqrt(2) = 0.91, less than the 1.3 to its edge
    assert seeds_to_settle(replace(gain, n=1), GAIN) == 2
    assert seeds_to_settle(gain, GAIN) == 4  # but three are there and have not settled it


def test_what_no_number_of_seeds_settles():
    assert seeds_to_settle(mean_interval([26.0]), SINGLE) is None
    shortened = Terms(False, SINGLE.accepted, schedule="shortened")
    assert seeds_to_settle(Estimate(26.0, 24.0, 28.0, 3, "by hand", 0.3), shortened) is None
    on_the_edge = Estimate(27.0, 26.0, 28.0, 3, "by hand", 0.3)
    assert seeds_to_settle(on_the_edge, SINGLE) is None


@pytest.mark.parametrize(
    ("by_gap", "test", "verdict"),
    [
        ("direction reproduced", (0.5, 1.5), "direction reproduced"),
        ("direction reproduced", (-0.4, 0.8), "inconclusive"),  # the net may only fit worse
        ("direction reproduced", (-0.5, -0.1), "inconclusive"),
        ("reproduced", (-0.5, -0.1), "inconclusive"),
        ("not reproduced", (0.5, 1.5), "inconclusive"),  # a wider gap, but fewer errors: the net fits better
        ("not reproduced", (-0.4, 0.8), "inconclusive"),
        ("not reproduced", (-0.5, -0.1), "not reproduced"),
        ("inconclusive", (0.5, 1.5), "inconclusive"),
    ],
)
def test_a_gap_shows_overfitting_only_with_the_test_error_on_its_side(by_gap, test, verdict):
    assert rules.judge_beside(by_gap, interval(*test)) == verdict


def test_a_limited_scale_refutes_by_a_significant_effect_of_the_other_sign_alone():
    """An effect around zero, far below the published size, says nothing of that size."""
    reduced = Terms(True, GAIN.accepted, "reduced")
    assert decide(interval(-0.3, 0.3), 12, reduced) == "inconclusive"
    assert decide(interval(-0.9, -0.3), 12, reduced) == "not reproduced"


def test_an_estimand_chosen_afterward_shows_a_direction_at_most_and_refutes_nothing():
    earned = ["reproduced", "direction reproduced", "no effect", "inconclusive", "not reproduced"]
    allowed = ["direction reproduced", "direction reproduced", "inconclusive", "inconclusive", "inconclusive"]
    assert [rules.limit_chosen_afterward(verdict) for verdict in earned] == allowed


def test_the_verdicts_are_all_named():
    assert len(set(rules.VERDICTS)) == 11
