"""The authors' printed points of training beside ours: how they are averaged, which runs they belong to, the table."""

import pandas as pd
import pytest
from report_support import make_records

from reproduce.base.errors import ReproduceError
from reproduce.base.paths import PAPER_NOTES
from reproduce.report.figures.learning_curves import learning_curves
from reproduce.report.records import Records
from reproduce.report.studies.cifar10_nets import load_points, points_table, printed_points
from reproduce.study.study import load_study

HEADER = "network,measure,epoch,file,files_in_epoch,views,loss_nats,error_percent,verification,source,place\n"
PRINTED = """19pct,training,1,1,2,1,2.2,80,A,key,page
19pct,training,1,2,2,1,2.0,70,A,key,page
19pct,test,2,1,2,1,1.5,55,A,key,page
19pct,training,2,1,2,1,1.7,60,A,key,page
conv_local_13pct,training,3,2,2,1,0.4,14,A,key,page
conv_local_13pct,test,160,2,2,10,0.42,12.6,A,key,page
conv_local_13pct,test,160,2,2,9,0.43,12.7,A,key,page
"""


@pytest.fixture
def points(tmp_path):
    (tmp_path / "points.csv").write_text(HEADER + PRINTED)
    return load_points(tmp_path / "points.csv")


def history(variant, epochs, errors, tests, seed=1):
    """The first epochs of a run: its training errors, and its test errors after each."""
    common = {"study": "cifar10_nets", "variant": variant, "epochs": epochs, "seed": seed, "weight_rate_factor": 1.0}
    measured = enumerate(zip(errors, tests, strict=True), 1)
    return [
        common
        | {"epoch": epoch, "training_error_percent": error, "training_loss_nats": error / 40}
        | {"test_error_percent": test, "test_loss_nats": test / 40}
        for epoch, (error, test) in measured
    ]


def rows(text):
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()[2:]]


def test_a_training_point_is_the_mean_over_an_epoch_that_is_printed_to_its_end(points):
    """Of epoch 2 the last file is not printed; of epoch 3 of the other net the last is, the first is not."""
    training = points[points["measure"].eq("training")]
    shown = training[["network", "passes", "files", "loss_nats", "error_percent"]].values.tolist()
    assert shown == [["19pct", 1, "1 to 2 of 2", 2.1, 75], ["conv_local_13pct", 3, "2 to 2 of 2", 0.4, 14]]


def test_a_test_stands_after_the_file_at_which_it_is_printed(points):
    assert points.loc[points["measure"].eq("test"), "passes"].tolist() == [1.5, 160, 160]


def test_points_belong_to_the_net_unchanged_at_its_own_length_and_many_views_to_the_end(points):
    lengths = [("19pct", 140), ("19pct", 20), ("19pct_all_rates", 140), ("conv_local_13pct", 160)]
    lengths += [("19pct_averages_of_2011", 140)]
    lengths += [("conv_local_13pct", 40), ("conv_local_13pct_nine_views", 160)]
    lengths += [("conv_local_13pct_stopping_rule", 220), ("18pct", 140)]
    histories = pd.DataFrame(lengths, columns=["variant", "epochs"])
    changed = load_study("cifar10_nets")
    altered = changed.variant("19pct").model_copy(update={"changes": {"*.weight_decay": 0.0}})
    histories.loc[len(histories)] = ["19pct_altered", 140]
    study = changed.model_copy(update={"variants": changed.variants | {"19pct_altered": altered}})
    found = printed_points(histories, points, study)
    assert found.groupby(["variant", "epochs"], sort=False)["passes"].apply(list).to_dict() == {
        ("19pct", 140): [1, 1.5],
        ("19pct_all_rates", 140): [1, 1.5],
        ("19pct_averages_of_2011", 140): [1, 1.5],
        ("conv_local_13pct", 160): [3, 160],
        ("conv_local_13pct_nine_views", 160): [3, 160],
        ("conv_local_13pct_stopping_rule", 220): [3],
    }
    tested = found[found["passes"].eq(160)]
    assert tested[["variant", "views", "error_percent"]].values.tolist() == [
        ["conv_local_13pct", 10, 12.6],
        ["conv_local_13pct_nine_views", 9, 12.7],
    ]


def test_the_table_sets_ours_beside_theirs_at_the_same_point(tmp_path, points):
    """Tests of 60 and 50 after epochs 1 and 2 are 55 after one pass and a half; the ten-view test is the run's own."""
    runs = [(72, 1), (70, 2), (74, 3)]
    parts = [history("19pct", 140, [error, 60], [60, 50], seed) for error, seed in runs]
    parts.append(history("conv_local_13pct", 160, [40, 30, 20], [35, 30, 25]))
    run = {"study": "cifar10_nets", "variant": "conv_local_13pct", "epochs": 160, "status": "finished"}
    run |= {"test_top1_error_percent": 13.1, "test_loss_nats": 0.44}
    loaded = Records(tmp_path)
    loaded.histories, loaded.runs = pd.DataFrame([row for part in parts for row in part]), pd.DataFrame([run])
    table = rows(points_table(loaded, points, load_study("cifar10_nets")))
    assert table[0] == [
        *("`19pct`", "1", "training, files 1 to 2 of 2", "75.00", "72.00 (67.03 to 76.97)", "3"),
        *("62.06 to 81.94", "yes", "2.10", "1.80"),
    ]
    assert table[1][:5] == ["`19pct`", "1.5", "test", "55.00", "55.00 (55.00 to 55.00)"]
    assert table[2][1:8] == ["3", "training, files 2 to 2 of 2", "14.00", "20.00", "1", "-", "-"]
    assert table[3][1:5] == ["160", "test, 10 views", "12.60", "13.10"]
    assert table[3][8:] == ["0.42", "0.44"]


def test_without_runs_there_is_no_table(tmp_path, points):
    assert points_table(make_records(tmp_path), points) == "Not run yet."


def test_points_of_the_start_are_drawn_in_an_inset_and_others_in_the_panel(points):
    histories = pd.DataFrame(
        history("19pct", 140, [70, 60, *[30] * 138], [60, 50, *[28] * 138])
        + history("conv_local_13pct", 160, [50, 40, *[15] * 158], [45, 40, *[14] * 158])
    )
    nothing = pd.DataFrame(columns=["variant", "value", "label"])
    averaged = pd.DataFrame({"variant": ["conv_local_13pct"], "epochs": [160], "error_percent": [12.4]})
    figure = learning_curves(histories, nothing, averaged, printed_points(histories, points))
    first, second = (axes for axes in figure.axes if axes.get_visible())
    (inset,) = first.child_axes
    assert second.child_axes == []
    drawn = [[(*line.get_xdata(), *line.get_ydata()) for line in axes.lines if line.get_marker() == "D"] for axes in
             (first, inset, second)]  # fmt: skip
    assert [sorted(marks) for marks in drawn] == [[], [(1, 75), (1.5, 55)], [(3, 14), (160, 12.6)]]
    (legend,) = figure.legends
    labels = [text.get_text() for text in legend.get_texts()]
    ours, authors = "ours, views averaged (mean of seeds)", "authors, printed (at the end: views averaged)"
    assert labels == ["test", "training (running)", ours, authors]
    circles = [
        line for axes in (first, second) for line in axes.lines if line.get_marker() == "o" and len(line.get_xdata())
    ]
    assert [(*line.get_xdata(), *line.get_ydata()) for line in circles] == [(160, 12.4)]
    without = learning_curves(histories, nothing, averaged.iloc[:0])
    assert [text.get_text() for text in without.legends[0].get_texts()] == labels[:2]


def test_the_published_points_are_as_the_fact_sheet_has_them():
    """Errors at the ends of epochs 1 to 3 are 67.2, 58.5 and 52.6 %, the test 55.3 %; the sample run ends at 12.6 %."""
    lines = pd.read_csv(PAPER_NOTES / "authors_training_points.csv").set_index(["network", "measure", "epoch", "file"])
    errors = lines["error_percent"]
    ends = [errors["19pct", "training", epoch, 5] for epoch in (1, 2, 3)]
    assert ends == pytest.approx([67.2, 58.5, 52.6], abs=0.05)
    assert errors["19pct", "test", 3, 3] == pytest.approx(55.3, abs=0.05)
    assert errors["conv_local_13pct", "test", 160, 5] == 12.6
    assert set(lines["source"]) <= set((PAPER_NOTES / "references.bib").read_text().replace("{", ",").split(","))


def test_an_error_that_is_no_percentage_is_one_line(tmp_path):
    (tmp_path / "points.csv").write_text(HEADER + PRINTED.replace(",70,", ",700,"))
    with pytest.raises(ReproduceError, match="'700.*' in column error_percent of .*points.csv, line 3"):
        load_points(tmp_path / "points.csv")
