"""Statistics against values worked by hand from t tables and textbook formulas."""

import math

import numpy as np
import pytest
from scipy import stats

from reproduce.base.errors import ReproduceError
from reproduce.runs import statistics

# Two-sided 95 % points of Student's t, from tables.
T_1, T_2, T_4 = 12.7062, 4.3027, 2.7764


def test_mean_interval_by_hand():
    # mean 26.0667; squared deviations 0.00444 + 0.11111 + 0.07111 = 0.18667; s = sqrt(0.09333) = 0.30551
    estimate = statistics.mean_interval([26.0, 26.4, 25.8])
    half = T_2 * 0.30551 / math.sqrt(3)
    assert estimate.value == pytest.approx(26.0666667)
    assert estimate.std == pytest.approx(0.30551, abs=1e-5)
    assert (estimate.low, estimate.high) == pytest.approx((26.06667 - half, 26.06667 + half), abs=1e-4)
    assert estimate.half_width == pytest.approx(half, abs=1e-4)
    assert (estimate.n, estimate.method) == (3, "t-interval, n = 3")


def test_one_seed_has_no_interval():
    estimate = statistics.mean_interval([26.0])
    assert (estimate.value, estimate.low, estimate.high, estimate.std) == (26.0, None, None, None)
    assert estimate.half_width is None
    assert statistics.welch_difference([3.0], [1.0, 1.5]).low is None
    assert statistics.paired_difference([3.0], [1.0]).low is None


def test_a_further_run_is_expected_in_a_wider_interval_than_the_mean():
    # as above: mean 26.0667, s = 0.30551; half = t * s * sqrt(1 + 1/3)
    estimate = statistics.prediction_interval([26.0, 26.4, 25.8])
    assert estimate.half_width == pytest.approx(T_2 * 0.30551 * math.sqrt(4 / 3), abs=1e-4)
    scale = math.sqrt(0.28 / 3 * 4 / 3)  # s2 = 0.18667 / 2 = 0.28 / 3
    ends = stats.t.interval(0.95, 2, loc=78.2 / 3, scale=scale)
    assert (estimate.low, estimate.high) == pytest.approx(ends)
    assert (estimate.n, estimate.method) == (3, "t-interval for one further run, n = 3")
    assert statistics.prediction_interval([26.0]).low is None


def test_a_prediction_interval_holds_nineteen_of_twenty_new_runs():
    draws = np.random.default_rng(3).normal(25.0, 0.4, size=(4000, 6))
    estimates = [statistics.prediction_interval(draw[:5]) for draw in draws]
    inside = [each.low <= draw[5] <= each.high for each, draw in zip(estimates, draws, strict=True)]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.01)


def test_equal_values_give_an_interval_of_no_width():
    assert statistics.mean_interval([5.0, 5.0]).half_width == 0
    same = statistics.welch_difference([5.0, 5.0], [4.0, 4.0])
    assert (same.low, same.high, same.p_value) == (1.0, 1.0, 0.0)
    assert statistics.welch_difference([5.0, 5.0], [5.0, 5.0]).p_value == 1.0


def test_welch_with_unequal_arms_by_hand():
    # first: mean 4, s2 = 4, n = 3; second: mean 1.5, s2 = 0.5, n = 2
    # se2 = 4/3 + 1/4 = 1.58333; df = 1.58333^2 / ((4/3)^2/2 + (1/4)^2/1) = 2.50694 / 0.95139 = 2.6350
    estimate = statistics.welch_difference([2.0, 4.0, 6.0], [1.0, 2.0])
    assert estimate.value == pytest.approx(2.5)
    assert estimate.std == pytest.approx(math.sqrt(4.5))
    t = estimate.half_width / math.sqrt(19 / 12)
    assert 3.1824 < t < T_2  # between the table's t for 3 and for 2 degrees of freedom
    independent = stats.ttest_ind([2.0, 4.0, 6.0], [1.0, 2.0], equal_var=False)
    ends = independent.confidence_interval(0.95)
    assert (estimate.low, estimate.high) == pytest.approx((ends.low, ends.high))
    assert estimate.p_value == pytest.approx(independent.pvalue)
    assert estimate.n == 2 and estimate.method == "Welch, n = 3 and 2"


def test_welch_of_equal_variances_and_sizes_is_the_pooled_t_test():
    # s2 = 1 each, n = 3: df = 4, se = sqrt(2/3)
    estimate = statistics.welch_difference([1.0, 2.0, 3.0], [2.0, 3.0, 4.0])
    assert estimate.half_width == pytest.approx(T_4 * math.sqrt(2 / 3), abs=1e-4)
    assert estimate.p_value == pytest.approx(0.2879, abs=1e-4)  # two-sided, t = 1.22474 with 4 degrees of freedom


def test_a_contrast_of_unequal_arms_by_hand():
    # means 4, 1.5, 10 and variances 4, 0.5, 2 of 3, 2, 2: 4 + 3 - 10 = -3; se2 = 4/3 + 4 x 1/4 + 1 = 10/3;
    # df = (10/3)^2 / ((4/3)^2/2 + 1^2/1 + 1^2/1) = 11.1111 / 2.88889 = 3.84615
    estimate = statistics.welch_contrast([[2.0, 4.0, 6.0], [1.0, 2.0], [9.0, 11.0]], [1.0, 2.0, -1.0])
    t = estimate.half_width / math.sqrt(10 / 3)
    assert estimate.value == pytest.approx(-3.0)
    assert estimate.std == pytest.approx(math.sqrt(4 + 4 * 0.5 + 2))
    assert t == pytest.approx(stats.t.ppf(0.975, 3.84615), abs=1e-5)
    assert T_4 < t < 3.1824  # between the table's t for 4 and for 3 degrees of freedom
    assert (estimate.n, estimate.method) == (2, "Welch, n = 3, 2 and 2")


def test_paired_difference_by_hand():
    # differences 1, 2, 3: mean 2, s = 1
    estimate = statistics.paired_difference([11.0, 13.0, 16.0], [10.0, 11.0, 13.0])
    assert estimate.value == pytest.approx(2.0)
    assert (estimate.low, estimate.high) == pytest.approx((2 - T_2 / math.sqrt(3), 2 + T_2 / math.sqrt(3)), abs=1e-4)
    # centered thirds: [-7, -1, 8] and [-4, -1, 5]: 69 / sqrt(114 * 42) = 23 / sqrt(532)
    assert estimate.correlation == pytest.approx(23 / math.sqrt(532))
    assert estimate.p_value == pytest.approx(0.07418, abs=1e-5)  # t = 3.4641 with 2 degrees: 1 - t/sqrt(2 + t^2)


def test_paired_arms_must_match():
    with pytest.raises(ReproduceError, match="got 2 and 3"):
        statistics.paired_difference([1.0, 2.0], [1.0, 2.0, 3.0])


def test_correlation_of_shared_seeds_only():
    base = statistics.welch_difference([1.0, 2.0], [1.0, 2.0])
    with_all = statistics.with_correlation(base, {1: 1.0, 2: 2.0, 3: 3.0, 9: 50.0}, {3: 4.0, 2: 6.0, 1: 8.0})
    assert with_all.correlation == pytest.approx(-1.0)
    assert with_all.method.endswith("correlation -1.00 over 3 shared seeds")
    assert statistics.with_correlation(base, {1: 1.0, 2: 2.0}, {1: 1.0, 2: 2.0}) == base


def test_ratio_is_of_geometric_means():
    # logs of the first arm 0 and 2 ln 2 (mean ln 2), of the second 0 and 0: ratio 2
    estimate = statistics.ratio([1.0, 4.0], [1.0, 1.0])
    assert estimate.value == pytest.approx(2.0)
    # se of the mean log = ln 4 / sqrt(2) / sqrt(2) = ln 2; one degree of freedom
    assert estimate.low == pytest.approx(2 * math.exp(-T_1 * math.log(2)), rel=1e-3)
    assert estimate.low * estimate.high == pytest.approx(4.0)  # symmetric on the log scale
    with pytest.raises(ReproduceError, match="above zero"):
        statistics.ratio([1.0, 0.0], [1.0, 2.0])


def test_wilson_by_hand():
    # p = 0.26, n = 10,000, z = 1.959964: center (p + z2/2n)/(1 + z2/n), half z sqrt(p q/n + z2/4n2)/(1 + z2/n)
    estimate = statistics.wilson(2600, 10000)
    z2 = 1.959964**2
    center = (0.26 + z2 / 20000) / (1 + z2 / 10000)
    half = 1.959964 * math.sqrt(0.26 * 0.74 / 10000 + z2 / 4e8) / (1 + z2 / 10000)
    assert estimate.value == pytest.approx(26.0)
    assert (estimate.low, estimate.high) == pytest.approx((100 * (center - half), 100 * (center + half)), abs=1e-6)


def test_more_errors_than_images_are_no_error_rate():
    with pytest.raises(ReproduceError, match="11 errors of 10 images"):
        statistics.wilson(11, 10)


def test_holm_textbook_example():
    # sorted 0.005 x4 = 0.02, 0.01 x3 = 0.03, 0.03 x2 = 0.06, 0.04 x1 = 0.04 raised to 0.06
    adjusted = statistics.holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert adjusted == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02})
    assert list(adjusted) == ["a", "b", "c", "d"]
    assert statistics.holm({"a": 0.9, "b": 0.8}) == {"a": 1.0, "b": 1.0}


def test_a_question_still_open_is_of_holms_family():
    # 0.01 x3, 0.02 x2; the third, of 0.5 say, would leave both as they are
    assert statistics.holm({"a": 0.01, "b": None, "c": 0.02}) == pytest.approx({"a": 0.03, "b": None, "c": 0.04})
    assert statistics.holm({"a": 0.01, "b": 0.5, "c": 0.02}) == pytest.approx({"a": 0.03, "b": 0.5, "c": 0.04})


def test_the_half_width_to_expect_of_one_arm():
    spread = statistics.Estimate(0.0, -1.0, 1.0, 3, "by hand", 0.3)
    # 2.2281 * 0.3 / sqrt(11), 12.7062 * 0.3 / sqrt(2)
    assert statistics.expected_half_width(spread, 11) == pytest.approx(0.20154, abs=1e-5)
    assert statistics.expected_half_width(spread, 2) == pytest.approx(2.69539, abs=1e-4)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]),  # spread alike: twice the degrees of freedom of one arm
        ([1.0, 2.0, 3.0], [4.0, 4.2, 4.4]),  # one spreads five times as far: hardly more than its own
        ([1.0, 1.0, 1.0], [4.0, 4.2, 4.4]),
    ],
)
def test_the_half_width_to_expect_of_as_many_seeds_is_welchs(first, second):
    """Arms four times over: the variance of 12 is 4 S / 11 where that of 3 is S / 2."""
    found = statistics.welch_difference(first, second)
    assert statistics.expected_half_width(found, 3) == pytest.approx(found.half_width)
    more = statistics.welch_difference(first * 4, second * 4)
    assert more.half_width == pytest.approx(statistics.expected_half_width(found, 12) * math.sqrt(8 / 11))


def test_arms_without_any_spread_have_a_half_width_of_none():
    found = statistics.welch_difference([1.0, 1.0], [2.0, 2.0, 2.0])
    assert statistics.expected_half_width(found, 2) == 0


def test_the_least_number_that_settles():
    assert statistics.least_seeds(lambda n: n >= 12) == 12
    assert statistics.least_seeds(lambda n: True) == 2
    assert statistics.least_seeds(lambda n: False) is None


@pytest.mark.parametrize("values", [[], [1.0, math.nan], [math.inf]])
def test_values_that_are_no_numbers_are_refused(values):
    with pytest.raises(ReproduceError, match="finite"):
        statistics.mean_interval(values)


def test_the_mean_absolute_difference_of_two_samples_is_as_simulated():
    random = np.random.default_rng(5)
    draws = random.binomial(3000, 0.3, 20000) / 30 - random.binomial(1000, 0.3, 20000) / 10
    error = statistics.error_of_difference((30, 3000), (30, 1000))
    assert (np.std(draws), np.abs(draws).mean()) == pytest.approx((error, error * math.sqrt(2 / math.pi)), rel=0.02)
