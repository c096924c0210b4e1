"""The study of AlexNet's ingredients on made-up tables: its curves, and one panel per arm."""

import pandas as pd
import pytest

from reproduce.report.figures.arms_beside_base import arms_beside_base
from reproduce.report.records import Records
from reproduce.report.studies import alexnet_small

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
    return Records(tmp_path)


def test_curves_are_of_this_study_and_keep_both_errors(tables):
    curves = alexnet_small.load_curves(tables)
    assert len(curves) == 8
    assert curves.iloc[3].tolist() == ["no_dropout", 3, 1, 2, 50.0, 50.0]


def test_an_arm_of_the_bases_length_has_a_panel_with_its_differences_from_the_base(tables):
    (panel,) = [
        each for each in arms_beside_base(alexnet_small.load_curves(tables), alexnet_small.BASE).axes if each.lines
    ]
    said = "held out ends\n3.0 higher, n = 2"
    assert (panel.get_title(loc="left"), panel.texts[0].get_text()) == ("no dropout", said)
    zero, training, held_out = panel.lines
    assert list(zero.get_ydata()) == [0, 0]
    assert training.get_ydata().tolist() == [50.0 - 60.0, 20.0 - 40.0, 5.0 - 30.0]
    assert held_out.get_ydata().tolist() == [50.0 - 55.0, 35.0 - 38.0, 34.0 - 31.0]


def test_without_runs_the_figure_says_so(tables):
    curves = alexnet_small.load_curves(tables)
    figure = arms_beside_base(curves.iloc[:0], alexnet_small.BASE)
    assert [text.get_text() for axes in figure.axes for text in axes.texts] == ["not run yet"]


def test_effects_are_those_that_ran_in_this_study_with_what_holm_makes_of_their_p(tmp_path):
    common = {"study": "alexnet_small", "unit": "percentage_points", "scale": "reduced", "schedule": "full"}
    common |= {"dataset": "CIFAR-10", "arms": "no_dropout;base", "relation": "equal", "n_first": 5, "n_second": 15}
    gap = {"claim": "gap", "ablation": "dropout", "estimand": "center_generalization_gap_percent", "estimate": 4.0}
    gap |= {"low": 3.5, "high": 4.5, "p_value_holm": 0.00012, "verdict": "direction reproduced"}
    waiting = {"claim": "noise", "ablation": "color noise", "estimand": "test_top1_error_percent", "verdict": "not run"}
    small = {"claim": "conv3", "ablation": "conv3", "estimand": "test_top1_error_percent", "estimate": 0.1}
    small |= {"low": -0.2, "high": 0.4, "confidence_percent": 97.5, "p_value_holm": 0.4, "verdict": "inconclusive"}
    small |= {"negligible_within": 0.5, "negligible": True}
    rows = [common | gap, common | small, common | waiting, common | gap | {"study": "ilsvrc2012"}]
    frame = pd.DataFrame(rows).reindex(columns=[*rows[1], "margin", "published", "authors_log"])
    frame.to_csv(tmp_path / "ablations.csv", index=False)
    assert alexnet_small.claimed_effects_table(Records(tmp_path)).to_dict("records") == [
        {
            "ingredient": "dropout",
            "measure": "test minus training error",
            "with the ingredient it is": "4.00 points lower (3.50 to 4.50)",
            "seeds": "5 and 15",
            "p (Holm)": "0.00012",
            "verdict": "**direction reproduced**",
        },
        {
            "ingredient": "conv3",
            "measure": "top-1 error",
            "with the ingredient it is": "0.10 points lower (0.20 higher to 0.40 lower, at 97.5 %)",
            "seeds": "5 and 15",
            "p (Holm)": "0.4",
            "verdict": "**inconclusive**, under 0.5 points",
        },
    ]


def test_the_windows_that_a_loss_may_be_averaged_over_give_a_ratio_each_or_none(tmp_path):
    """Losses fall from 3 to 1 nats, past the 1.974 of chance's six sevenths, at update 300 and at 600 of the other arm.

    A mean over w updates is below it once 0.513 w of them are past: 52 of 100.
    """
    falls = {("early_biases_zero", 1): 600, ("early_biases_zero", 2): 600, ("early", 1): 300, ("early", 2): 300}
    rows = [
        ("alexnet_small", *arm, update, 3.0 if update <= at else 1.0)
        for arm, at in falls.items()
        for update in range(1, 1001)
    ]
    columns = ["study", "variant", "seed", "update", "training_loss_nats"]
    pd.DataFrame(rows, columns=columns).to_csv(tmp_path / "update_losses.csv", index=False)
    table = alexnet_small.bias_windows_table(Records(tmp_path))
    assert table["updates averaged"].tolist() == ["1", "10", "20", "50", "**100**", "200"]
    assert table["ratio"].str.split(" ").str[0].tolist() == [
        *("1.997", "1.980", "1.965", "1.920"),  # 601 / 301, 606 / 306, 611 / 311, 626 / 326
        *("1.852", "1.744"),  # 652 / 352, 703 / 403
    ]
    never = [row if row[1:3] != ("early", 2) else (*row[:4], 3.0) for row in rows]
    pd.DataFrame(never, columns=columns).to_csv(tmp_path / "update_losses.csv", index=False)
    assert alexnet_small.bias_windows_table(Records(tmp_path)).empty
