"""The study of AlexNet's ingredients on made-up tables: its curves, and a panel an arm."""

import pandas as pd
import pytest

from reproduce.report import alexnet_small

ERRORS = {  # variant: epochs, (training, held-out) error by epoch
    "base": (3, [(60.0, 55.0), (40.0, 38.0), (30.0, 31.0)]),
    "no_dropout": (3, [(50.0, 50.0), (20.0, 35.0), (5.0, 34.0)]),
    "half_length": (2, [(60.0, 55.0), (41.0, 39.0)]),
}


@pytest.fixture
def tables(tmp_path):
    rows = [
        ("alexnet_small", variant, epochs, epoch, 2, training, held_out)
        for variant, (epochs, errors) in ERRORS.items()
        for epoch, (training, held_out) in enumerate(errors, 1)
    ]
    columns = [
        "study",
        "variant",
        "epochs",
        "epoch",
        "n_seeds",
        "training_error_percent_mean",
        "validation_error_percent_mean",
    ]
    other = ("other_study", "base", 1, 1, 1, 9.0, 9.0)
    pd.DataFrame([*rows, other], columns=columns).to_csv(tmp_path / "histories_mean.csv", index=False)
    return tmp_path


def test_curves_are_of_this_study_and_keep_both_errors(tables):
    curves = alexnet_small.load_curves(tables)
    assert len(curves) == 8
    assert curves.iloc[3].tolist() == ["no_dropout", 3, 1, 2, 50.0, 50.0]


def test_an_arm_of_the_bases_length_has_a_panel_with_the_base_in_it(tables):
    (panel,) = [each for each in alexnet_small.learning_curves(alexnet_small.load_curves(tables)).axes if each.lines]
    assert (panel.get_title(loc="left"), panel.texts[0].get_text()) == ("no dropout", "2 seeds")
    assert [line.get_ydata().tolist() for line in panel.lines] == [
        [60.0, 40.0, 30.0],
        [50.0, 20.0, 5.0],
        [55.0, 38.0, 31.0],
        [50.0, 35.0, 34.0],
    ]


def test_without_runs_the_figure_says_so(tables):
    curves = alexnet_small.load_curves(tables)
    figure = alexnet_small.learning_curves(curves.iloc[:0])
    assert [text.get_text() for axes in figure.axes for text in axes.texts] == ["not run yet"]


def test_effects_are_those_that_ran_in_this_study_with_what_holm_makes_of_their_p(tmp_path):
    common = {"study": "alexnet_small", "unit": "percentage_points", "scale": "reduced", "schedule": "full"}
    common |= {"dataset": "CIFAR-10", "arms": "no_dropout;base", "relation": "equal", "n_first": 5, "n_second": 15}
    gap = {"claim": "gap", "ablation": "dropout", "estimand": "center_generalization_gap_percent", "estimate": 4.0}
    gap |= {"low": 3.5, "high": 4.5, "p_value_holm": 0.00012, "verdict": "direction reproduced"}
    waiting = {"claim": "noise", "ablation": "color noise", "estimand": "test_top1_error_percent", "verdict": "not run"}
    small = {"claim": "conv3", "ablation": "conv3", "estimand": "test_top1_error_percent", "estimate": 0.1}
    small |= {"low": -0.2, "high": 0.4, "p_value_holm": 0.4, "verdict": "inconclusive"}
    small |= {"negligible_within": 0.5, "negligible": True}
    rows = [common | gap, common | small, common | waiting, common | gap | {"study": "ilsvrc2012"}]
    frame = pd.DataFrame(rows).reindex(columns=[*rows[1], "published", "authors_log"])
    frame.to_csv(tmp_path / "ablations.csv", index=False)
    assert alexnet_small.effects_table(tmp_path).to_dict("records") == [
        {
            "ingredient": "dropout",
            "measure": "test minus training error",
            "effect": "4.00 points (3.50 to 4.50)",
            "seeds": "5 and 15",
            "p (Holm)": "0.00012",
            "verdict": "**direction reproduced**",
        },
        {
            "ingredient": "conv3",
            "measure": "top-1 error",
            "effect": "0.10 points (\N{MINUS SIGN}0.20 to 0.40)",
            "seeds": "5 and 15",
            "p (Holm)": "0.4",
            "verdict": "**inconclusive**, under 0.5 points",
        },
    ]
