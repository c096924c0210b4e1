"""Tables and figure of averaged nets, from a table made by hand."""

import math

import pandas as pd
import pytest
from report_support import clipped

from reproduce.base.errors import ReproduceError
from reproduce.report import averages
from reproduce.report.figures.averaged_nets import averaged_nets
from reproduce.report.records import Records

IDENTITY = {"study": "nets", "epochs": 11, "dataset": "cifar10", "scale": "own", "schedule": "full"}


def ensembles(*arms):
    rows = [
        IDENTITY
        | {"variant": variant, "n_seeds": seeds, "nets": nets, "groups": seeds // nets}
        | {"member_error_percent": 26.0, "ensemble_error_percent": 26 - 4 * (1 - 1 / nets)}
        | {"gain_percentage_points": 4 * (1 - 1 / nets), "gain_percent_of_member_error": 10.0}
        | ({"low": 1.0, "high": 3.0} if seeds // nets > 1 else {"low": None, "high": None})
        for variant, seeds in arms
        for nets in range(1, seeds + 1)
    ]
    return pd.DataFrame(rows)


def test_gains_are_in_words_with_an_interval_where_there_is_one():
    table = averages.ensembles_table(ensembles(("80sec", 4)))
    assert table["nets"].tolist() == [2, 3, 4]
    assert averages.ensembles_table(ensembles(("80sec", 9)))["nets"].tolist() == [2, 3, 4, 5, 9]
    assert table["gain, points (95 % interval)"].tolist() == ["2.00 (1.00 to 3.00)", "2.67", "3.00"]


def test_views_and_validation_are_in_words():
    views = IDENTITY | {"variant": "v", "n_seeds": 1, "ten_view_error_percent": 17.5, "center_error_percent": 19.5}
    views |= {"difference_percentage_points": -2.0, "low": math.nan, "high": math.nan}
    shown = averages.views_table(pd.DataFrame([views])).iloc[0]
    assert shown["with ten views the error is (95 % interval)"] == "2.00 points lower" and shown["center, %"] == 19.5
    assert shown["setting"] == "CIFAR-10, own scale"
    gaps = (
        IDENTITY
        | {"scale": "reduced", "schedule": "shortened"}
        | {"variant": "v", "n_seeds": 2, "validation_images": 30000, "test_images": 10000}
    )
    gaps |= {"validation_error_percent": 30.0, "test_error_percent": 29.0, "low": 0.5, "high": 1.5}
    gaps |= {"absolute_difference_percentage_points": 1.0, "sampling_mean_absolute_percentage_points": 0.42}
    shown = averages.validation_table(pd.DataFrame([gaps])).iloc[0]
    assert shown["setting"] == "CIFAR-10, reduced scale, shortened schedule"
    assert (shown["images"], shown["apart, points (95 % interval)"]) == ("30000 and 10000", "1.00 (0.50 to 1.50)")


def test_every_variant_is_a_line_and_the_longest_are_named():
    arms = [(f"arm{number}", 4) for number in range(6)] + [("base", 8)]
    figure = averaged_nets(ensembles(*arms))
    (axes,) = figure.axes
    lines = [line for line in axes.lines if line.get_linestyle() == "-"]
    assert len(lines) == 7 and len(lines[0].get_xdata()) == 8  # base first
    assert [text.get_text() for text in axes.get_legend().texts] == [
        "base",
        "arm0",
        "arm1",
        "arm2",
        "arm3",
    ]
    said = " ".join(figure.get_suptitle().split())
    assert (
        said
        == "With 5 nets of base averaged the test error is 3.20 points lower (22.80 in place of 26.00 %, own scale)."
    )
    assert clipped(figure) == []
    hollow = [line for line in axes.lines if line.get_linestyle() == "None" and line.get_markerfacecolor() == "white"]
    assert hollow[0].get_xdata().tolist() == [5, 6, 7, 8]  # one group each


def test_before_there_are_four_seeds_the_figure_says_so():
    figure = averaged_nets(ensembles(("80sec", 4)).iloc[:0])
    assert figure.axes[0].texts[0].get_text() == "no four seeds yet"


def test_a_missing_table_is_one_line(tmp_path):
    with pytest.raises(ReproduceError, match=r"views.csv is missing"):
        averages.load(Records(tmp_path), "views")
