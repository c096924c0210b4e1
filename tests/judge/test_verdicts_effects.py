"""Verdicts on effects, of two arms or of two tests of one: differences, ratios, gains, and what is negligible."""

import pandas as pd
import pytest
from collect_support import claim, difference_claim, make_arms, verdict_of
from scipy import stats

from reproduce.judge.verdicts import judge


def test_a_difference_of_arms(make_runs):
    verdict = verdict_of(difference_claim(), make_runs({"with": [11.0, 11.2, 11.1], "without": [13.1, 13.0, 13.2]}))
    # means 13.1 and 11.1, s2 = 0.01 each: half-width t(4) 2.7764 * sqrt(0.02 / 3) = 0.2267
    assert verdict.verdict == "reproduced"
    assert (verdict.estimate, verdict.half_width) == pytest.approx((2.0, 0.22669), abs=1e-4)
    assert verdict.unit == "percentage_points"
    # by seed: without [0, -1, 1], with [-1, 1, 0]: correlation -1/2
    assert verdict.method == "Welch, n = 3 and 3, correlation -0.50 over 3 shared seeds"
    assert verdict.why.startswith("95 % interval 1.77 to 2.23 points lies above 0 and lies inside 1.50 to 2.50")
    assert len(verdict.runs) == 6


def test_a_difference_in_direction_only(make_runs):
    verdict = verdict_of(difference_claim(), make_runs({"with": [11.0, 11.2, 11.1], "without": [12.1, 12.0, 12.2]}))
    assert verdict.verdict == "direction reproduced, size not"
    assert "lies above 0 and lies outside 1.50 to 2.50" in verdict.why


def test_a_difference_of_the_wrong_sign(make_runs):
    verdict = verdict_of(difference_claim(), make_runs({"without": [11.0, 11.2, 11.1], "with": [12.1, 12.0, 12.2]}))
    assert verdict.verdict == "not reproduced"
    assert "lies below 0" in verdict.why


def test_arms_are_compared_at_one_length(make_runs):
    """One arm's longer runs are no effect of what it has more; both are taken at the length that both have."""
    short = make_runs({"with": [17.0, 17.2, 17.1], "without": [17.3, 17.1, 17.2]}, epochs=40)
    longer = make_runs({"with": [13.0, 13.2, 13.1]}, epochs=160)
    listed = make_runs({"without": [None, None]}, epochs=160)  # still to come
    for runs in ([short, longer], [short, longer, listed]):
        found = verdict_of(difference_claim(), pd.concat(runs))
        assert (found.epochs, found.estimate) == ("40", pytest.approx(0.1))
    both = pd.concat([short, longer, make_runs({"without": [13.4, 13.5, None]}, epochs=160)])
    found = verdict_of(difference_claim(), both)
    assert (found.epochs, found.n_by_arm, found.estimate) == ("160", [2, 3], pytest.approx(0.35))


def test_arms_whose_lengths_differ_by_design_are_compared_as_they_are(make_runs):
    arms = [make_runs({"with": [11.0, 11.2]}, epochs=520), make_runs({"without": [13.1, 13.0]}, epochs=160)]
    found = verdict_of(difference_claim(), pd.concat(arms))
    assert (found.epochs, found.estimate) == ("160 and 520", pytest.approx(1.95))


def test_a_ratio_is_judged_in_logs(make_runs):
    half = [{"value": 2.0, "unit": "ratio", "kind": "published", "where": "text"}]
    ratio = difference_claim(kind="ratio", targets=half, margin=1.2)
    verdict = verdict_of(ratio, make_runs({"without": [20.0, 20.2, 19.8], "with": [10.0, 10.1, 9.9]}))
    assert verdict.verdict == "reproduced"
    assert verdict.estimate == pytest.approx(2.0)
    assert verdict.low * verdict.high == pytest.approx(verdict.estimate**2)
    assert "lies above 1 and lies inside 1.67 to 2.40" in verdict.why


def test_an_effect_without_a_published_value_is_judged_by_direction(make_runs):
    frame = make_runs({"with": [11.0, 11.2, 11.1], "without": [13.1, 13.0, 13.2]})
    verdict = verdict_of(difference_claim(None, None), frame)
    assert (verdict.verdict, verdict.unit, verdict.target_value) == ("direction reproduced", "percentage_points", None)


def test_an_effect_within_the_smallest_of_interest_is_none(make_runs):
    """Welch: 0.1 +- 0.25 points, by hand: deviations 0.1 each, sqrt(2 x 0.01 / 3) = 0.08165, t(4) = 2.7764."""
    small = difference_claim(None, None, negligible_within=0.5, seeds_planned=3)
    verdict = verdict_of(small, make_runs({"with": [11.0, 11.2, 11.1], "without": [11.2, 11.1, 11.3]}))
    assert (verdict.verdict, verdict.negligible, verdict.negligible_within) == ("no effect", True, 0.5)
    assert verdict.high == pytest.approx(0.1 + 2.7764 * 0.08165, abs=1e-3)
    assert verdict.why == (
        "95 % interval -0.13 to 0.33 points lies on both sides of 0; it lies within 0.5 points of 0, by its own "
        "interval, which is not corrected for other claims"
    )


def test_a_wide_interval_does_not_show_an_effect_to_be_small(make_runs):
    small = difference_claim(None, None, negligible_within=0.5, seeds_planned=3)
    verdict = verdict_of(small, make_runs({"with": [11.0, 12.2, 11.1], "without": [11.2, 11.1, 11.3]}))
    assert (verdict.negligible, "ruled out" in verdict.why) == (False, False)


@pytest.mark.parametrize(
    ("changes", "errors"),
    [
        ({"negligible_within": 0.5, "seeds_planned": 4}, [11.0, 11.2, 11.1]),  # seeds are still to come
        ({"negligible_within": 0.5, "seeds_planned": 3}, [11.0, None, 11.1, 11.1]),  # one was left out
        ({}, [11.0, 11.2, 11.1]),  # no bound was fixed
    ],
)
def test_nothing_is_said_to_be_negligible_before_the_planned_seeds_or_where_a_run_failed(make_runs, changes, errors):
    frame = make_runs({"with": errors, "without": [11.2, 11.1, 11.3]})
    assert verdict_of(difference_claim(None, None, **changes), frame).negligible is None


def test_a_gap_between_test_and_training_error(make_runs):
    gap = claim(estimand="generalization_gap_percent", targets=[], margin=None, margin_why=None)
    verdict = verdict_of(gap, make_runs({"80sec": [26.0, 28.0]}))  # the training error is 20 throughout
    assert verdict.estimate == pytest.approx(7.0)
    assert verdict.why.startswith("no published value")


GAP = {"estimand": "center_generalization_gap_percent", "beside": "test_top1_error_percent"}


def make_fitted(tmp_path, arms):
    """Write and read runs of arms {variant: (test errors, training error)}."""
    frames = [
        make_arms(tmp_path, {variant: errors}, {"training_top1_error_percent": training})
        for variant, (errors, training) in arms.items()
    ]
    return pd.concat(frames)


def test_a_gap_narrower_by_a_worse_fit_alone_is_inconclusive(tmp_path):
    """With: test 15.1, training 9; without: 15, 5. The gap is 10 - 6.1 = 3.9 narrower, Welch +- 0.2267 (as above)."""
    runs = make_fitted(tmp_path, {"with": ([15.1, 15.2, 15.0], 9.0), "without": ([15.0, 14.9, 15.1], 5.0)})
    alone = verdict_of(difference_claim(None, None, estimand=GAP["estimand"]), runs)
    beside = verdict_of(difference_claim(None, None, **GAP), runs)
    assert (alone.verdict, beside.verdict) == ("direction reproduced", "inconclusive")
    assert (beside.estimate, beside.low, beside.high) == (alone.estimate, alone.low, alone.high)
    assert beside.estimate == pytest.approx(3.9)
    assert "the test error is not shown to differ (0.33 points higher to 0.13 lower)" in beside.why
    assert (
        "the training error higher by 4.00 to 4.00 points; the gap alone does not show it: a net that fits"
        in beside.why
    )
    assert "seeds" not in beside.why
    waiting = verdict_of(difference_claim(None, None, seeds_planned=5, **GAP), runs)
    assert waiting.why == "interval and verdict wait for the planned seeds: 3 of 5 are made"


def test_a_gap_narrower_with_a_lower_test_error_shows_less_overfitting(tmp_path):
    """With: test 14, training 9; without: 15, 5."""
    runs = make_fitted(tmp_path, {"with": ([14.0, 14.1, 13.9], 9.0), "without": ([15.0, 14.9, 15.1], 5.0)})
    verdict = verdict_of(difference_claim(None, None, **GAP), runs)
    assert verdict.verdict == "direction reproduced"
    assert verdict.why.endswith(
        "the test error is lower by 0.77 to 1.23 points and the training error higher by 4.00 to 4.00 points"
    )


def test_one_seed_of_a_gap_compares_nothing_beside_it(tmp_path):
    runs = make_fitted(tmp_path, {"with": ([14.0], 9.0), "without": ([15.0], 5.0)})
    verdict = verdict_of(difference_claim(None, None, **GAP), runs)
    assert verdict.verdict == "inconclusive" and "beside" not in verdict.why


def test_an_estimand_chosen_afterward_refutes_nothing(make_runs):
    frame = make_runs({"without": [11.0, 11.2, 11.1], "with": [12.1, 12.0, 12.2]})
    late = {"margin_why": "chosen when the runs were known", "chosen_afterward": True}
    planned, chosen = (verdict_of(difference_claim(None, None, **changes), frame) for changes in ({}, late))
    assert (planned.verdict, chosen.verdict) == ("not reproduced", "inconclusive")
    assert "was chosen when its runs were known" in chosen.why and chosen.high == planned.high < 0


def test_a_value_that_answers_no_claim_is_shown_without_a_verdict(make_runs):
    frame = make_runs({"with": [11.0, 11.2, 11.1], "without": [13.1, 13.0, 13.2]})
    verdict = verdict_of(difference_claim(not_judged="its control lies above zero too"), frame)
    assert (verdict.verdict, verdict.why) == ("not judged", "its control lies above zero too")
    assert verdict.estimate == pytest.approx(2.0) and verdict.seeds_to_settle is None and len(verdict.runs) == 6


def test_a_gain_within_each_net_is_paired_and_has_a_direction(make_runs):
    """Ten views gain 3, 2.6 and 3.2 points: deviation 0.3055, t(2) = 4.3027."""
    gain = {"kind": "gain", "estimand": "ten_view_gain_percent", "targets": [], "margin": None, "margin_why": None}
    both = {"test_center_top1_error_percent": 29.0, "views": 10}
    found = verdict_of(claim(**gain), make_runs({"80sec": [26.0, 26.4, 25.8]}, both))
    half = 4.3027 * 0.30551 / 3**0.5
    assert (found.estimate, found.half_width) == pytest.approx((2.9333, half), abs=1e-3)
    assert (found.verdict, found.unit, found.method) == ("direction reproduced", "percentage_points", "paired, n = 3")
    assert found.p_value == pytest.approx(0.003579, rel=1e-2)


def test_nets_tested_by_one_view_have_no_gain_of_ten(make_runs):
    gain = {"kind": "gain", "estimand": "ten_view_gain_percent", "targets": [], "margin": None, "margin_why": None}
    found = verdict_of(claim(**gain), make_runs({"80sec": [26.0, 26.4]}, {"views": 1}))
    assert found.verdict == "inconclusive" and "no value" in found.why


def test_holms_family_is_all_judged_claims_of_the_study(make_runs):
    """p of the three: 0.008, none yet, 0.008 again; the least is multiplied by 3, which leaves it below 0.05."""
    frame = make_runs({"with": [11.0, 11.2, 11.1], "without": [11.5, 11.4, 11.6]})  # 0.4 +- 0.227
    effect = difference_claim(None, None)
    later = difference_claim(None, None, id="later", arms=["without", "missing"])
    again = difference_claim(None, None, id="again")
    value = claim(arms=["with"])
    found = judge([effect, later, again, value], frame)
    p = 2 * stats.t.sf(0.4 / (0.02 / 3) ** 0.5, 4)
    assert [each.p_value_holm for each in found] == [pytest.approx(3 * p), None, pytest.approx(3 * p), None]
    assert [each.verdict for each in found][:3] == ["direction reproduced", "not run", "direction reproduced"]
    crowd = [difference_claim(None, None, id=f"more-{number}", arms=["without", "missing"]) for number in range(6)]
    crowded = judge([effect, *crowd], frame)[0]
    assert (crowded.verdict, crowded.p_value_holm) == ("inconclusive", pytest.approx(7 * p))
    assert "lies above 0 and p is 0.0563 once corrected for the study's other claims" in crowded.why
    elsewhere = [each.model_copy(update={"study": "others"}) for each in crowd]
    assert judge([effect, *elsewhere], frame)[0].p_value_holm == pytest.approx(p)


def test_an_earlier_look_widens_the_interval_and_raises_p(make_runs):
    frame = make_runs({"with": [11.0, 11.2, 11.1], "without": [13.1, 13.0, 13.2]})
    once = verdict_of(difference_claim(), frame)
    twice = verdict_of(difference_claim(looked_at_seeds=[2], seeds_planned=3), frame)
    standard_error = (0.02 / 3) ** 0.5
    assert (once.half_width, twice.half_width) == pytest.approx(
        (stats.t.ppf(0.975, 4) * standard_error, stats.t.ppf(0.9875, 4) * standard_error)
    )
    assert (twice.p_value, twice.p_value_holm) == (once.p_value, pytest.approx(2 * once.p_value))
    assert twice.why.startswith("97.5 % interval 1.71 to 2.29 points")
    assert twice.why.endswith("more seeds were planned after a look at 2; interval and p allow for it")


@pytest.mark.parametrize("further", [[], [None]])
def test_the_planned_seeds_decide_and_what_is_added_is_said_beside(make_runs, further):
    """The three planned seeds leave it open; five would show it. A sixth, listed and not made, changes nothing."""
    errors = {"with": [11.0, 11.4, 11.2, 11.0, 11.0], "without": [11.5, 11.3, 12.2, 12.0, 12.1]}
    frame = make_runs({arm: [*values, *further] for arm, values in errors.items()})
    assert verdict_of(difference_claim(None, None), make_runs(errors, epochs=12)).verdict == "direction reproduced"
    added = verdict_of(difference_claim(None, None, seeds_planned=3), frame)
    assert (added.verdict, added.n_seeds, added.n_by_arm) == ("inconclusive", 3, [3, 3])
    assert added.estimate == pytest.approx(35.0 / 3 - 11.2)
    assert "; seeds beyond the planned ones decide nothing; with 5 and 5 seeds: direction reproduced, 95 %" in added.why


def test_seeds_added_to_one_arm_decide_nothing_either(make_runs):
    frame = make_runs({"with": [11.0, 11.4, 11.2], "without": [11.5, 11.3, 12.2, *[11.9] * 6]})
    assert verdict_of(difference_claim(None, None, seeds_planned=3), frame).n_by_arm == [3, 3]
    unequal = difference_claim(None, None, seeds_planned=3, seeds_planned_by_arm=[8, 3])
    assert verdict_of(unequal, frame).n_by_arm == [8, 3]


def test_seeds_beyond_the_planned_ones_say_nothing_while_a_planned_one_is_missing(make_runs):
    frame = make_runs({"with": [11.0, 11.2, None, 11.1], "without": [13.1, 13.0, None, 13.2]})
    why = verdict_of(difference_claim(None, None, seeds_planned=3), frame).why
    assert why.startswith("interval and verdict wait for the planned seeds: 2 of 3 are made")
    assert "seeds beyond" not in why and "interval 1" not in why


def test_no_verdict_before_the_planned_seeds_of_the_larger_arm(make_runs):
    frame = make_runs({"with": [11.0, 11.2, 11.1], "without": [13.1, 13.0, 13.2]})
    unequal = difference_claim(None, None, seeds_planned=3, seeds_planned_by_arm=[8, 3])
    verdict = verdict_of(unequal, frame)
    assert (verdict.verdict, verdict.n_by_arm, verdict.seeds_to_settle) == ("inconclusive", [3, 3], 8)
    assert verdict.why == "interval and verdict wait for the planned seeds: 3 of 8 are made"
    assert verdict.estimate == pytest.approx(2.0)
    interim = (verdict.low, verdict.high, verdict.method, verdict.p_value, verdict.p_value_holm, verdict.half_width)
    assert interim == (None,) * 6


def test_an_open_verdict_with_a_failed_run_does_not_say_that_seeds_would_not_help(make_runs):
    frame = make_runs({"with": [11.0, None, 12.2, 11.1], "without": [11.2, 11.1, 11.3]})
    verdict = verdict_of(difference_claim(None, None), frame)
    assert verdict.verdict == "inconclusive" and "a run that gave no value cannot be averaged over" in verdict.why


def test_a_claim_refuted_by_its_planned_seeds_stays_so(make_runs):
    frame = make_runs({"80sec": [27.9, 28.0, 28.1, 26.5]})
    verdict = verdict_of(claim(seeds_planned=3), frame)
    assert (verdict.verdict, verdict.n_seeds) == ("not reproduced", 3)
    assert "with 4 seeds: inconclusive" in verdict.why


def test_no_verdict_before_the_planned_seeds_whichever_are_missing(make_runs):
    for errors in ([28.0, 28.1, None, None, None], [28.0, None, 28.1, None, None]):
        verdict = verdict_of(claim(seeds_planned=5), make_runs({"80sec": errors}, epochs=10 + errors.index(None)))
        assert verdict.verdict == "inconclusive", errors


def test_a_claim_short_of_its_seeds_takes_its_place_in_the_family_at_once(make_runs):
    """So that the p of the others does not rise when its last seed is there."""
    frame = make_runs({"with": [11.0, 11.2, 11.1], "without": [11.5, 11.4, 11.6]})
    short = difference_claim(None, None, id="short", seeds_planned=4)
    found = judge([difference_claim(None, None), short], frame)
    p = 2 * stats.t.sf(0.4 / (0.02 / 3) ** 0.5, 4)
    assert [each.p_value_holm for each in found] == [pytest.approx(2 * p), None]


def test_seeds_planned_after_this_look_must_allow_for_it(make_runs):
    """With 0.4 +- 0.56 (3 seeds, sd 0.25): 5 seeds would do without a second look, 6 with one."""
    frame = make_runs({"with": [11.0, 11.25, 10.75], "without": [11.4, 11.65, 11.15]})
    without_plan = verdict_of(difference_claim(None, None), frame).seeds_to_settle
    planned = verdict_of(difference_claim(None, None, seeds_planned=3), frame).seeds_to_settle
    needed = [n for n in range(2, 30) if 2 * stats.t.sf(0.4 / (0.125 / n) ** 0.5, 2 * (n - 1)) < 0.05]
    twice = [n for n in range(2, 30) if 4 * stats.t.sf(0.4 / (0.125 / n) ** 0.5, 2 * (n - 1)) < 0.05]
    assert (without_plan, planned) == (needed[0], twice[0])


def test_precision_and_processors_are_those_of_the_runs(make_runs):
    verdict = verdict_of(difference_claim(), make_runs({"with": [11.0, 11.2], "without": [13.1, 13.0]}))
    assert (verdict.precision, verdict.processors) == ("fp32", ["Some CPU"])
