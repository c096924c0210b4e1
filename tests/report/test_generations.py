"""Three generations on CIFAR-10: seeds, published errors, and the sentence over the figure."""

import pytest
from report_support import words

from reproduce.report.figures.generations import DrawnMethod, generations
from reproduce.report.records import load_records
from reproduce.report.studies.before_2012 import PLAIN, TEN_VIEWS, load_methods, methods_table

WORDS = DrawnMethod("visual words", 2010, PLAIN, None, [40.0])
PATCHES = DrawnMethod("patches", 2011, PLAIN, 22.1, [22.0, 23.0])
THREE = DrawnMethod("three patches", 2011, PLAIN, 22.1, [22.0, 22.5, 23.0])
NET = DrawnMethod("the net", 2012, PLAIN, 18.0, [18.0, 18.5, 19.0])
LATER = DrawnMethod("a later net", 2017, TEN_VIEWS, 3.4, [])


def title(figure):
    return " ".join(figure.legends[0].get_title().get_text().split())


def test_the_step_is_told_beside_earlier_methods_of_three_seeds_alone():
    figure = generations([WORDS, THREE, NET, LATER])
    assert title(figure).endswith("errs 4.0 points less than three patches.")
    assert "published 3.4; not run here" in words(figure)


def test_without_runs_no_step_is_told():
    figure = generations([WORDS, PATCHES, NET])
    assert "runs are still to be made" in title(figure)


def test_methods_have_their_claims_published_errors():
    published = {method.name: method.published for method in load_methods(load_records())}
    assert published["ResNet-20"] == pytest.approx(8.75)
    assert published["k-means, 1,600 patches"] == pytest.approx(22.1)
    assert published["AlexNet's authors' 18 % net"] == pytest.approx(18.0)
    assert published["Fisher vectors"] is None


def test_two_seeds_are_shown_by_their_values(monkeypatch):
    monkeypatch.setattr("reproduce.report.studies.before_2012.load_methods", lambda loaded: [PATCHES, LATER])
    table = methods_table(None)
    assert "22.00 and 23.00" in table
    assert "not run" in table
