"""Estimates with their 95 % intervals: means, differences, ratios and single error rates; and the seeds they need.

The unit of repetition is the run (one seed). Intervals over runs are t-intervals. A binomial interval is given only for
the error rate of a single run; it covers the sampling of test images, not the spread over seeds.
"""

import bisect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from reproduce.base.errors import ReproduceError

CONFIDENCE = 0.95
_MOST_SEEDS = 10_000  # nobody would plan more


@dataclass(frozen=True)
class Estimate:
    """A value with its interval, in the unit of the values it was made from.

    Attributes:
        low, high: ends of the two-sided interval; None where a single value gives none.
        n: number of runs (of the smallest arm where several are compared), or of test images for a binomial interval.
        std: sample standard deviation of one observation: of a run's value, of the contrast of one run from each arm,
            or, for a ratio, of the log ratio. None for a single run.
        p_value: two-sided p for the hypothesis that the arms do not differ, or that their ratio is 1.
        correlation: Pearson's correlation over the seeds that two arms share.
        degrees_per_seed: degrees of freedom added by one further seed in every arm, if all arms have equally many. It
            is 1 for one arm and for pairs. For independent arms it is at most their number, and less where their
            spreads differ.
    """

    value: float
    low: float | None
    high: float | None
    n: int
    method: str
    std: float | None
    p_value: float | None = None
    correlation: float | None = None
    degrees_per_seed: float = 1.0

    @property
    def half_width(self) -> float | None:
        """Half the interval's length, or None without an interval."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2


def _finite(values: Sequence[float], what: str) -> np.ndarray:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or array.size == 0 or not np.isfinite(array).all():
        raise ReproduceError(f"{what} needs one or more finite values, got {list(values)}; leave failed runs out")
    return array


def _t_half_width(standard_error: float, degrees_of_freedom: float, confidence: float) -> float:
    return float(stats.t.ppf((1 + confidence) / 2, degrees_of_freedom)) * standard_error


def _p_value(value: float, standard_error: float, degrees_of_freedom: float) -> float:
    if standard_error == 0:
        return 1.0 if value == 0 else 0.0
    return float(2 * stats.t.sf(abs(value) / standard_error, degrees_of_freedom))


def confidence_at(looks: int) -> float:
    """Return the confidence of each interval where the same runs are looked at ``looks`` times (Bonferroni)."""
    return 1 - (1 - CONFIDENCE) / looks


def mean_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Estimate:
    """Return the mean of runs with its t-interval; one run has no interval.

    Raises:
        ReproduceError: no values, or one that is not finite.
    """
    array = _finite(values, "a mean")
    mean, n = float(array.mean()), array.size
    if n == 1:
        return Estimate(mean, None, None, 1, "one seed", None)
    std = float(array.std(ddof=1))
    half = _t_half_width(std / math.sqrt(n), n - 1, confidence)
    return Estimate(mean, mean - half, mean + half, n, f"t-interval, n = {n}", std)


def prediction_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Estimate:
    """Return the mean of runs with the t-interval that one further run falls into; one run has no interval.

    Raises:
        ReproduceError: no values, or one that is not finite.
    """
    runs = mean_interval(values, confidence)
    if runs.std is None:
        return runs
    half = _t_half_width(runs.std * math.sqrt(1 + 1 / runs.n), runs.n - 1, confidence)
    method = f"t-interval for one further run, n = {runs.n}"
    return replace(runs, low=runs.value - half, high=runs.value + half, method=method)


def welch_difference(first: Sequence[float], second: Sequence[float], confidence: float = CONFIDENCE) -> Estimate:
    """Return mean(first) - mean(second) of two independent arms with Welch's interval.

    Raises:
        ReproduceError: an arm is empty or holds a value that is not finite.
    """
    return welch_contrast([first, second], [1.0, -1.0], confidence)


def welch_contrast(
    arms: Sequence[Sequence[float]], weights: Sequence[float], confidence: float = CONFIDENCE
) -> Estimate:
    """Return the sum of weight x mean over independent arms, with the Welch-Satterthwaite interval.

    Args:
        arms: each arm's values; their variances and numbers may differ.
        weights: one per arm.
        confidence: of the two-sided interval.

    Raises:
        ReproduceError: an arm is empty or holds a value that is not finite.
    """
    values = [_finite(arm, "a difference") for arm in arms]
    value = float(sum(weight * arm.mean() for weight, arm in zip(weights, values, strict=True)))
    sizes = [arm.size for arm in values]
    counted = f"n = {', '.join(map(str, sizes[:-1]))} and {sizes[-1]}"
    if min(sizes) == 1:
        return Estimate(value, None, None, 1, f"one seed in an arm, {counted}", None)
    variances = [weight**2 * arm.var(ddof=1) for weight, arm in zip(weights, values, strict=True)]
    parts = [variance / n for variance, n in zip(variances, sizes, strict=True)]
    standard_error = math.sqrt(sum(parts))
    spread = sum(part**2 / (n - 1) for part, n in zip(parts, sizes, strict=True))
    degrees = sum(parts) ** 2 / spread if spread > 0 else sum(sizes) - len(sizes)
    half = _t_half_width(standard_error, degrees, confidence)
    std, p = math.sqrt(sum(variances)), _p_value(value, standard_error, degrees)
    per_seed = sum(variances) ** 2 / sum(v**2 for v in variances) if sum(variances) else float(len(sizes))
    found = Estimate(value, value - half, value + half, min(sizes), f"Welch, {counted}", std, p)
    return replace(found, degrees_per_seed=per_seed)


def paired_difference(first: Sequence[float], second: Sequence[float], confidence: float = CONFIDENCE) -> Estimate:
    """Return the mean of first[i] - second[i] with the paired t-interval and the pairing's correlation.

    Args:
        first: values of one arm.
        second: values of the other, of the same seeds in the same order.
        confidence: of the two-sided interval.

    Raises:
        ReproduceError: the arms differ in length, are empty, or hold a value that is not finite.
    """
    one, two = _finite(first, "a paired difference"), _finite(second, "a paired difference")
    if one.size != two.size:
        raise ReproduceError(
            f"a paired difference needs equal arms, got {one.size} and {two.size}; use Welch's instead"
        )
    gaps = mean_interval(one - two, confidence)
    if gaps.std is None:
        return Estimate(gaps.value, None, None, 1, "one pair", None)
    p = _p_value(gaps.value, gaps.std / math.sqrt(gaps.n), gaps.n - 1)
    method = f"paired, n = {gaps.n}"
    return Estimate(gaps.value, gaps.low, gaps.high, gaps.n, method, gaps.std, p, correlation(one, two))


def correlation(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Return Pearson's correlation of two equally long arms; None below three pairs or where an arm is constant."""
    if len(first) < 3 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    return float(np.corrcoef(first, second)[0, 1])


def with_correlation(estimate: Estimate, first: Mapping[int, float], second: Mapping[int, float]) -> Estimate:
    """Return ``estimate`` with the correlation of two arms' values by seed, over the seeds that both have."""
    shared = sorted(first.keys() & second.keys())
    found = correlation([first[seed] for seed in shared], [second[seed] for seed in shared])
    if found is None:
        return estimate
    method = f"{estimate.method}, correlation {found:.2f} over {len(shared)} shared seeds"
    return replace(estimate, correlation=found, method=method)


def ratio(first: Sequence[float], second: Sequence[float], confidence: float = CONFIDENCE) -> Estimate:
    """Return the ratio of the arms' geometric means with Welch's interval on the log scale; ``std`` stays in logs.

    Raises:
        ReproduceError: an arm is empty or holds a value that is not finite and above zero.
    """
    for arm in (first, second):
        if min(arm, default=0) <= 0:
            raise ReproduceError(f"a ratio needs values above zero, got {list(arm)}; judge a difference instead")
    logs = welch_difference(np.log(first), np.log(second), confidence)
    low, high = (None if end is None else math.exp(end) for end in (logs.low, logs.high))
    return replace(logs, value=math.exp(logs.value), low=low, high=high, method=f"{logs.method}, of logs")


def wilson(errors: int, images: int, confidence: float = CONFIDENCE) -> Estimate:
    """Return one error rate in percent with Wilson's interval over the sampling of test images.

    Raises:
        ReproduceError: there are more errors than images, or no images.
    """
    if images <= 0 or not 0 <= errors <= images:
        raise ReproduceError(f"{errors} errors of {images} images is no error rate; check test_images in metrics.json")
    ends = stats.binomtest(errors, images).proportion_ci(confidence, method="wilson")
    label = f"Wilson, {images} images"
    return Estimate(100 * errors / images, 100 * float(ends.low), 100 * float(ends.high), images, label, None)


def error_of_difference(first: tuple[float, float], second: tuple[float, float]) -> float:
    """Return the standard error of the difference of two error rates, as if they were independent.

    Args:
        first: a rate in percent, and the number of images that it was counted on; NaN images give NaN.
        second: the same of the other rate.
    """
    variances = [percent * (100 - percent) / images for percent, images in (first, second)]
    return math.sqrt(sum(variances))


def holm(p_values: Mapping[str, float | None]) -> dict[str, float | None]:
    """Return Holm's step-down adjusted p-values of one family, by name in the order given.

    A question without an answer (None) belongs to the family but gets no adjusted value. So the other values do not
    rise when its answer comes.
    """
    known = {name: p for name, p in p_values.items() if p is not None}
    adjusted: dict[str, float] = {}
    largest = 0.0
    for rank, name in enumerate(sorted(known, key=lambda name: (known[name], name))):
        largest = max(largest, min(1.0, (len(p_values) - rank) * known[name]))
        adjusted[name] = largest
    return {name: adjusted.get(name) for name in p_values}


def expected_half_width(estimate: Estimate, n: int, confidence: float = CONFIDENCE) -> float:
    """Return the half-width that the t-interval would have with ``n`` (at least 2) seeds per arm, if spreads stay.

    Args:
        estimate: the present estimate, with its ``std``; for a ratio both ``std`` and half-width are in logs.
        n: seeds per arm.
        confidence: of the two-sided interval.
    """
    return _t_half_width(estimate.std / math.sqrt(n), estimate.degrees_per_seed * (n - 1), confidence)


def expected_p_value(estimate: Estimate, n: int) -> float:
    """Return the two-sided p that ``n`` (at least 2) seeds per arm would give, if value and spreads stay."""
    return _p_value(estimate.value, estimate.std / math.sqrt(n), estimate.degrees_per_seed * (n - 1))


def least_seeds(settles: Callable[[int], bool]) -> int | None:
    """Return the least number of seeds, from 2, for which ``settles`` holds; None where 10,000 would not do.

    Args:
        settles: once true, it must stay true for more seeds.
    """
    if not settles(_MOST_SEEDS):
        return None
    return bisect.bisect_left(range(_MOST_SEEDS), True, lo=2, key=settles)
