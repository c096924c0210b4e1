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
    assert panel.get_title(loc="left") == "no dropout (2 seeds)"
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
