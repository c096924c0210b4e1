"""The way from 13 % to 11 % in three steps: its table and figure, with every arm run and with arms missing."""

import pytest
from confound_support import COMPLETE, confound_records
from report_support import clipped, overlaps, words

from reproduce.base.errors import ReproduceError
from reproduce.report import build
from reproduce.report.records import Records
from reproduce.report.studies import lrn_confound
from reproduce.report.studies.lrn_confound import (
    answered_steps,
    course_figure,
    load_course,
    load_steps,
    steps_figure,
    steps_table,
)

BEGUN = {"first": COMPLETE["first"], "normalized": [12.9, None, 13.1], "body": [12.3]}


@pytest.fixture(scope="module")
def complete(tmp_path_factory):
    return confound_records(tmp_path_factory.mktemp("complete"), COMPLETE)


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """The first arm whole, of the second a seed left out, of the third one seed, of the last two nothing."""
    return confound_records(tmp_path_factory.mktemp("begun"), BEGUN)


def rows(text):
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    return lines[0], lines[2:]


def marks(axes):
    """The means drawn, as (error, row from the top)."""
    return [(line.get_xdata()[0], -line.get_ydata()[0]) for line in axes.lines if line.get_marker() == "o"]


def test_the_table_has_a_row_per_step_with_its_share_of_what_is_published(complete):
    """Means 13.2, 12.9, 12.3, 11.5 and, without normalization, 12.5 and 12.1. The length's half width: both arms have
    deviation 0.1 and three seeds, so t(0.975, 4) = 2.776 times 0.1 times the root of 2/3 = 0.227."""
    heading, steps = rows(steps_table(complete))
    assert heading[-1] == "share of the published 2 points, %"
    assert [[step[0], *step[2:4]] for step in steps] == [
        ["normalization", "13.20 → 12.90", "5 and 5"],
        ["body", "12.90 → 12.30", "5 and 3"],
        ["length", "12.30 → 11.50", "3 and 3"],
        ["all three", "13.20 → 11.50", "5 and 3"],
        ["normalization at 520 epochs", "12.10 → 11.50", "3 and 3"],
        ["normalization at 160 epochs", "12.50 → 12.30", "3 and 3"],
        ["body, without normalization", "13.20 → 12.50", "5 and 3"],
        ["length, without normalization", "12.50 → 12.10", "3 and 3"],
    ]
    sizes = ["0.30", "0.60", "0.80", "1.70", "0.60", "0.20", "0.70", "0.40"]
    assert [step[4].split()[0] for step in steps] == sizes
    assert steps[2][4:] == ["0.80 points lower (0.57 to 1.03)", "40 (29 to 51)"]


def test_steps_of_the_chain_add_up_to_all_of_them(complete):
    steps = load_steps(complete)
    single = [steps[name].points for name in ("step-normalization", "step-body", "step-length")]
    assert sum(single) == pytest.approx(steps["all-steps"].points)


def test_the_table_says_what_is_not_run_and_gives_no_value_where_a_seed_was_left_out(begun):
    _, steps = rows(steps_table(begun))
    lack = "a seed failed or is missing"
    assert [step[2:] for step in steps] == [
        [f"13.20 → {lack}", "5 and 2", lack, "-"],
        [f"{lack} → 12.30", "2 and 1", lack, "-"],
        ["12.30 → not run", "1 and 0", "not run", "-"],
        ["13.20 → not run", "5 and 0", "not run", "-"],
        ["not run → not run", "0 and 0", "not run", "-"],
        ["not run → 12.30", "0 and 1", "not run", "-"],
        ["13.20 → not run", "5 and 0", "not run", "-"],
        ["not run → not run", "0 and 0", "not run", "-"],
    ]


def test_the_front_page_has_the_answered_steps_and_names_the_others_in_a_line(complete, begun):
    names = ["normalization", "body", "length", "normalization at 520 epochs"]
    lines = answered_steps(complete).splitlines()
    told = " ".join(lines)
    assert [step.split(":")[0] for step in told.removeprefix("The error by step: ").split("; ")] == names
    assert "; length: 0.80 points lower (0.57 to 1.03), 3 and 3 seeds; " in told and told.endswith(" seeds.")
    assert max(map(len, lines)) <= 130
    assert answered_steps(begun) == f"Not run yet: {', '.join(names)}."


def test_a_step_with_one_or_two_seeds_has_no_interval_on_the_front_page(tmp_path):
    records = confound_records(tmp_path, {"first": COMPLETE["first"], "normalized": [13.3, 13.4], "body": [13.0]})
    told = " ".join(answered_steps(records).splitlines())
    assert told.startswith(
        "The error by step: normalization: 0.15 points higher (too few seeds for an interval), 5 and 2 seeds; "
        "body: 0.35 points lower (too few seeds for an interval), 2 and 1 seeds. Not run yet: length, "
    )
    figure = steps_figure(records)
    assert arrows(figure) == []
    assert "normalization\n0.15 higher\n(too few" in words(figure)


def arrows(figure):
    return [text for axes in figure.axes for text in axes.texts if text.arrow_patch]


def test_the_figure_has_every_mean_seed_and_size(complete):
    figure = steps_figure(complete)
    upper, lower = figure.axes
    assert marks(upper) == [pytest.approx(mark) for mark in [(13.2, 0), (12.9, 1), (12.3, 2), (11.5, 3)]]
    assert marks(lower) == [pytest.approx(mark) for mark in [(12.1, 0), (11.5, 1)]]
    dots = [sorted(line.get_xdata()) for line in upper.lines if line.get_marker() == "."]
    assert dots == [sorted(COMPLETE[arm]) for arm in ("first", "normalized", "body", "last")]
    said = words(figure)
    for part in ("published 13 %", "published 11 %", "length\n0.80 lower (0.57 to 1.03)", "all three\n1.70 "):
        assert part in said
    assert "not run" not in said
    assert len(arrows(figure)) == 4
    labels = [label.get_text() for label in upper.get_yticklabels()]
    assert labels[0] == "13 % net\n160 epochs, 5 seeds: 13.20 %"
    assert labels[3].endswith("\n520 epochs, 3 seeds: 11.50 %")


def test_published_errors_are_dashed_lines_in_both_panels(complete):
    for axes in steps_figure(complete).axes:
        assert [line.get_xdata()[0] for line in axes.lines if line.get_linestyle() == "--"] == [13.0, 11.0]


def test_arms_without_runs_are_gaps_that_say_so(begun):
    figure = steps_figure(begun)
    upper, lower = figure.axes
    assert marks(upper) == [pytest.approx(mark) for mark in [(13.2, 0), (12.3, 2)]]
    assert marks(lower) == []
    assert [text.get_text() for text in lower.texts].count("not run") == 2
    assert arrows(figure) == []  # no two neighbors have a mean
    assert "nan" not in words(figure)


@pytest.mark.parametrize("errors", [COMPLETE, BEGUN, {"first": [None]}], ids=["complete", "begun", "nothing"])
def test_words_neither_overlap_nor_leave_the_page(tmp_path, errors):
    figure = steps_figure(confound_records(tmp_path, errors))
    assert overlaps(figure) == []
    assert clipped(figure) == []


def test_tables_older_than_a_step_are_one_line(complete):
    older = complete.comparisons[complete.comparisons["comparison"].ne("step-body")]
    loaded = Records(complete.folder, complete.claims)
    loaded.comparisons = older
    with pytest.raises(
        ReproduceError, match=r"comparisons\.csv lacks step-body of lrn_confound; run `dvc repro collect`"
    ):
        load_steps(loaded)


def test_the_stage_writes_both_files(tmp_path, complete):
    paths = build.study_stage("lrn_confound", tmp_path, complete)
    assert [path.name for path in paths] == [
        f"lrn_confound_{name}.{ending}" for name in ("course", "steps") for ending in ("png", "svg")
    ]
    assert "published 13 %" in paths[3].read_text()


def test_the_course_is_the_difference_of_means_by_epoch_and_ends_with_ten_views(complete):
    """Every run of the support writes two epochs, with test errors of its own last one plus 1 and 0."""
    lowered = load_course(complete).set_index("epoch")
    assert lowered["test"].tolist() == pytest.approx([13.2 - 12.9] * len(lowered))
    assert lowered["validation"].isna().all() and list(lowered.index) == [1, 2]


def test_the_course_says_what_is_held_out_and_where_it_ends(complete, monkeypatch):
    seen = load_course(complete).assign(validation=[0.5, 0.7], training=[0.1, -0.2])
    monkeypatch.setattr(lrn_confound, "load_course", lambda loaded: seen)
    figure = course_figure(complete)
    said = " ".join(figure.get_suptitle().split())
    assert said.startswith("With normalization the 13 % net's test error ends 0.30 points lower by ten views and ")
    assert said.endswith("by the center view.")
    assert "at the end, by ten views:\n0.30 points lower\n(" in words(figure)
    assert clipped(figure) == []


def test_the_course_marks_where_the_held_out_file_is_trained_on(complete, monkeypatch):
    seen = load_course(complete).assign(validation=[0.5, None], training=[0.1, -0.2])
    monkeypatch.setattr(lrn_confound, "load_course", lambda loaded: seen)
    assert "the held-out file joins\nthe training images" in words(course_figure(complete))


def test_without_normalized_runs_there_is_no_course(tmp_path):
    figure = course_figure(confound_records(tmp_path, {"first": COMPLETE["first"]}))
    assert "not run" in words(figure)
