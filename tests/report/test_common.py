"""The tables on a study's page: its arms and the effects of its designs."""

import pytest

from reproduce.base.errors import ReproduceError
from reproduce.report.records import Records
from reproduce.report.studies import common

SUMMARY = """study,variant,epochs,planned,finished,metric
nets,plain,40,3,3,test_top1_error_percent
nets,plain,40,3,3,training_top1_error_percent
nets,wide,40,3,1,test_top1_error_percent
nets,later,40,3,0,test_top1_error_percent
nets,pair,40,5,2,test_top1_error_percent
other,else,8,1,1,test_top1_error_percent
"""
RUNS = """study,variant,epochs,status,test_top1_error_percent,test_center_top1_error_percent,training_top1_error_percent
nets,plain,40,finished,17.4,19,15
nets,plain,40,finished,17.5,20,15
nets,plain,40,finished,17.6,21,15
nets,plain,10,finished,80,90,1
nets,wide,40,finished,16.2,17,13.1
nets,wide,40,missing,,,
nets,later,40,missing,,,
nets,pair,40,finished,12.78,15.3,7.0
nets,pair,40,finished,12.65,15.1,7.0
other,plain,40,finished,80,90,1
"""
FITS = """study,variant,seed,stream,cost,iterations,stopped_by,held_out_error_percent,edge
nets,words,1,sift,1.0,9,converged,46.0,
nets,words,1,sift,1000.0,90,converged,44.0,highest
nets,words,1,sift,1000.0,80,converged,,highest
nets,words,2,sift,1.0,9,converged,44.0,
nets,words,2,sift,10.0,19,converged,43.0,
nets,words,2,sift,1000.0,90,converged,45.0,
nets,words,2,sift,10.0,300,most_iterations,,
nets,patches,1,patches,10.0,12,,20.0,
nets,patches,1,patches,10.0,14,,,
"""
SHARES = "published_gain,share_percent,share_low_percent,share_high_percent"
HEADER = f"study,meaning,n,value,low,high,method,p_value_holm,{SHARES}"
INTERACTION = "interaction: (body: wide minus slim) at dropout = with, minus the same at dropout = without"
EFFECTS = f"""{HEADER}
nets,"dropout: without minus with, mean over body",3;3,0.5,-0.1,1.1,Welch,0.0123,2,25,-5,55
nets,"dropout: without minus with, at body wide",3;3,-0.2,-0.7,0.3,Welch,0.4,2,-10,-35,15
nets,"body: wide minus slim, mean over dropout",3;3,-0.2,-0.3,-0.1,Welch,0.01,2,-10,-15,-5
nets,"{INTERACTION}",3;3,-0.1,-0.5,0.3,Welch,1,,,,
nets,"body: wide minus slim, at dropout with",3;0,,,,,,,,,
nets,"body: wide minus slim, at dropout without",3;4,-0.3,,,,,2,-15,,
other,else,3;3,1,0,2,Welch,0.5,,,,
"""
COMPARED = "kind,first_arm,second_arm,estimand,n_first,n_second,first_mean,second_mean,value,low,high,method"
COMPARISONS = f"""study,question,{COMPARED}
nets,Crops?,difference,other/plain,crops,test_top1_error_percent,8,3,18.565,16.24,2.33,2.0,2.66,Welch
nets,Another net?,difference,crops,net,test_top1_error_percent,3,2,16.24,10.92,5.32,-1.0,11.64,Welch
nets,Later?,difference,other/plain,later,test_top1_error_percent,8,0,,,,,,Welch
nets,The gap?,difference,plain,crops,center_generalization_gap_percent,3,3,5,4,1,0,2,Welch
other,Else?,difference,plain,crops,test_top1_error_percent,3,3,5,4,1,0,2,Welch
"""


@pytest.fixture
def tables(tmp_path):
    (tmp_path / "summary.csv").write_text(SUMMARY)
    (tmp_path / "runs.csv").write_text(RUNS)
    (tmp_path / "factorials.csv").write_text(EFFECTS)
    return Records(tmp_path)


def rows(text):
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()[2:]]


def test_arms_with_intervals_where_there_are_seeds_for_them(tables):
    """The gaps of 4, 5 and 6 points: deviation 1, so a half width of t(2) = 4.303 over the root of 3.

    The test errors of 17.4, 17.5 and 17.6 have a tenth of that.
    """
    assert rows(common.arms_table(tables, "nets")) == [
        ["`plain`", "40", "3 of 3", "17.50 (17.25 to 17.75)", "15.00 (15.00 to 15.00)", "5.00 (2.52 to 7.48)"],
        ["`wide`", "40", "1 of 3 planned", "16.20", "13.10", "3.90"],
        ["`later`", "40", "0 of 3 planned", "-", "-", "-"],
        ["`pair`", "40", "2 of 5 planned", "12.65 and 12.78", "7.00 and 7.00", "8.10 and 8.30"],
    ]


def test_an_arm_with_a_run_of_no_value_has_no_gap(tables):
    (tables.folder / "runs.csv").write_text(RUNS.replace("20,15", ",15"))
    assert [row[-1] for row in rows(common.arms_table(tables, "nets"))] == ["-", "3.90", "-", "8.10 and 8.30"]


def test_chosen_costs_by_seed_and_those_at_the_edge_of_the_grid(tables):
    """A run made before reasons were recorded shows its rounds alone."""
    (tables.folder / "classifier_fits.csv").write_text(FITS)
    assert rows(common.costs_table(tables, "nets")) == [
        [
            "`words`",
            "sift",
            "1 to 1,000",
            "1,000; 10",
            "**highest** in 1 of 2",
            "80 (converged); 300 (most iterations)",
        ],
        ["`patches`", "patches", "10 to 10", "10", "no", "14"],
    ]


def test_comparisons_of_test_errors_with_both_means_and_the_difference(tables):
    """An arm of fewer than three seeds gives no interval, and a comparison that is not run stays as a row."""
    (tables.folder / "comparisons.csv").write_text(COMPARISONS)
    assert rows(common.differences_table(tables, "nets")) == [
        ["Crops?", "`plain`, `crops`", "18.57, 16.24", "8 and 3", "2.33 points lower (2.00 to 2.66)"],
        [
            "Another net?",
            "`crops`, `net`",
            "16.24, 10.92",
            "3 and 2",
            "5.32 points lower (too few seeds for an interval)",
        ],
        ["Later?", "`plain`, `later`", "-", "8 and 0", "not run"],
    ]


def test_a_study_without_published_runs_says_so(tables):
    assert common.arms_table(tables, "none") == "No run is published yet."


def test_effects_say_what_changes_and_on_which_side_the_error_lies(tables):
    """A share is not printed below zero: either an upper end is left open, or there is none."""
    gain = "the gain of body (slim in place of wide) at dropout = with, beside that at dropout = without"
    assert rows(common.design_effects_table(tables, "nets")) == [
        [
            "dropout: with in place of without, mean over body",
            "0.50 points lower (0.10 higher to 1.10 lower)",
            "0.012",
            "25 (−5 to 55)",
        ],
        [
            "dropout: with in place of without, at body wide",
            "0.20 points higher (0.70 higher to 0.30 lower)",
            "0.4",
            "none shown, at most 15",
        ],
        ["body: slim in place of wide, mean over dropout", "0.20 points higher (0.10 to 0.30)", "0.01", "none"],
        [f"interaction: {gain}", "gain 0.10 points smaller (0.50 smaller to 0.30 larger)", "1", "-"],
        ["body: slim in place of wide, at dropout with", "not run", "-", "-"],
        [
            "body: slim in place of wide, at dropout without",
            "0.30 points higher (no interval yet)",
            "-",
            "-",
        ],
    ]


def test_effects_that_nothing_was_published_of_have_no_column_for_it(tables):
    text = common.design_effects_table(tables, "other")
    assert "share" not in text and rows(text) == [["else", "1.00 points lower (0.00 higher to 2.00 lower)", "0.5"]]


def test_a_missing_table_is_one_line(tmp_path):
    with pytest.raises(ReproduceError, match=r"factorials\.csv is missing"):
        common.design_effects_table(Records(tmp_path), "nets")
