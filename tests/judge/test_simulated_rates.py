"""Rates that study pages state from simulations, simulated again by the package's own intervals and rules."""

import math
import re

import numpy as np
import pytest

from reproduce.base.paths import EXPERIMENTS
from reproduce.judge.rules import INCONCLUSIVE, Terms, accepted_region, decide
from reproduce.runs.statistics import mean_interval, welch_difference
from reproduce.study.claims import load_claims

DRAWS = 2000


def _page(study):
    return " ".join((EXPERIMENTS / study / "README.md").read_text().split())


def _percent_left_open(true_points, n_seeds):
    """Return in how many of 100 cases normalization at 520 epochs stays inconclusive, by the terms of its claim."""
    (claim,) = [each for each in load_claims() if each.id == "lrn-cifar10-controlled-520-epochs"]
    terms = Terms(True, accepted_region(claim), p_factor=2.0, negligible_within=claim.negligible_within)
    random = np.random.default_rng(1)
    without, with_normalization = random.normal([[[true_points]], [[0.0]]], 0.2, (2, DRAWS, n_seeds))
    estimates = map(welch_difference, without, with_normalization)
    return 100 * np.mean([decide(estimate, n_seeds, terms) == INCONCLUSIVE for estimate in estimates])


def test_the_power_of_the_11pct_net_without_normalization_is_as_its_page_says():
    words = "0.3 points open in about N of 100 cases, and one of 0.75 in N; five seeds each would leave N and N."
    (stated,) = re.findall(re.escape(words).replace("N", r"(\d+)"), _page("lrn_confound"))
    simulated = [_percent_left_open(points, seeds) for seeds in (3, 5) for points in (0.3, 0.75)]
    assert simulated == pytest.approx([float(percent) for percent in stated], abs=3)  # two simulations, 1.1 points each


def test_three_values_of_chance_give_an_interval_above_zero_as_seldom_as_the_page_says():
    assert "three seeds gave an interval above zero about once in a hundred times" in _page("what_columns_learn")
    sizes = np.abs(np.random.default_rng(1).normal(size=(DRAWS, 3))) - math.sqrt(2 / math.pi)
    assert 0.5 < 100 * np.mean([mean_interval(values).low > 0 for values in sizes]) < 2.0
