"""Three generations on CIFAR-10: seeds, published errors, costs, and the sentences over the figures."""

from dataclasses import replace

import pandas as pd
import pytest
from report_support import clipped, words

from reproduce.base.errors import ReproduceError
from reproduce.report import cifar10_methods as loading
from reproduce.report.cifar10_methods import CROPPED, LATER, PLAIN, SEVERAL_VIEWS, load_methods, to_be_run
from reproduce.report.figures import generations_by_cost
from reproduce.report.figures.generations import AFTER, AUTHORS, BEFORE, DrawnMethod, generations
from reproduce.report.figures.generations_by_cost import error_by_core_hours, error_by_operations
from reproduce.report.records import load_records
from reproduce.report.studies.after_2012 import budgets_table
from reproduce.report.studies.before_2012 import methods_table
from reproduce.study.claims import load_claims
from reproduce.study.study import load_study

WORDS = DrawnMethod("visual words", 2010, BEFORE, PLAIN, None, [40.0], "visual words", None, [0.5])
PATCHES = DrawnMethod("patches", 2011, BEFORE, PLAIN, 22.1, [22.0, 23.0])
THREE = DrawnMethod(
    "three patches", 2011, BEFORE, PLAIN, 22.1, [22.0, 22.5, 23.0], "k-means", None, [1.0, 2.0, 3.0], "a CPU"
)
IN_PRINT = DrawnMethod("a dictionary", 2011, BEFORE, PLAIN, 18.5, [], is_planned=False)
NET = DrawnMethod("the net", 2011, AUTHORS, PLAIN, 18.0, [18.0, 18.5, 19.0], "18 % net", 4e14, [0.4, 0.5, 0.6], "a CPU")
LATER_NET = DrawnMethod("a later net", 2017, AFTER, SEVERAL_VIEWS, 3.4, [], "ResNet-20", 9e15)
PLANNED = DrawnMethod("a planned net", 2017, AFTER, SEVERAL_VIEWS, None, [])
CROPS = DrawnMethod(
    "the net, crops", 2012, AUTHORS, CROPPED, None, [16.0, 16.2, 16.4], "18 % net", 4e14, [0.4, 0.5, 0.6]
)
RESNET = DrawnMethod("a residual net", 2015, AFTER, CROPPED, None, [10.0, 11.0], "ResNet-20", 4.1e14, [3.0, 4.0])
COSTS = {"cost of 2012": 4e14, "cost of the search": 1e15}


def title(figure):
    return " ".join(figure.legends[0].get_title().get_text().split())


def key(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def marks(axes, filled):
    """Return the places of the means (filled) or of the published errors (hollow) in a panel."""
    lines = [line for line in axes.get_lines() if line.get_marker() not in (".", "|", "None", None, "")]
    chosen = [line for line in lines if (line.get_markerfacecolor() in ("none", "white")) != filled]
    return sorted((float(line.get_xdata()[0]), float(line.get_ydata()[0])) for line in chosen)


def test_the_headline_names_each_earlier_method_of_three_seeds_and_the_best_in_print():
    figure = generations([WORDS, THREE, IN_PRINT, NET, LATER_NET])
    assert title(figure) == (
        "On CIFAR-10, without augmentation, AlexNet's authors' 18 % net makes 18.5 % errors; before: k-means 22.5 %. "
        "The best of others in print before 2012 is 18.5 %."
    )
    assert "published 3.4" in words(figure)


def test_the_headline_names_a_method_once_and_no_first_reading_beside_the_second():
    more = replace(THREE, name="more patches", errors=[20.0, 20.0, 20.0])
    second = replace(WORDS, errors=[33.0, 33.0, 33.0])
    first = replace(second, name="visual words, first reading", family="visual words, first reading", errors=[39.0] * 3)
    said = title(generations([first, second, THREE, more, NET]))
    assert "makes 18.5 % errors; before: k-means 22.5 %, visual words 33.0 %. The best" in said
    assert "before: k-means 22.5 %, visual words, first reading 39.0 %" in title(generations([first, THREE, NET]))


def test_keys_and_words_stay_on_the_page_once_every_method_is_run():
    methods = load_methods(load_records())
    errors = {method.name: [39.4] * 3 if method.published is None else [method.published] * 3 for method in methods}
    run = [replace(method, errors=errors[method.name], core_hours=[1.0] * 3) for method in methods]
    for figure in (generations(run), error_by_operations(run, COSTS), error_by_core_hours(run)):
        assert clipped(figure) == []
        assert max(text.get_window_extent().x1 for text in figure.legends[0].get_texts()) <= figure.bbox.x1


def test_methods_without_runs_or_published_error_are_left_out():
    figure = generations([THREE, NET, LATER_NET, PLANNED])
    assert [len(axes.get_yticklabels()) for axes in figure.axes] == [2, 1]
    nets = ["before, mean of our seeds", "AlexNet's authors', mean of our seeds"]
    assert key(figure) == [*nets, "95 % interval", "published"]
    solid = [line for line in figure.axes[0].get_lines() if line.get_linestyle() == "-" and len(line.get_xdata()) == 2]
    first = next(line for line in solid if line.get_ydata()[0] == 0)
    assert list(first.get_xdata()) == pytest.approx(
        [22.5 - 4.3027 * 0.5 / 3**0.5, 22.5 + 4.3027 * 0.5 / 3**0.5], abs=1e-3
    )


def test_a_published_error_is_drawn_in_one_row_until_its_second_reading_is_run():
    longer = replace(THREE, name="three patches, longer", errors=[])
    assert [len(axes.get_yticklabels()) for axes in generations([THREE, longer, NET]).axes] == [2]
    run = replace(longer, errors=[22.0, 22.1])
    assert [len(axes.get_yticklabels()) for axes in generations([THREE, run, NET]).axes] == [3]


def test_a_first_reading_is_said_to_be_no_measure_of_its_method():
    first = replace(WORDS, family="visual words, first reading")
    assert "40.0 (1 seed, no measure of the method)" in words(generations([first, THREE, NET]))
    assert "visual words, first reading" not in key(error_by_core_hours([first, THREE, NET]))


def test_the_contests_drop_stands_below_on_an_axis_of_its_own():
    figure = generations([THREE, NET, LATER_NET], pd.Series({"before_percent": 26.172, "after_percent": 16.422}))
    *panels, contest = figure.axes
    assert len(panels) == 2 and contest.get_xlabel() == "top-5 error on ILSVRC-2012's test images, %"
    assert [line.get_xdata()[0] for line in contest.lines] == [26.172, 16.422]
    assert panels[-1].get_xlabel() == "test error on CIFAR-10, %"
    assert clipped(figure) == []


def test_without_runs_no_step_is_told():
    figure = generations([WORDS, PATCHES, NET])
    assert "runs are still to be made" in title(figure)


def test_protocols_stand_in_panels_of_their_own_and_nothing_is_joined():
    drawn = error_by_operations([WORDS, NET, CROPS, RESNET, LATER_NET, PLANNED], COSTS)
    assert [axes.get_title(loc="left") for axes in drawn.axes] == [PLAIN, CROPPED, SEVERAL_VIEWS]
    plain, cropped, several = drawn.axes
    assert marks(plain, filled=True) == [(4e14, 18.5)] and marks(plain, filled=False) == [(4e14, 18.0)]
    assert marks(cropped, filled=True) == [(4e14, pytest.approx(16.2)), (4.1e14, 10.5)]
    assert marks(several, filled=False) == [(9e15, 3.4)]
    joining = [
        line for axes in drawn.axes for line in axes.get_lines() if line.get_linestyle() not in ("None", "none", ":")
    ]
    assert joining == []
    assert key(drawn) == ["18 % net", "ResNet-20", "hollow: published"]


def test_the_headline_compares_at_the_first_declared_cost_within_a_protocol():
    said = title(error_by_operations([NET, CROPS, RESNET, LATER_NET], COSTS))
    assert said == f"At the cost of 2012, {CROPPED}: 18 % net 16.2 %; ResNet-20 10.5 % (2 seeds)."
    between = [replace(CROPS, family=name, errors=[14.0] * 3) for name in ("a rung", "another")]
    said = title(error_by_operations([NET, CROPS, RESNET, *between], COSTS))
    assert said == f"At the cost of 2012, {CROPPED}, 4 nets: from 18 % net 16.2 % to ResNet-20 10.5 % (2 seeds)."
    longer = replace(RESNET, operations=8e14)
    said = title(error_by_operations([NET, CROPS, longer], COSTS))
    assert said.endswith("no two methods of one protocol are run at the cost of 2012.")
    assert "still to be run" in title(error_by_operations([LATER_NET, longer], COSTS))


def test_hours_are_those_of_the_runs_and_no_published_error_is_among_them():
    drawn = error_by_core_hours([WORDS, THREE, NET, RESNET, LATER_NET])
    plain, cropped = drawn.axes
    assert marks(plain, filled=True) == [(0.5, 18.5), (0.5, 40.0), (2.0, 22.5)]
    assert marks(cropped, filled=True) == [(3.5, 10.5)]
    assert title(drawn) == (
        f"To train on a CPU, {PLAIN}: 18 % net 0.5 core-hours, 18.5 % errors; k-means 2.0 core-hours, 22.5 % errors."
    )
    assert "not run yet" in [text.get_text() for text in error_by_core_hours([PLANNED]).texts]


def test_the_nets_of_2012_are_in_the_readings_that_their_claims_judge():
    drawn = {method.variant for method in loading._METHODS if method.study == loading.NETS}
    judged = {claim.id: set(claim.arms) for claim in load_claims()}
    readings = ("18pct", "13pct", "13pct-nine-views", "11pct")
    assert drawn == set.union(*(judged[f"cifar10-{reading}-error"] for reading in readings))


def test_methods_have_their_claims_published_errors_and_those_in_print_alone_have_no_runs():
    methods = {method.name: method for method in load_methods(load_records())}
    published = {name: method.published for name, method in methods.items()}
    assert published["ResNet-20, 45,000 images"] == pytest.approx(8.75)
    assert published["VGG (flips alone)"] == pytest.approx(7.55)
    assert published["k-means, 1,600 patches"] == pytest.approx(22.1)
    assert published["AlexNet's authors' 18 % net"] == pytest.approx(18.0)
    assert published["Fisher vectors"] is None and methods["Fisher vectors"].operations is None
    assert published["learned receptive fields"] == pytest.approx(18.0)
    assert published["OMP-1, 6,000 features"] == pytest.approx(18.5)
    assert not methods["OMP-1, 6,000 features"].is_planned
    assert methods["NASNet-A (6 @ 768)"].operations == pytest.approx(9.5e16, rel=0.01)


def test_every_planned_arm_is_among_the_methods_at_its_length():
    planned = {(name, runs.epochs) for name, runs in load_study(LATER).run_lists("full")}
    assert {(each.variant, each.epochs) for each in loading._METHODS if each.study == LATER} == planned


def test_every_method_that_is_planned_has_a_look_of_its_own():
    families = {method.family for method in loading._METHODS}
    assert families == set(generations_by_cost._LOOKS)
    assert len(set(generations_by_cost._LOOKS.values())) == len(families)


def test_a_method_that_the_table_in_print_lacks_is_named(monkeypatch):
    monkeypatch.setattr(loading, "_PRINTED", (loading._Printed("no such method", "none"),))
    with pytest.raises(ReproduceError, match="cifar10_before_2012.csv lacks the method 'no such method'"):
        load_methods(load_records())


def test_what_is_to_be_run_is_named_once_and_nothing_where_all_is_run():
    assert to_be_run([THREE, IN_PRINT, LATER_NET, PLANNED]) == "Still to be run: a later net; a planned net."
    assert to_be_run([THREE, IN_PRINT]) == ""


def test_a_net_too_long_for_these_machines_is_not_among_those_still_to_be_run():
    published = replace(LATER_NET, operations=9.5e16)
    assert to_be_run([PLANNED, published]) == (
        "Still to be run: a planned net. "
        "Not run, since too long for the machines used here: a later net (9.5e16 training operations)."
    )
    assert to_be_run([published]).startswith("Not run, since")


def test_two_seeds_are_shown_by_their_values(monkeypatch):
    monkeypatch.setattr(
        "reproduce.report.studies.before_2012.load_methods", lambda loaded: [PATCHES, IN_PRINT, NET, LATER_NET, PLANNED]
    )
    table = methods_table(None)
    assert "22.00 and 23.00" in table
    assert "not run" in table and "in print alone" in table
    assert "| a planned net" not in table
    costs = {line.split(" | ")[1]: line.strip("| ").split(" | ")[-2:] for line in table.splitlines()[2:6]}
    nothing = ["-", "-"]
    assert costs == {
        "patches": nothing,
        "a dictionary": nothing,
        "the net": ["4.0e14", "0.5"],
        "a later net": ["9.0e15", "-"],
    }
    assert table.endswith("Still to be run: a later net; a planned net.")


def test_budgets_name_the_declared_cost_that_each_length_comes_to():
    table = budgets_table(load_records())
    rows = {row.split(" | ")[0].strip("| `"): row for row in table.splitlines()[2:]}
    cells = {name: row.split(" | ") for name, row in rows.items() if " | " in row}
    planned = {name: int(cell[1].split()[-1]) * float(cell[4]) for name, cell in cells.items()}
    del planned["vgg_bn_dropout"], planned["nasnet_a_6_768"]
    said = table.splitlines()[-1]
    assert said.startswith("All runs but those of `vgg_bn_dropout` and `nasnet_a_6_768` come to ")
    assert float(said.split()[-3]) == pytest.approx(sum(planned.values()), rel=0.03)
    costs = {name: (cell[4], cell[-1].strip(" |")) for name, cell in cells.items()}
    assert costs["18pct_today"] == ("4.8e14", "100 % of the cost of 2012")
    assert costs["nasnet_a_2_768_at_2012_cost"] == ("4.5e14", "94 % of the cost of 2012")
    assert costs["resnet20"] == ("2.0e15", "none: its source's length")
    assert cells["resnet20"][3] == "45,000"
