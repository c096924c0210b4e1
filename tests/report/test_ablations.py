"""The forest plot of ablations: what its rows say, what is drawn where, and that it stays legible at any length."""

import math

import pandas as pd
import pytest
from matplotlib.colors import same_color
from report_support import clipped, make_records, overlaps, words

from reproduce.report import build
from reproduce.report.ablation_table import load_ablations, load_effects, panels
from reproduce.report.effects import EFFECTS
from reproduce.report.figures.ablation_effects import ablation_effects
from reproduce.report.figures.ablation_forest import ablation_forest
from reproduce.report.figures.verdict_forest import VERDICT_LOOKS
from reproduce.report.records import Records
from reproduce.report.style import GREEN

NOTHING = {
    "arms": math.nan,
    "unit": "percentage_points",
    "schedule": math.nan,
    "relation": "equal",
    **dict.fromkeys(["margin", "published", "authors_log", "estimate", "low", "high", "confidence_percent"], math.nan),
    "n_first": 0,
    "n_second": 0,
    "study": "nets",
    "p_value_holm": math.nan,
    "negligible_within": math.nan,
    "negligible": math.nan,
    "verdict": "not run",
}


def row(ablation, claim, estimand="test_top1_error_percent", dataset="ILSVRC-2012", scale="imagenet", **changes):
    named = {"ablation": ablation, "claim": claim, "estimand": estimand, "dataset": dataset, "scale": scale}
    return NOTHING | named | changes


def ran(estimate, half, verdict, schedule="full"):
    found = {"estimate": estimate, "low": estimate - half, "high": estimate + half, "verdict": verdict}
    return found | {"n_first": 3, "n_second": 4, "schedule": schedule}


FEW = [
    row("normalization", "lrn", published=1.4, authors_log=1.37),
    row("normalization", "lrn-small", scale="reduced", dataset="CIFAR-10", **ran(0.9, 0.5, "direction reproduced")),
    row("color noise", "noise", published=1.0, relation="at_least"),
    row("a layer", "conv3", arms="no_conv3;paper", published=2.0, margin=0.5, **ran(1.8, 0.3, "reproduced")),
    row("a layer", "any"),
    row("dropout", "gap", "center_generalization_gap_percent", **ran(9.0, 2.0, "inconclusive", "shortened")),
    row("ReLU", "relu", "epochs_to_25_percent_training_error", "CIFAR-10", "own", unit="ratio", published=6.0),
    row("ReLU", "relu-small", "updates", "CIFAR-10", "own", unit="ratio", **ran(2.0, 0.5, "direction reproduced")),
]


@pytest.fixture
def figure():
    return ablation_forest(pd.DataFrame(FEW))


def lines_of(axes, **look):
    return [line for line in axes.lines if all(getattr(line, f"get_{name}")() == value for name, value in look.items())]


def test_panels_are_by_unit_and_rows_by_ingredient():
    errors, gaps, ratios = panels(pd.DataFrame(FEW))
    assert list(errors.groups) == ["normalization", "color noise", "a layer"]
    assert (list(gaps.groups), list(ratios.groups)) == (["dropout"], ["ReLU"])
    assert [panel.is_ratio for panel in (errors, gaps, ratios)] == [False, False, True]
    other = panels(pd.DataFrame([row("x", "y", "test_loss_nats", unit="nats"), *FEW]))
    assert [panel.title for panel in other] == [errors.title, gaps.title, "nats", ratios.title]


def test_rows_say_what_was_measured_where_and_what_came_of_it():
    errors, gaps, ratios = panels(pd.DataFrame(FEW))
    said = [(found.label, found.result) for found in errors.rows]
    assert said == [
        (["top-1 error, ILSVRC-2012"], ["not run at ImageNet scale"]),
        (["top-1 error, CIFAR-10, reduced scale"], ["0.90 (0.40 to 1.40), n = 3, 4", "direction reproduced"]),
        (["top-1 error, ILSVRC-2012"], ["not run at ImageNet scale"]),
        (
            ["top-1 error, ILSVRC-2012", "no_conv3 \N{MINUS SIGN} paper"],
            ["1.80 (1.50 to 2.10), n = 3, 4", "reproduced"],
        ),
        (["top-1 error, ILSVRC-2012", "any"], ["not run at ImageNet scale"]),
    ]
    assert gaps.rows[0].result[1] == "inconclusive, shortened"
    small = row("a", "b", **ran(0.1, 0.2, "inconclusive", "full"), negligible_within=0.5, negligible=True)
    assert panels(pd.DataFrame([small, *FEW]))[0].rows[0].result[1] == "inconclusive, under 0.5 points"
    assert ratios.rows[0].label == ["epochs to 25 % training error,", "CIFAR-10, own scale"]


def test_one_seed_and_no_value_have_words():
    one = row("a", "one", **ran(1.0, 0.0, "inconclusive")) | {"low": math.nan, "high": math.nan}
    none = row("a", "none", verdict="inconclusive", schedule="full")
    (panel,) = panels(pd.DataFrame([one, none]))
    assert [found.result for found in panel.rows] == [["1.00, n = 3, 4", "inconclusive"], ["no value", "inconclusive"]]
    (within,) = panels(pd.DataFrame([one | {"n_second": math.nan, "estimand": "ten_view_gain_percentage_points"}]))
    assert (within.title, within.rows[0].result[0]) == (panel.title, "1.00, n = 3")
    drawn = words(ablation_forest(pd.DataFrame([one, none])))
    assert "1.00, n = 3, 4" in drawn and "nan" not in drawn


def test_figures_of_paper_and_log_and_ours_are_at_their_values(figure):
    errors, gaps, ratios = figure.axes
    assert [line.get_xdata()[0] for line in lines_of(errors, marker="|")] == [1.4, 1.0, 2.0]
    (logged,) = lines_of(errors, marker="o", markerfacecolor="none")
    assert list(logged.get_xdata()) == [1.37]
    (band,) = errors.patches
    assert (band.get_x(), band.get_width()) == (1.5, 1.0)  # the margin about 2 points
    (interval,) = [line for line in errors.lines if len(line.get_xdata()) == 2 and same_color(line.get_color(), GREEN)]
    assert list(interval.get_xdata()) == pytest.approx([1.5, 2.1])
    (ours,) = lines_of(errors, marker=VERDICT_LOOKS["direction reproduced"][1])
    assert list(ours.get_xdata()) == [0.9]
    assert (errors.get_xscale(), gaps.get_xscale(), ratios.get_xscale()) == ("linear", "linear", "log")
    nulls = [lines_of(axes, linestyle="--")[0].get_xdata()[0] for axes in (errors, gaps, ratios)]
    assert nulls == [0, 0, 1]


def test_each_row_is_drawn_at_the_height_of_its_words(figure):
    errors = figure.axes[0]
    heights = {text.get_text(): text.xy[1] for text in errors.texts}
    drawn = [line.get_ydata()[0] for line in lines_of(errors, marker="|")]
    assert drawn[2] == pytest.approx(heights["top-1 error, ILSVRC-2012\nno_conv3 \N{MINUS SIGN} paper"])
    assert drawn == sorted(drawn) and errors.yaxis_inverted()


def test_the_legend_names_only_what_is_drawn(figure):
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        *("the paper's figure", "at least so much", "the authors' log", "claimed without a figure"),
        "its margin, fixed before the runs",
        *("ours: reproduced", "ours: direction reproduced", "ours: inconclusive"),
    ]


def test_an_interval_that_reaches_far_beyond_ends_in_an_arrow():
    far = [row("a", "wide", published=1.0, **ran(0.5, 60.0, "inconclusive")), row("a", "narrow", published=2.0)]
    (axes,) = ablation_forest(pd.DataFrame(far)).axes
    low, high = axes.get_xlim()
    assert (low, high) == (pytest.approx(-2.8, abs=0.5), pytest.approx(4.8, abs=0.5))
    assert [line.get_xdata()[0] for line in lines_of(axes, marker="<")] == [low]
    assert [line.get_xdata()[0] for line in lines_of(axes, marker=">")] == [high]


def many(count):
    verdicts = ["reproduced", "direction reproduced", "inconclusive", "not reproduced"]
    rows = []
    for number in range(count):
        name, published = f"ingredient {number // 3}", 0.3 + 0.1 * (number % 7)
        if number % 3 == 0:
            rows.append(row(name, f"claim-{number}", published=published, authors_log=published + 0.03))
        else:
            found = ran(0.2 * (number % 5) - 0.3, 0.3, verdicts[number % 4], "full" if number % 2 else "shortened")
            rows.append(
                row(name, f"claim-{number}", scale="reduced", dataset="CIFAR-10", arms="without_it;with_it", **found)
            )
    return pd.DataFrame(rows)


@pytest.mark.parametrize("table", [pd.DataFrame(FEW), many(40)], ids=["8", "40"])
def test_words_neither_overlap_nor_leave_the_page(table):
    drawn = ablation_forest(table)
    assert overlaps(drawn) == []
    assert clipped(drawn) == []


def test_the_page_grows_with_its_rows():
    few, more = ablation_forest(many(3)), ablation_forest(many(9))
    assert more.get_figheight() - few.get_figheight() > 1.4 * (few.get_figheight() - 1)
    assert more.get_figwidth() == few.get_figwidth()


def test_the_stage_draws_the_collected_table_even_without_ablations(tmp_path):
    make_records(tmp_path)
    assert load_ablations(Records(tmp_path / "tables")).empty
    paths = build.ablations_stage(tmp_path / "figures", Records(tmp_path / "tables"))
    assert [path.name for path in paths] == [
        "ablations.png",
        "ablations.svg",
        "ablation_effects.png",
        "ablation_effects.svg",
    ]
    assert "no claim names an ablation" in paths[1].read_text()


def test_effects_are_sorted_and_only_settled_gains_count():
    numbers = {}
    for place, (_, number_id, claim_id) in enumerate(EFFECTS):
        row = {"value": place - 2.0, "low": place - 2.5, "high": place - 1.5, "n_seeds": 3, "verdict": "inconclusive"}
        row |= {"method": "Welch", "confidence_percent": None}
        numbers[number_id] = row
        numbers.setdefault(claim_id, row)
    for claim_id in ("small-lrn-top1", "small-ten-views-top1"):  # places 3 and 1: one above zero, one below
        numbers[claim_id]["verdict"] = "direction reproduced"
    numbers["small-removing-conv5-top1"]["verdict"] = "no effect within 0.5 points"
    effects = load_effects(numbers)
    kinds = effects.set_index("ingredient")["verdict_kind"]
    assert kinds["the fifth convolution"] == "no effect" and kinds["response normalization"] == "direction reproduced"
    assert effects["value"].is_monotonic_decreasing
    assert effects.loc[effects["lowers"], "ingredient"].tolist() == ["response normalization"]
    drawn = ablation_effects(effects)
    said = " ".join(drawn.get_suptitle().split())
    assert said.startswith("With response normalization the reduced net's test error is 1.0 points lower, the largest")
    assert "1.0 lower   direction reproduced | 0.0 points  inconclusive | " in words(drawn)
    assert "2.0 higher  inconclusive \N{DAGGER}\N{DOUBLE DAGGER}" in words(drawn)  # about overfitting; without zero
    assert "overfitting or training error" in drawn.axes[0].get_xlabel()
    assert overlaps(drawn) == clipped(drawn) == []
