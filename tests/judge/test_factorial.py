"""2 x 2 designs on run folders: contrasts worked by hand, held against t-tests and the analysis of variance."""

import itertools
import math

import pandas as pd
import pytest
from collect_support import FakeRunId, FakeStudy, write_run
from scipy import stats

from reproduce.base.errors import ReproduceError
from reproduce.base.validation import validated
from reproduce.judge.citation import cite
from reproduce.judge.collect import collect
from reproduce.judge.factorial import EffectRow, analyze_all, effects_of
from reproduce.judge.numbers import find_number
from reproduce.judge.row_tables import table_of
from reproduce.runs.table import read_runs
from reproduce.study.designs import Factorial

DESIGN = {
    "id": "body-by-normalization",
    "question": "Which of the two is it?",
    "estimand": "test_top1_error_percent",
    "factors": ["body", "normalization"],
    "levels": [["narrow", "wide"], ["without", "with"]],
    "cells": [["narrow", "narrow_normalized"], ["wide", "wide_normalized"]],
    "published_gain": {"value": 2.0, "of": "normalization", "where": "section 3.3"},
}
# Means 18, 16.5, 17, 15 and variances 1, 1/2, 2/3, 1 of 3, 2, 4 and 3 seeds.
CELLS = {
    "narrow": [17.0, 18.0, 19.0],
    "narrow_normalized": [16.0, 17.0],
    "wide": [16.0, 17.0, 18.0, 17.0],
    "wide_normalized": [14.0, 15.0, 16.0],
}
IDS = [
    *("main-body", "main-normalization", "interaction"),
    *("normalization-at-low-body", "normalization-at-high-body"),
]


def design(**changes):
    return validated(Factorial, DESIGN | changes, "study.yaml")


@pytest.fixture
def analyze(tmp_path):
    """Return a function from errors by cell (None: a missing run, "nan": a diverged one) to the rows by effect."""

    def analyzed(cells=CELLS, further=(), published_by="stages", **changes):
        run_ids = []
        for variant, errors in cells.items():
            for seed, error in enumerate(errors, 1):
                run_ids.append(FakeRunId(variant=variant, seed=seed))
                if error == "nan":
                    write_run(tmp_path, run_ids[-1], metrics={"test_top1_error_percent": None})
                elif error is not None:
                    write_run(tmp_path, run_ids[-1], error=error)
        for run_id, error in further:
            run_ids.append(run_id)
            write_run(tmp_path, run_id, error=error, schedule="lengthened")
        study = FakeStudy("nets", run_ids, factorials=[design(**changes)], published_by=published_by)
        return table_of(analyze_all([study], read_runs(run_ids, tmp_path)), EffectRow).set_index("effect")

    return analyzed


def test_every_effect_is_the_contrast_of_the_means(analyze):
    rows = analyze()
    assert list(rows.index) == IDS
    # (18 + 16.5 - 17 - 15) / 2; (18 - 16.5 + 17 - 15) / 2; (17 - 15) - (18 - 16.5); 18 - 16.5; 17 - 15
    assert rows["value"].tolist() == pytest.approx([1.25, 1.75, 0.5, 1.5, 2.0])
    assert rows["meaning"].tolist() == [
        "body: narrow minus wide, mean over normalization",
        "normalization: without minus with, mean over body",
        "interaction: (normalization: without minus with) at body = wide, minus the same at body = narrow",
        "normalization: without minus with, at body narrow",
        "normalization: without minus with, at body wide",
    ]
    assert set(rows["unit"]) == {"percentage_points"}
    assert set(rows["schedule"]) == {"full"} and set(rows["scale"]) == {"own"} and set(rows["epochs"]) == {"11"}


def test_intervals_of_unequal_cells_by_hand(analyze):
    rows = analyze()
    # squared errors of the means 1/3, 1/4, 1/6, 1/3, in sum 13/12; a main effect weighs them by 1/4, in sum 13/48.
    # Degrees: (13/48)^2 / ((1/12)^2/2 + (1/16)^2/1 + (1/24)^2/3 + (1/12)^2/2) = 0.0733507 / 0.0114294 = 6.41772
    t = stats.t.ppf(0.975, 6.41772)
    assert 2.3646 < t < 2.4469  # the table's t for 7 and 6 degrees of freedom
    for effect in ("main-body", "main-normalization"):
        row = rows.loc[effect]
        half = t * math.sqrt(13 / 48)
        assert (row["low"], row["high"]) == pytest.approx((row["value"] - half, row["value"] + half), abs=1e-5)
    interaction = rows.loc["interaction"]
    assert interaction["high"] - 0.5 == pytest.approx(t * math.sqrt(13 / 12), abs=1e-5)
    assert interaction["p_value"] == pytest.approx(2 * stats.t.sf(0.5 / math.sqrt(13 / 12), 6.41772), abs=1e-6)
    assert rows.loc["main-body", "n"] == [3, 2, 4, 3]
    assert rows.loc["main-body", "method"] == "Welch, n = 3, 2, 4 and 3"


@pytest.mark.parametrize(
    ("effect", "first", "second"),
    [
        ("normalization-at-low-body", "narrow", "narrow_normalized"),
        ("normalization-at-high-body", "wide", "wide_normalized"),
    ],
)
def test_a_simple_effect_is_welchs_t_test(analyze, effect, first, second):
    row = analyze().loc[effect]
    expected = stats.ttest_ind(CELLS[first], CELLS[second], equal_var=False)
    ends = expected.confidence_interval(0.95)
    assert (row["low"], row["high"], row["p_value"]) == pytest.approx((ends.low, ends.high, expected.pvalue))
    assert row["cells"] == [first, second]
    assert row["runs"] == [f"nets/{v}/epochs11/seed{s}" for v in (first, second) for s in range(1, len(CELLS[v]) + 1)]


def test_equal_cells_give_the_tests_of_the_analysis_of_variance(analyze):
    # Two seeds a cell, 0.5 to either side of 10, 8, 9, 4: the mean square within is 0.5 with 4 degrees of freedom. The
    # sums of squares of the effects are 8 (value / 2)^2, for the interaction 8 (value / 4)^2.
    means = {"narrow": 10, "narrow_normalized": 8, "wide": 9, "wide_normalized": 4}
    rows = analyze({name: [mean - 0.5, mean + 0.5] for name, mean in means.items()})
    expected = {"main-body": 2.5, "main-normalization": 3.5, "interaction": 3.0}
    for effect, value in expected.items():
        squares = 8 * (value / (4 if effect == "interaction" else 2)) ** 2
        assert rows.loc[effect, "value"] == pytest.approx(value)
        assert rows.loc[effect, "p_value"] == pytest.approx(stats.f.sf(squares / 0.5, 1, 4))


def test_holms_family_is_the_design(analyze):
    rows = analyze()
    ranked = rows.sort_values("p_value")
    steps = [(5 - rank) * p for rank, p in enumerate(ranked["p_value"])]
    assert ranked["p_value_holm"].tolist() == pytest.approx([min(1.0, p) for p in itertools.accumulate(steps, max)])


def test_the_share_of_the_published_gain_is_the_effect_over_it(analyze):
    rows = analyze()
    alone = rows.loc["normalization-at-low-body"]
    assert (alone["published_gain"], alone["published_where"]) == (2.0, "section 3.3")
    assert alone["share_percent"] == pytest.approx(75.0)
    ends = (alone["share_low_percent"], alone["share_high_percent"])
    assert ends == pytest.approx((50 * alone["low"], 50 * alone["high"]))
    assert rows.loc[["main-normalization", "normalization-at-high-body"], "share_percent"].tolist() == [87.5, 100.0]
    assert rows.loc[["main-body", "interaction"], ["published_gain", "share_percent"]].isna().all(axis=None)


def test_one_seed_in_a_cell_gives_values_without_intervals(analyze):
    rows = analyze(CELLS | {"narrow_normalized": [16.0]})
    alone = rows.loc["normalization-at-low-body"]
    assert (alone["value"], alone["share_percent"], alone["n"]) == (2.0, 100.0, [3, 1])
    assert alone["method"] == "one seed in an arm, n = 3 and 1"
    columns = ["low", "high", "p_value", "p_value_holm", "share_low_percent"]
    without = [name for name in IDS if name != "normalization-at-high-body"]
    assert rows.loc[without, columns].isna().all(axis=None)
    beside = rows.loc["normalization-at-high-body"]
    assert beside["p_value_holm"] == 5 * beside["p_value"]  # the only one tested, of five to be


def test_effects_of_a_cell_that_lacks_a_planned_seed_have_values_without_intervals(analyze):
    rows = analyze(CELLS | {"wide": [*CELLS["wide"], None]})
    withheld = ["low", "high", "method", "p_value", "p_value_holm", "share_low_percent", "share_high_percent"]
    complete = "normalization-at-low-body"
    assert rows.loc[complete, withheld].notna().all()
    assert rows.drop(complete)[withheld].isna().all(axis=None)
    assert rows["value"].notna().all()


def test_a_missing_cell_leaves_the_effects_of_the_others(analyze):
    rows = analyze(CELLS | {"wide_normalized": [None, None]})
    assert rows["value"].notna().to_dict() == {name: name == "normalization-at-low-body" for name in IDS}
    assert rows["missing"].to_dict() == {name: 0 if name == "normalization-at-low-body" else 2 for name in IDS}
    assert rows.loc["main-body", "n"] == [3, 2, 4, 0]
    assert rows.loc["main-normalization", "published_gain"] == 2.0
    assert pd.isna(rows.loc["main-normalization", "share_percent"])


def test_a_diverged_run_withholds_the_effects_it_is_part_of(analyze):
    rows = analyze(CELLS | {"wide": [16.0, "nan", 17.0, 18.0, 17.0]})
    assert rows["value"].notna().to_dict() == {name: name == "normalization-at-low-body" for name in IDS}
    assert rows["diverged"].tolist() == [1, 1, 1, 0, 1]
    assert not any("wide/epochs11/seed2" in run for run in rows.loc["interaction", "runs"])


def test_all_cells_are_taken_at_one_length(analyze):
    longer = [(FakeRunId(variant=name, epochs=40, seed=1), 1.0) for name in ("narrow", "narrow_normalized")]
    rows = analyze(further=longer)
    assert set(rows["epochs"]) == {"11"}
    assert rows.loc["normalization-at-low-body", "value"] == pytest.approx(1.5)


def test_of_two_complete_lengths_the_longer_is_taken(analyze):
    longer = [(FakeRunId(variant=name, epochs=40, seed=1), 10.0) for name in CELLS]
    rows = analyze(further=longer)
    assert set(rows["epochs"]) == {"40"} and set(rows["schedule"]) == {"lengthened"}
    assert rows["value"].tolist() == [0.0] * 5


def test_where_length_is_a_factor_each_cell_is_taken_at_its_own(analyze):
    half = [(FakeRunId(variant=name, epochs=5, seed=1), 20.0) for name in ("narrow", "wide")]
    rows = analyze(further=half, epochs=[5, 11])  # the high levels' runs of 11 epochs; means 16.5 and 15
    assert rows["value"].tolist() == pytest.approx([0.75, 4.25, 1.5, 3.5, 5.0])
    assert set(rows["epochs"]) == {"5 and 11"}
    assert set(rows["schedule"]) == {"full; lengthened"}
    assert rows.loc["normalization-at-low-body", "runs"][0] == "nets/narrow/epochs5/seed1"


def test_where_length_is_a_factor_runs_of_another_length_do_not_stand_in(analyze):
    rows = analyze(epochs=[11, 40])
    assert rows["value"].isna().all() and set(rows["epochs"]) == {"11"}


def test_a_design_without_any_run_is_five_rows_without_values(analyze):
    rows = analyze({})
    assert list(rows.index) == IDS
    assert rows[["value", "epochs", "dataset"]].isna().all(axis=None)
    assert rows["n"].tolist() == [[0] * 4] * 3 + [[0] * 2] * 2


@pytest.mark.parametrize(("wide", "rows"), [([], 0), ([16.0, 17.0], 5)])
def test_a_design_of_runs_published_by_hand_waits_for_all_its_cells(analyze, wide, rows):
    assert len(analyze(CELLS | {"wide": wide}, published_by="publish")) == rows


def test_an_effect_without_runs_is_cited_as_having_no_value(tmp_path):
    collect([FakeStudy("nets", [], factorials=[design()], unlisted=design().arms)], tmp_path, tmp_path / "runs", [])
    (tmp_path / "CITATION.cff").write_text("title: x\nauthors: [{name: y}]\n")
    text = cite("nets.body-by-normalization.interaction", numbers=tmp_path / "numbers.json")
    assert text.splitlines()[0] == "nets.body-by-normalization.interaction: no value"
    assert "None" not in text


def test_effects_are_tabulated_and_can_be_cited(tmp_path):
    run_ids = [FakeRunId(variant=name, seed=seed) for name, errors in CELLS.items() for seed, _ in enumerate(errors, 1)]
    for run_id, error in zip(run_ids, itertools.chain(*CELLS.values()), strict=True):
        write_run(tmp_path / "runs", run_id, error=error)
    collect([FakeStudy("nets", run_ids, factorials=[design()])], tmp_path, tmp_path / "runs", [])
    row = pd.read_csv(tmp_path / "tables" / "factorials.csv").set_index("effect").loc["main-body"]
    assert (row["cells"], row["n"]) == ("narrow;narrow_normalized;wide;wide_normalized", "3;2;4;3")
    cited = find_number("nets.body-by-normalization.normalization-at-low-body", tmp_path / "numbers.json")
    assert (cited["value"], cited["n_seeds"], cited["unit"]) == (1.5, 2, "percentage_points")
    assert cited["protocol"] == "1 test view"
    assert cited["quantity"] == "test top-1 error; normalization: without minus with, at body narrow"
    assert len(cited["runs"]) == 5


def test_the_levels_have_plain_names_where_none_are_given():
    given = {name: value for name, value in DESIGN.items() if name != "levels"}
    first = effects_of(validated(Factorial, given, "study.yaml"))[0]
    assert first.meaning == "body: low minus high, mean over normalization"


def test_a_design_of_something_not_measured_is_an_error(analyze):
    with pytest.raises(
        ReproduceError, match="factorial 'body-by-normalization' of study nets: runs have no metric 'x'"
    ):
        analyze(estimand="x")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cells": [["a", "b"], ["c", "a"]]}, "four different variants"),
        ({"cells": [["a", "b"], ["c"]]}, "cells.1"),
        ({"factors": ["body", "body"]}, "need two different names"),
        ({"factors": ["Body", "x"]}, "factors.0"),
        ({"levels": [["low", "high"]]}, "levels"),
        ({"epochs": [45]}, "epochs"),
        ({"epochs": [0, 90]}, "epochs"),
        ({"epochs": [90, 45]}, "the shorter length first"),
        ({"epochs": [90, 90]}, "the shorter length first"),
        ({"published_gain": {"value": 2.0, "of": "width", "where": "x"}}, "must be one of the factors"),
        ({"published_gain": {"value": 0.0, "of": "body", "where": "x"}}, "published_gain.value"),
    ],
)
def test_what_is_no_design_is_refused(changes, message):
    with pytest.raises(ReproduceError, match=message):
        design(**changes)
