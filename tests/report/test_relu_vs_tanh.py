"""The study of ReLU against tanh on made-up tables: what its page says of epochs, ratios and rates, and its figure."""

import pandas as pd
import pytest

from reproduce.report.records import Records
from reproduce.report.studies import relu_vs_tanh
from reproduce.study.study import load_study

RUNNING, CLEAN = relu_vs_tanh.REACHED.values()
RUNS = {  # variant: training error in percent at the end of each epoch, a list a seed
    "relu_r002": [[60.0, 30.0, 20.0], [60.0, 32.0, 24.0]],
    "tanh_r001": [[70.0, 50.0, 40.0, 30.0, 24.0]],
    "tanh_suited_r008": [[50.0, 30.0, 26.0]],
    "relu_suited_r016": [[40.0, 20.0]],
    "local_relu_r001": [[50.0, 24.0]],
}
HISTORIES = pd.DataFrame(
    [
        ("relu_vs_tanh", variant, seed, epoch, error)
        for variant, seeds in RUNS.items()
        for seed, errors in enumerate(seeds, 1)
        for epoch, error in enumerate(errors, 1)
    ]
    + [("other_study", "anything", 1, 1, 90.0)],
    columns=["study", "variant", "seed", "epoch", "training_error_percent"],
)
SUMMARY = pd.DataFrame(
    [
        ("relu_vs_tanh", "relu_r002", 9, RUNNING, 2, 2, 2.5, 2.1, 2.9),
        ("relu_vs_tanh", "relu_r002", 9, CLEAN, 2, 2, 2.25, None, None),
        ("relu_vs_tanh", "relu_r002", 9, "test_top1_error_percent", 2, 2, 30.0, 29.0, 31.0),
        ("relu_vs_tanh", "tanh_r001", 9, RUNNING, 3, 1, 4.8, None, None),
        ("relu_vs_tanh", "tanh_suited_r008", 9, RUNNING, 3, 0, None, None, None),
        ("relu_vs_tanh", "relu_suited_r016", 9, RUNNING, 3, 3, 1.5, 1.2, 1.8),
        ("relu_vs_tanh", "relu_r002", 18, RUNNING, 2, 2, 3.5, 3.1, 3.9),  # of another length: another arm
        ("other_study", "anything", 9, RUNNING, 1, 1, 9.0, None, None),
    ],
    columns=["study", "variant", "epochs", "metric", "listed", "n_seeds", "mean", "low", "high"],
)
COMPARISONS = pd.DataFrame(
    [
        ("relu_vs_tanh", "faster", "How much faster?", "ratio", 1.96, 1.5, 2.4, 3, 2),
        ("relu_vs_tanh", "suited-tanh-over-suited-relu", "Suited?", "ratio", 1.21, 0.99, 1.47, 3, 3),
        ("other", "else", "?", "ratio", 9, 8, 10, 1, 1),
    ],
    columns=["study", "comparison", "question", "kind", "value", "low", "high", "n_first", "n_second"],
)


@pytest.fixture
def tables(tmp_path):
    for name, frame in (("histories", HISTORIES), ("summary", SUMMARY), ("comparisons", COMPARISONS)):
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    verdicts = {"claim_id": ["relu-six-times-faster"], "estimate": [3.97], "low": [3.6], "high": [4.38]}
    pd.DataFrame(verdicts).to_csv(tmp_path / "verdicts.csv", index=False)
    return Records(tmp_path)


def test_the_settings_of_a_variant_say_net_and_units():
    study = load_study(relu_vs_tanh.STUDY)
    said = {name: relu_vs_tanh.net_and_unit(study, name) for name in ("local_tanh_r0005", *RUNS)}
    assert said["local_tanh_r0005"] == ("body of the 13 % net", "tanh")
    assert said["relu_r002"] == ("body of the 80-second net", "ReLU")
    assert said["tanh_suited_r008"][1] == "tanh, suited inputs and weights"
    assert said["relu_suited_r016"][1] == "ReLU, suited inputs and weights"


def test_curves_are_those_of_the_study(tables):
    curves = relu_vs_tanh.load_curves(tables)
    assert len(curves) == 18
    assert set(curves["unit"]) == set(relu_vs_tanh.UNITS.values())


def test_the_page_gives_epochs_with_intervals_and_says_what_never_got_there(tables):
    lines = relu_vs_tanh.epochs_table(tables).splitlines()
    relu, tanh, suited, suited_relu = lines[2:]
    assert "ReLU, suited inputs and weights" in suited_relu and "0.016" in suited_relu
    assert "0.002" in relu and "2 of 2" in relu and "2.5 (2.1 to 2.9)" in relu and "2.3" in relu  # a half, away from 0
    assert "1 of 3" in tanh and "| 4.8 " in tanh
    assert "0 of 3" in suited and suited.count("| - ") == 2


def test_ratios_are_those_of_the_study(tables):
    row, _ = relu_vs_tanh.ratios_table(tables).splitlines()[2:]
    assert "How much faster?" in row and "1.96 (1.50 to 2.40)" in row and "3 and 2" in row


def test_the_search_shows_every_run_and_the_fastest_rate(tmp_path, monkeypatch):
    rows = [("relu_r001", 101, 10, 8.8), ("relu_r002", 101, 9, 8.0), ("relu_r002", 102, 9, 8.4)]
    rows += [("relu_r004", 101, 8, None), ("tanh_r001", 101, 60, None)]
    frame = pd.DataFrame(rows, columns=["variant", "seed", "trained_epochs", RUNNING])
    frame.to_csv(tmp_path / "tuning.csv", index=False)
    study = load_study(relu_vs_tanh.STUDY)
    monkeypatch.setattr(type(study), "folder", tmp_path)
    head, _, relu, tanh = relu_vs_tanh.rates_table(study).splitlines()
    assert [cell.strip() for cell in head.split("|")[3:-1]] == ["0.001", "0.002", "0.004"]
    assert [cell.strip() for cell in relu.split("|")[3:-1]] == ["8.8", "**8.0, 8.4**", "> 8"]
    assert [cell.strip() for cell in tanh.split("|")[3:-1]] == ["> 60", "-", "-"]


def test_a_rate_with_a_run_that_never_got_there_is_not_the_fastest():
    runs = pd.DataFrame({"rate": [1.0, 1.0, 2.0], RUNNING: [3.0, None, 9.0]})
    assert relu_vs_tanh.fastest_rate(runs) == 2.0
    assert relu_vs_tanh.fastest_rate(runs.iloc[1:2]) is None


def test_the_figure_has_a_line_a_seed_and_marks_where_an_arm_gets_there(tables):
    figure = relu_vs_tanh.error_figure(tables)
    main, other = figure.axes
    said = " ".join(figure.get_suptitle().split())
    assert "3.97 (3.60 to 4.38) times on the body of the 80-second net (paper: 6" in said
    assert said.endswith("With inputs and weights suited to both the first is 1.21 (0.99 to 1.47).")
    assert [axes.get_title(loc="left") for axes in (main, other)] == list(relu_vs_tanh.NETS.values())
    assert len(main.lines) == 1 + 5 + 3 and len(other.lines) == 1 + 1  # 25 %, seeds, marks
    said = [text.get_text() for text in main.get_legend().get_texts()]
    suited = ["ReLU, suited inputs and weights: 1.5", "tanh, suited inputs and weights"]
    assert said == ["ReLU: 2.5", "tanh: 4.8", *suited]


def test_a_study_without_runs_still_gives_its_page_and_figure(tmp_path):
    for name, frame in (("histories", HISTORIES), ("summary", SUMMARY), ("comparisons", COMPARISONS)):
        frame.iloc[:0].to_csv(tmp_path / f"{name}.csv", index=False)
    (tmp_path / "verdicts.csv").write_text("claim_id,estimate,low,high\n")
    loaded = Records(tmp_path)
    assert relu_vs_tanh.epochs_table(loaded) == relu_vs_tanh.ratios_table(loaded) == "Not run yet."
    figure = relu_vs_tanh.error_figure(loaded)
    assert [text.get_text() for text in figure.axes[0].texts] == ["not run yet"]
